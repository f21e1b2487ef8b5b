//go:build e2e

package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// call is a request that is sent twice: to the engine and through Carpool.
type call struct {
	name   string
	method string // "" = POST
	path   string
	body   string
	status int // the engine's; 0 = 200
}

// answer is what must be the same both ways.
type answer struct {
	status  int
	framing string
	header  http.Header
	body    string
}

func send(t *testing.T, base string, via http.RoundTripper, c call) answer {
	t.Helper()
	method := c.method
	if method == "" {
		method = http.MethodPost
	}
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, base+c.path, body)
	if err != nil {
		t.Fatal(err)
	}
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := via.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	b, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatalf("%s%s: %v after %q", base, c.path, err, b)
	}
	a := answer{status: got.StatusCode, framing: strings.Join(got.TransferEncoding, ","), header: got.Header, body: mask(string(b))}
	if got.ContentLength >= 0 {
		a.framing = "length"
	}
	for name := range a.header {
		if slices.Contains(own, name) || strings.HasPrefix(name, "X-Carpool-") {
			a.header.Del(name)
		}
	}
	return a
}

// own are the headers that each answer and each connection has for itself. The
// length is the body's, whose times differ.
var own = []string{"Date", "Content-Length", "Connection", "X-Request-Id"}

// What differs from one answer to the next: times and random identifiers.
var masks = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`"(created_at|expires_at)":"[^"]*"`), `"$1":"TIME"`},
	{regexp.MustCompile(`"(created|created_at|completed_at|total_duration|load_duration|prompt_eval_duration|eval_duration)":\d+`), `"$1":0`},
	{regexp.MustCompile(`"(id|item_id|call_id|request_id)":"(chatcmpl-|cmpl-|resp_|msg_|call_|fc_|req_)[0-9a-z]+"`), `"$1":"$2ID"`},
}

func mask(s string) string {
	for _, m := range masks {
		s = m.find.ReplaceAllString(s, m.put)
	}
	return s
}

func same(t *testing.T, direct, through answer) {
	t.Helper()
	if direct.status != through.status {
		t.Errorf("status %d, through Carpool %d", direct.status, through.status)
	}
	if direct.framing != through.framing {
		t.Errorf("framing %q, through Carpool %q", direct.framing, through.framing)
	}
	if !maps.EqualFunc(direct.header, through.header, slices.Equal) {
		t.Errorf("header %v\nthrough Carpool %v", direct.header, through.header)
	}
	if direct.body != through.body {
		t.Errorf("body\n%s\nthrough Carpool\n%s", direct.body, through.body)
	}
}

func TestWire(t *testing.T) {
	calls := slices.Concat(generation(), embedding(), reading(), refused())
	for _, c := range calls {
		t.Run(c.name, func(t *testing.T) {
			// Once for nothing, so that both find the same model loaded and the
			// same prompt cached.
			send(t, shared.engine.url, http.DefaultTransport, c)
			direct := send(t, shared.engine.url, http.DefaultTransport, c)
			want := c.status
			if want == 0 {
				want = http.StatusOK
			}
			if direct.status != want {
				t.Fatalf("the engine says %d: %s", direct.status, direct.body)
			}
			same(t, direct, send(t, shared.url, shared.ledger, c))
		})
	}
}

// generation is every route that makes text, at temperature 0, in one piece and
// as a stream, with what apps may add.
func generation() []call {
	const (
		options = `"options":{"temperature":0,"seed":7,"num_predict":24}`
		told    = `"temperature":0,"seed":7,"max_tokens":24`
		ask     = `"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"what is the time"}]`
		weather = `{"type":"function","function":{"name":"get_weather","description":"the weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}`
		strict  = `"temperature":0,"seed":7,"max_tokens":200`
	)
	tall := picture(28, 56, color.RGBA{R: 200, A: 255})
	both := []struct{ name, path, fields string }{
		{"generate", "/api/generate", `"model":"fast","prompt":"the time is",` + options},
		{"generate raw", "/api/generate", `"model":"fast","prompt":"the time is","raw":true,` + options},
		{"generate with the old context", "/api/generate", `"model":"fast","prompt":"and","context":[259,344,342],` + options},
		{"generate with logprobs", "/api/generate", `"model":"fast","prompt":"the","logprobs":true,"top_logprobs":2,` + options},
		{"generate with a format", "/api/generate", `"model":"fast","prompt":"the","format":` + object + `,"options":{"temperature":0,"num_predict":200}`},
		{"generate with an image", "/api/generate", `"model":"eyes","prompt":"what is this","images":["` + tall + `"],` + options},
		{"generate with unknown options", "/api/generate", `"model":"fast","prompt":"the","options":{"temperature":0,"num_predict":4,"warp":9,"nested":{"a":[1,null]}}`},
		{"generate with unknown fields", "/api/generate", `"model":"fast","prompt":"the","future":{"x":1},"list":[1,"two"],` + options},
		{"generate by the full name", "/api/generate", `"model":"fast:latest","prompt":"the",` + options},
		{"chat", "/api/chat", `"model":"fast",` + ask + `,` + options},
		{"chat with tools", "/api/chat", `"model":"fast",` + ask + `,"tools":[` + weather + `],` + options},
		{"chat that calls a tool", "/api/chat", `"model":"fast",` + ask + `,"tools":[` + weather + `],"format":` + toolCall + `,"options":{"temperature":0,"num_predict":200}`},
		{"chat with a tool's answer", "/api/chat", `"model":"fast","messages":[{"role":"user","content":"rain?"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"get_weather","arguments":{"city":"Rome"}}}]},{"role":"tool","tool_name":"get_weather","content":"dry"}],"tools":[` + weather + `],` + options},
		{"chat with a format", "/api/chat", `"model":"fast",` + ask + `,"format":"json","options":{"temperature":0,"num_predict":40}`},
		{"chat with an image", "/api/chat", `"model":"eyes","messages":[{"role":"user","content":"what is this","images":["` + tall + `"]}],` + options},
		{"chat with a keep_alive", "/api/chat", `"model":"fast","keep_alive":"20m",` + ask + `,` + options},
		{"completions", "/v1/completions", `"model":"fast","prompt":"the time is",` + told},
		{"completions with usage", "/v1/completions", `"model":"fast","prompt":"the","stream_options":{"include_usage":true},` + told},
		{"chat completions", "/v1/chat/completions", `"model":"fast",` + ask + `,` + told},
		{"chat completions with usage", "/v1/chat/completions", `"model":"fast","stream_options":{"include_usage":true},` + ask + `,` + told},
		{"chat completions with unknown fields", "/v1/chat/completions", `"model":"fast","store":true,"future":{"x":1},` + ask + `,` + told},
		{"chat completions that call a tool", "/v1/chat/completions", `"model":"fast",` + ask + `,"tools":[` + weather + `],"response_format":{"type":"json_schema","json_schema":{"name":"call","schema":` + toolCall + `}},` + strict},
		{"chat completions with a format", "/v1/chat/completions", `"model":"fast",` + ask + `,"response_format":{"type":"json_schema","json_schema":{"name":"object","schema":` + object + `}},` + strict},
		{"chat completions with an image", "/v1/chat/completions", `"model":"eyes","messages":[{"role":"user","content":[{"type":"text","text":"what"},{"type":"image_url","image_url":{"url":"data:image/png;base64,` + tall + `"}}]}],` + told},
		{"responses", "/v1/responses", `"model":"fast","input":"what is the time","temperature":0,"max_output_tokens":24`},
		{"responses with instructions", "/v1/responses", `"model":"fast","instructions":"be brief","input":[{"role":"user","content":"the time"}],"temperature":0,"max_output_tokens":24`},
		{"messages", "/v1/messages", `"model":"fast","messages":[{"role":"user","content":"what is the time"}],"temperature":0,"max_tokens":24`},
		{"messages with a system prompt", "/v1/messages", `"model":"fast","system":"be brief","messages":[{"role":"user","content":[{"type":"text","text":"the time"}]}],"temperature":0,"max_tokens":24`},
	}
	var calls []call
	for _, b := range both {
		calls = append(calls,
			call{name: b.name, path: b.path, body: `{"stream":false,` + b.fields + `}`},
			call{name: b.name + ", streamed", path: b.path, body: `{"stream":true,` + b.fields + `}`})
	}
	return append(calls,
		call{name: "generate, streamed unless told otherwise", path: "/api/generate", body: `{"model":"fast","prompt":"the",` + options + `}`},
		call{name: "generate without a prompt loads", path: "/api/generate", body: `{"model":"fast"}`},
		call{name: "chat completions in one piece unless told otherwise", path: "/v1/chat/completions", body: `{"model":"fast",` + ask + `,` + told + `}`},
	)
}

func embedding() []call {
	return []call{
		{name: "embed", path: "/api/embed", body: `{"model":"embed","input":"the first word"}`},
		{name: "embed an array", path: "/api/embed", body: `{"model":"embed","input":["the first","the second","word","the first"]}`},
		{name: "embed nothing", path: "/api/embed", body: `{"model":"embed","input":[]}`},
		{name: "embed an empty text", path: "/api/embed", body: `{"model":"embed","input":""}`},
		{name: "embed in fewer dimensions", path: "/api/embed", body: `{"model":"embed","input":"word","dimensions":16}`},
		{name: "embed too long a text", path: "/api/embed", body: `{"model":"embed","truncate":false,"input":["a","` + strings.Repeat("the ", 2000) + `"]}`, status: http.StatusBadRequest},
		{name: "embeddings", path: "/api/embeddings", body: `{"model":"embed","prompt":"the first word"}`},
		{name: "OpenAI embeddings", path: "/v1/embeddings", body: `{"model":"embed","input":"the first word"}`},
		{name: "OpenAI embeddings of an array", path: "/v1/embeddings", body: `{"model":"embed","input":["the first","the second"]}`},
		{name: "OpenAI embeddings as base64", path: "/v1/embeddings", body: `{"model":"embed","encoding_format":"base64","input":["the first","the second"]}`},
	}
}

func reading() []call {
	return []call{
		{name: "root", method: http.MethodGet, path: "/"},
		{name: "head", method: http.MethodHead, path: "/"},
		{name: "version", method: http.MethodGet, path: "/api/version"},
		{name: "tags", method: http.MethodGet, path: "/api/tags"},
		{name: "ps", method: http.MethodGet, path: "/api/ps"},
		{name: "models", method: http.MethodGet, path: "/v1/models"},
		{name: "one model", method: http.MethodGet, path: "/v1/models/fast"},
		{name: "show", path: "/api/show", body: `{"model":"embed"}`},
		{name: "show all", path: "/api/show", body: `{"model":"embed","verbose":true}`},
	}
}

// refused is what the engine itself answers with an error.
func refused() []call {
	const none = `{"model":"nobody","prompt":"x","input":"x","max_tokens":4,"messages":[{"role":"user","content":"x"}]`
	var calls []call
	for path := range inference {
		for _, end := range []string{`}`, `,"stream":true}`} {
			calls = append(calls, call{name: "unknown model at " + path + end, path: path, body: none + end, status: http.StatusNotFound})
		}
	}
	slices.SortFunc(calls, func(a, b call) int { return strings.Compare(a.name, b.name) })
	return append(calls,
		call{name: "show an unknown model", path: "/api/show", body: `{"model":"nobody"}`, status: http.StatusNotFound},
		call{name: "an unknown model of OpenAI's", method: http.MethodGet, path: "/v1/models/nobody", status: http.StatusNotFound},
		call{name: "delete an unknown model", method: http.MethodDelete, path: "/api/delete", body: `{"model":"nobody"}`, status: http.StatusNotFound},
		call{name: "copy an unknown model", path: "/api/copy", body: `{"source":"nobody","destination":"x"}`, status: http.StatusNotFound},
		call{name: "an option of the wrong type", path: "/api/generate", body: `{"model":"fast","prompt":"x","options":{"temperature":"hot"}}`, status: http.StatusInternalServerError},
		call{name: "text from an embedding model", path: "/api/generate", body: `{"model":"embed","prompt":"x","options":{"num_predict":4}}`, status: http.StatusBadRequest},
		call{name: "an array of prompts", path: "/v1/completions", body: `{"model":"fast","prompt":["a","b"],"max_tokens":4}`, status: http.StatusBadRequest},
		call{name: "what is no image", path: "/api/chat", body: `{"model":"eyes","messages":[{"role":"user","content":"x","images":["bm90IGFuIGltYWdl"]}],"options":{"num_predict":4}}`, status: http.StatusInternalServerError},
	)
}

// Schemas that force noise into shape.
const (
	object   = `{"type":"object","properties":{"name":{"type":"string","maxLength":12},"kind":{"type":"string","enum":["cat","dog"]},"tags":{"type":"array","items":{"type":"string","maxLength":4},"minItems":2,"maxItems":2}},"required":["name","kind","tags"]}`
	toolCall = `{"type":"object","properties":{"name":{"type":"string","enum":["get_weather"]},"parameters":{"type":"object","properties":{"city":{"type":"string","maxLength":8}},"required":["city"]}},"required":["name","parameters"]}`
)

// picture is a PNG with a gradient over one colour, as base64.
func picture(width, height int, c color.RGBA) string {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{R: c.R, G: uint8(x * 4), B: c.B, A: 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func TestShapedAnswers(t *testing.T) {
	generate := func(t *testing.T, path, body string) []byte {
		t.Helper()
		a := send(t, shared.url, shared.ledger, call{path: path, body: body})
		if a.status != http.StatusOK {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
		return []byte(a.body)
	}
	t.Run("AFormatGivesTheObjectThatWasAskedFor", func(t *testing.T) {
		var outer struct {
			Response   string `json:"response"`
			DoneReason string `json:"done_reason"`
		}
		b := generate(t, "/api/generate", `{"model":"fast","stream":false,"prompt":"an animal","format":`+object+`,"options":{"temperature":0.9,"seed":3,"num_predict":300}}`)
		if err := json.Unmarshal(b, &outer); err != nil {
			t.Fatal(err)
		}
		var inner struct {
			Name string   `json:"name"`
			Kind string   `json:"kind"`
			Tags []string `json:"tags"`
		}
		d := json.NewDecoder(strings.NewReader(outer.Response))
		d.DisallowUnknownFields()
		if err := d.Decode(&inner); err != nil {
			t.Fatalf("%v in %q", err, outer.Response)
		}
		if outer.DoneReason != "stop" || len(inner.Tags) != 2 || inner.Kind != "cat" && inner.Kind != "dog" {
			t.Errorf("%s: %+v", outer.DoneReason, inner)
		}
		t.Logf("the noise said %s", outer.Response)
	})
	t.Run("ImagesAreSeen", func(t *testing.T) {
		seen := map[string]bool{}
		for _, c := range []color.RGBA{{R: 255, A: 255}, {B: 255, A: 255}} {
			for _, size := range []int{28, 56} {
				b := generate(t, "/api/chat", fmt.Sprintf(
					`{"model":"eyes","stream":false,"messages":[{"role":"user","content":"look","images":["%s"]}],"options":{"temperature":0,"num_predict":16}}`,
					picture(size, size, c)))
				var got struct {
					Message struct {
						Content string `json:"content"`
					} `json:"message"`
				}
				if err := json.Unmarshal(b, &got); err != nil {
					t.Fatal(err)
				}
				seen[got.Message.Content] = true
			}
		}
		if len(seen) < 2 {
			t.Errorf("four pictures, one answer: %v", seen)
		}
	})
}
