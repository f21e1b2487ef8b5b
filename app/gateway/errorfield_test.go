package gateway

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestErrorField(t *testing.T) {
	const good = "data: {\"a\":\"error:\"}\n\n: error: \n\nevent: error\ndata: {}\n\nerr\nerror\n erro:\n\ndata: [DONE]\n\n"
	for in, want := range map[string]string{
		good: good,
		"data: {}\n\nerror: {\"code\":500,\"message\":\"it broke\"}\n\ndata: [DONE]\n\n": "data: {}\n\ndata: {\"error\": {\"code\":500,\"message\":\"it broke\"}}\n\ndata: [DONE]\n\n",
		"error:{}\nerror:{}\n": "data: {\"error\":{}}\ndata: {\"error\":{}}\n",
		"data: {}\n\nerro":     "data: {}\n\nerro",
		"error: {\"a\"":        "data: {\"error\": {\"a\"",
		"":                     "",
	} {
		for name, cut := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "in bytes": iotest.OneByteReader, "in halves": iotest.HalfReader, "with its end": iotest.DataErrReader,
		} {
			e := &readable{pieces: &errorField{src: piecesOf(io.NopCloser(cut(strings.NewReader(in))), sse)}}
			got, err := io.ReadAll(e)
			if err != nil || string(got) != want {
				t.Errorf("%s: %q, %v, want %q", name, got, err, want)
			}
		}
	}
	t.Run("ABreakIsPassedOn", func(t *testing.T) {
		body := io.NopCloser(io.MultiReader(strings.NewReader("data: a\ner"), iotest.ErrReader(io.ErrUnexpectedEOF)))
		e := &readable{pieces: &errorField{src: piecesOf(body, sse)}}
		if got, err := io.ReadAll(e); string(got) != "data: a\ner" || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q, %v", got, err)
		}
	})
}
