package backendstest

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// Request is one request as the engine saw it.
type Request struct {
	Method string
	Path   string // with the query
	Header http.Header
	Body   []byte // at most the first MiB, 64 MiB by other makes than Ollama
	Size   int64  // of the whole body
	Model  string
	Stream bool
	Nonce  string // what followed "nonce:"; "" = none
	Limit  int    // num_predict, max_tokens or their like; 0 = none
}

var nonce = regexp.MustCompile(`nonce:([A-Za-z0-9_-]+)`)

// seen reads and records a request.
func (e *Engine) seen(r *http.Request, read bool) Request {
	q := Request{Method: r.Method, Path: r.URL.RequestURI(), Header: r.Header.Clone(), Stream: e.kind.native && !strings.HasPrefix(r.URL.Path, "/v1/") || r.URL.Path == koboldStream}
	if read {
		q.Body, _ = io.ReadAll(io.LimitReader(r.Body, e.kind.keep)) // a body that breaks off shows as a short one
		rest, _ := io.Copy(io.Discard, r.Body)
		q.Size = int64(len(q.Body)) + rest
		q.parse()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hits[r.URL.Path]++
	e.last[r.URL.Path] = q
	return q
}

// parse reads what scripts and answers need, as far as the body is JSON.
func (q *Request) parse() {
	if m := nonce.FindSubmatch(q.Body); m != nil {
		q.Nonce = string(m[1])
	}
	var body struct {
		Model, Name string
		Stream      *bool
		Options     struct {
			NumPredict int `json:"num_predict"`
		}
		MaxTokens       int `json:"max_tokens"`
		MaxOutputTokens int `json:"max_output_tokens"`
	}
	_ = json.Unmarshal(q.Body, &body) // what is not JSON has no model
	q.Model = body.Model
	if q.Model == "" {
		q.Model = body.Name
	}
	if body.Stream != nil {
		q.Stream = *body.Stream
	}
	q.Limit = max(body.Options.NumPredict, body.MaxTokens, body.MaxOutputTokens, 0)
}
