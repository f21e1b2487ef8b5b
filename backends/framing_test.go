package backends

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// heads are those of answers with each framing.
var heads = []string{
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
}

// framed are bodies of which net/http takes some and refuses others.
var framed = map[string]string{
	"OneChunk":            "5\r\nhello\r\n0\r\n\r\n",
	"SeveralChunks":       "5\r\nhello\r\n1\r\n \r\n6\r\nworld!\r\n0\r\n\r\n",
	"NoChunk":             "0\r\n\r\n",
	"Nothing":             "",
	"LengthTold":          "hello world!",
	"TooLittle":           "hello world",
	"MoreThanTheBody":     "5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
	"MoreThanTheLength":   "hello world! and more",
	"Extensions":          "5;a=b;c=\"d\"\r\nhello\r\n0;last\r\n\r\n",
	"SpaceBehindTheSize":  "5 \t\r\nhello\r\n0\r\n\r\n",
	"SpaceBeforeTheSize":  " 5\r\nhello\r\n0\r\n\r\n",
	"BareLF":              "5\nhello\r\n0\r\n\r\n",
	"LFAlone":             "\n",
	"TwoCR":               "5\r\r\nhello\r\n0\r\n\r\n",
	"CRWithin":            "5\r;\r\nhello\r\n0\r\n\r\n",
	"NoSize":              "\r\nhello\r\n0\r\n\r\n",
	"OnlyAnExtension":     ";a\r\nhello\r\n0\r\n\r\n",
	"NegativeSize":        "-5\r\nhello\r\n0\r\n\r\n",
	"SizeOfOtherDigits":   "5g\r\nhello\r\n0\r\n\r\n",
	"SizeInCapitals":      "A\r\n0123456789\r\n0\r\n\r\n",
	"LargestSize":         "ffffffffffffffff\r\nhello",
	"SizeBeyondNumbers":   "7000000000000000\r\nhello",
	"SizeOfTooManyDigits": "10000000000000005\r\nhello\r\n0\r\n\r\n",
	"LeadingZeros":        "0000000000000005\r\nhello\r\n0\r\n\r\n",
	"TooManyZeros":        "00000000000000005\r\nhello\r\n0\r\n\r\n",
	"NoLineEndBehindData": "5\r\nhelloXX0\r\n\r\n",
	"HalfALineEnd":        "5\r\nhello\rX0\r\n\r\n",
	"CutInData":           "5\r\nhel",
	"CutBehindData":       "5\r\nhello",
	"CutInItsLineEnd":     "5\r\nhello\r",
	"CutInASize":          "5\r\nhello\r\n6",
	"CutBeforeTheEnd":     "5\r\nhello\r\n",
	"CutInTheEnd":         "5\r\nhello\r\n0\r\n",
	"CutInItsLastByte":    "5\r\nhello\r\n0\r\n\r",
	"Trailer":             "5\r\nhello\r\n0\r\nX-Sum: 1\r\nx-more: a\r\n\r\n",
	"TrailerCut":          "5\r\nhello\r\n0\r\nX-Sum: 1\r\n",
	"TrailerWithoutName":  "5\r\nhello\r\n0\r\nnot a field\r\n\r\n",
	"TrailerEndsInLF":     "5\r\nhello\r\n0\r\nX-Sum: 1\n\nX-Late: 2\r\n\r\n",
	"TrailerBeginsWithLF": "5\r\nhello\r\n0\r\n\nX-Sum: 1\r\n\r\n",
	"TrailerOverLines":    "5\r\nhello\r\n0\r\nX-Sum: 1\r\n 2\r\n\r\n",
	"LongestTrailer":      "0\r\nX-Sum: " + strings.Repeat("x", maxTrailer-len("X-Sum: \r\n\r\n")) + "\r\n\r\n",
	"TrailerTooLong":      "0\r\nX-Sum: " + strings.Repeat("x", maxTrailer-len("X-Sum: \r\n\r\n")+1) + "\r\n\r\n",
	"TrailerWithoutEnd":   "0\r\n" + strings.Repeat("X-Sum: 1\r\n", maxTrailer),
	"LongestHead":         "5;" + strings.Repeat("x", maxChunkHead-len("5;\r\n")) + "\r\nhello\r\n0\r\n\r\n",
	"HeadTooLong":         "5;" + strings.Repeat("x", maxChunkHead-len("5;\r\n")+1) + "\r\nhello\r\n0\r\n\r\n",
	"HeadWithoutEnd":      strings.Repeat("5", 2*maxChunkHead),
	"SingleBytes":         strings.Repeat("1\r\nx\r\n", 5000) + "0\r\n\r\n",
	"MoreHeadThanBody":    strings.Repeat("1;0123456789abcdef\r\nx\r\n", 5000) + "0\r\n\r\n",
}

// told is what came of an answer.
type told struct {
	body    string
	whole   bool
	more    bool // behind it; of whole ones
	trailer http.Header
}

func (a told) equal(b told) bool {
	return a.body == b.body && a.whole == b.whole && a.more == b.more && maps.EqualFunc(a.trailer, b.trailer, func(x, y []string) bool { return fmt.Sprint(x) == fmt.Sprint(y) })
}

// byHTTP is an answer as net/http reads it.
func byHTTP(t testing.TB, head, body string) told {
	r := bufio.NewReaderSize(strings.NewReader(head+body), headRead)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	_, none := r.Peek(1)
	return told{string(text), err == nil, err == nil && none == nil, res.Trailer}
}

// bySplits is the same as a framing reads it from pieces, whose lengths cut tells; 0 is
// for all that is left.
func bySplits(t testing.TB, head, body string, cut func() int) (a told) {
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head)), nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := framingOf(res), error(nil)
	var text []byte
	for left := []byte(body); err == nil; {
		if len(left) == 0 {
			err = f.cut()
			break
		}
		n := len(left)
		if want := cut(); want > 0 {
			n = min(n, want)
		}
		piece := bytes.Clone(left[:n]) // it is changed
		left = left[n:]
		var part []byte
		part, err = f.take(piece)
		text = append(text, part...)
		a.more = len(left) > 0
	}
	a.body, a.whole = string(text), errors.Is(err, io.EOF)
	a.more = a.whole && (a.more || f.more)
	a.trailer = merged(res.Trailer, f.trailer)
	return a
}

func TestFraming(t *testing.T) {
	for name, body := range framed {
		for _, head := range heads {
			t.Run(name, func(t *testing.T) {
				want := byHTTP(t, head, body)
				for at := range min(len(body), 200) + 1 {
					first := true
					got := bySplits(t, head, body, func() int {
						if first && at > 0 {
							first = false
							return at
						}
						return 0
					})
					if !got.equal(want) {
						t.Fatalf("cut at %d of %q it read %+v, want %+v", at, head, got, want)
					}
				}
				for _, size := range []int{1, 2, 3, 1000} {
					if got := bySplits(t, head, body, func() int { return size }); !got.equal(want) {
						t.Fatalf("in pieces of %d, of %q it read %+v, want %+v", size, head, got, want)
					}
				}
			})
		}
	}
}

// FuzzFraming has answers read by a framing, in any pieces, and by net/http.
func FuzzFraming(f *testing.F) {
	for _, body := range framed {
		const short = 1000 // the fuzzer takes long to shorten what it finds
		for i := range heads {
			if len(body) > short {
				break
			}
			f.Add(uint8(i), body, []byte{1, 0, 3})
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, body string, cuts []byte) {
		head := heads[int(kind)%len(heads)]
		want := byHTTP(t, head, body)
		i := 0
		got := bySplits(t, head, body, func() int {
			if len(cuts) == 0 {
				return 0
			}
			i++
			return int(cuts[i%len(cuts)])
		})
		if !got.equal(want) {
			t.Errorf("it read %+v, want %+v", got, want)
		}
	})
}

// TestWireBodyIsTheBody has whole answers come over a connection, and be taken piece by
// piece and read, in reads of many sizes.
func TestWireBodyIsTheBody(t *testing.T) {
	for name, body := range framed {
		for _, head := range heads {
			for way, read := range map[string]func(io.Reader) ([]byte, error){
				"InPieces": func(r io.Reader) (all []byte, err error) {
					for err == nil {
						var piece []byte
						piece, err = r.(interface{ Next() ([]byte, error) }).Next()
						all = append(all, piece...)
					}
					if errors.Is(err, io.EOF) {
						err = nil
					}
					return all, err
				},
				"ByReads":     io.ReadAll,
				"BySmallOnes": func(r io.Reader) ([]byte, error) { return io.ReadAll(iotest.OneByteReader(r)) },
			} {
				t.Run(way+"/"+name, func(t *testing.T) {
					want := byHTTP(t, head, body)
					w := newWired(t, always(head+body))
					w.once = true
					res, err := w.ask(t.Context(), "{}")
					if err != nil {
						t.Fatal(err)
					}
					text, err := read(res.Body)
					_ = res.Body.Close()
					got := told{string(text), err == nil, want.more, res.Trailer}
					if !got.equal(want) {
						t.Errorf("of %q it read %+v, want %+v", head, got, want)
					}
				})
			}
		}
	}
}
