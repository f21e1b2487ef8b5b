package relay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// head is what both ends need of an HTTP/1.1 message's head.
type head struct {
	first   []byte // the first line, valid until the next read
	length  int    // of the body; -1 = not told
	chunked bool
}

var (
	contentLength    = []byte("content-length")
	transferEncoding = []byte("transfer-encoding")
)

// readHead reads up to the empty line. The scratch keeps the first line.
func readHead(r *bufio.Reader, scratch *[]byte) (head, error) {
	h := head{length: -1}
	line, err := r.ReadSlice('\n')
	if err != nil {
		return h, err
	}
	*scratch = append((*scratch)[:0], line...)
	h.first = bytes.TrimRight(*scratch, "\r\n")
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return h, fmt.Errorf("head: %w", noEOF(err))
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return h, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, contentLength):
			if h.length, err = strconv.Atoi(string(value)); err != nil {
				return h, fmt.Errorf("head: %w", err)
			}
		case bytes.EqualFold(name, transferEncoding):
			h.chunked = bytes.EqualFold(value, []byte("chunked"))
		}
	}
}

// readChunk reads the next chunk of a body into the buffer; an empty one is the end.
func readChunk(r *bufio.Reader, buffer []byte) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, noEOF(err)
	}
	n, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 32)
	if err != nil {
		return nil, fmt.Errorf("chunk: %w", err)
	}
	const lineEnd = 2
	if cap(buffer) < int(n)+lineEnd {
		buffer = make([]byte, int(n)+lineEnd)
	}
	buffer = buffer[:int(n)+lineEnd]
	if _, err := io.ReadFull(r, buffer); err != nil {
		return nil, noEOF(err)
	}
	return buffer[:n], nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
