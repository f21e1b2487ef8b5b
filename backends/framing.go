package backends

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/textproto"
)

// framing is how the end of an answer's body is told, and how much of it has come. It
// takes a body's bytes out of what a connection brings, however that is cut up, and
// judges as net/http does: what that refuses it refuses.
type framing struct {
	kind    framingKind
	left    uint64      // of the body, or of the chunk at hand
	step    step        // in a chunked body
	line    []byte      // the begin of a chunk's head or of the trailer, cut off by the end of a read
	excess  int64       // bytes that were no body, above what is fair
	more    bool        // more came than the body
	trailer http.Header // of a chunked body; nil = none
}

type framingKind int

const (
	untilClose framingKind = iota
	sized
	chunked
)

// step is what a chunked body goes on with.
type step int

const (
	chunkHead step = iota
	chunkData
	chunkEnd    // the line end behind the data
	chunkEndTwo // its second byte
	trailer
)

const (
	// maxChunkHead bounds the line with a chunk's size, in bytes.
	maxChunkHead = 4 << 10
	// maxTrailer bounds the fields behind a chunked body, in bytes.
	maxTrailer = 4 << 10
	// maxSizeDigits are those of a chunk's size that fits into its 64 bits.
	maxSizeDigits = 16
	// chunkFair and maxExcess bound what an engine may send around the body: chunkFair
	// bytes and twice the data for each chunk, and maxExcess above that.
	chunkFair = 16
	maxExcess = 16 << 10
)

// What is wrong with a chunked body, worded as by net/http.
var (
	errChunkEnd    = errors.New("malformed chunked encoding")
	errChunkSize   = errors.New("invalid byte in chunk length")
	errChunkNoSize = errors.New("empty hex number for chunk length")
	errChunkHuge   = errors.New("http chunk length too large")
	errChunkLine   = errors.New("header line too long")
	errChunkCR     = errors.New("chunked line does not end with CR LF alone")
	errChunkExcess = errors.New("chunked encoding contains too much non-data")
	errTrailerLong = errors.New("http: suspiciously long trailer after chunked body")
)

// framingOf is the framing of an answer that has a body.
func framingOf(res *http.Response) framing {
	switch {
	case len(res.TransferEncoding) > 0: // net/http knows but one
		return framing{kind: chunked}
	case res.ContentLength >= 0:
		return framing{kind: sized, left: uint64(res.ContentLength)}
	}
	return framing{kind: untilClose}
}

// take takes the body out of what has come next, in its place: it is a part of p,
// whose bytes may have moved. With io.EOF the body has ended. Any other error is final.
func (f *framing) take(p []byte) (body []byte, err error) {
	switch f.kind {
	case untilClose:
		return p, nil
	case sized:
		n := min(uint64(len(p)), f.left)
		if f.left -= n; f.left == 0 {
			f.more = len(p) > int(n)
			return p[:n], io.EOF
		}
		return p, nil
	}
	return f.takeChunks(p)
}

// cut is what the end of the connection means here: the body's own, or that of an
// answer that is not whole.
func (f *framing) cut() error {
	if f.kind == untilClose {
		return io.EOF
	}
	return io.ErrUnexpectedEOF
}

func (f *framing) takeChunks(p []byte) (body []byte, err error) {
	from, to := 0, 0 // of body in p
	for at := 0; at < len(p) && err == nil; {
		switch f.step {
		case chunkHead:
			var n int
			n, err = f.head(p[at:])
			at += n
		case chunkData:
			n := int(min(uint64(len(p)-at), f.left))
			if to == 0 {
				from, to = at, at
			}
			if to != at {
				copy(p[to:], p[at:at+n])
			}
			to, at = to+n, at+n
			if f.left -= uint64(n); f.left == 0 {
				f.step = chunkEnd
			}
		case chunkEnd, chunkEndTwo:
			if p[at] != "\r\n"[f.step-chunkEnd] {
				return p[from:to], errChunkEnd
			}
			at++
			if f.step++; f.step > chunkEndTwo {
				f.step = chunkHead
			}
		case trailer:
			err = f.fields(p[at:])
			at = len(p)
		}
	}
	return p[from:to], err
}

// head reads the line before a chunk, and tells how many bytes it took.
func (f *framing) head(p []byte) (n int, err error) {
	n = bytes.IndexByte(p, '\n') + 1
	line := p[:n]
	switch {
	case n == 0 && len(f.line)+len(p) >= maxChunkHead, len(f.line)+n > maxChunkHead:
		return n, errChunkLine
	case n == 0:
		f.line = append(f.line, p...)
		return len(p), nil
	case len(f.line) > 0:
		f.line = append(f.line, line...)
		line = f.line
	}
	if cr := bytes.IndexByte(line, '\r'); cr < 0 || cr != len(line)-len("\r\n") {
		return n, errChunkCR
	}
	size, err := chunkSize(line[:len(line)-len("\r\n")])
	if err != nil {
		return n, err
	}
	// Twice a size of 2^62 and more is no number, in net/http neither: no such chunk ever ends.
	f.excess = max(0, f.excess+int64(len(line))-(chunkFair+2*int64(size))) //nolint:gosec // see above
	f.line = f.line[:0]
	switch f.left = size; {
	case f.excess > maxExcess:
		return n, errChunkExcess
	case size == 0:
		f.step = trailer
	default:
		f.step = chunkData
	}
	return n, nil
}

// chunkSize reads a chunk's size. What an extension says is passed over.
func chunkSize(line []byte) (size uint64, err error) {
	digits, _, _ := bytes.Cut(bytes.TrimRight(line, " \t"), []byte(";"))
	if len(digits) == 0 {
		return 0, errChunkNoSize
	}
	for i, b := range digits {
		switch {
		case i == maxSizeDigits:
			return 0, errChunkHuge
		case '0' <= b && b <= '9':
			b -= '0'
		case 'a' <= b && b <= 'f':
			b -= 'a' - 10
		case 'A' <= b && b <= 'F':
			b -= 'A' - 10
		default:
			return 0, errChunkSize
		}
		size = size<<4 | uint64(b)
	}
	return size, nil
}

// fields reads what follows the last chunk: an empty line, mostly.
func (f *framing) fields(p []byte) error {
	fit := min(len(p), maxTrailer-len(f.line))
	f.line = append(f.line, p[:fit]...)
	end := len("\r\n")
	if !bytes.HasPrefix(f.line, []byte("\r\n")) {
		blank := bytes.Index(f.line, []byte("\r\n\r\n"))
		switch {
		case blank < 0 && len(f.line) == maxTrailer:
			return errTrailerLong
		case blank < 0:
			return nil
		}
		src := bufio.NewReader(bytes.NewReader(f.line))
		head, err := textproto.NewReader(src).ReadMIMEHeader()
		if err != nil {
			return err
		}
		f.trailer = http.Header(head)
		end = len(f.line) - src.Buffered() // an empty line may end with LF alone
	}
	f.more = end < len(f.line) || fit < len(p)
	f.line = nil
	return io.EOF
}
