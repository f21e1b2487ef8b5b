package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// cutUpBy cuts text by cuts, over and over; a long one more coarsely, as it would take
// seconds.
func cutUpBy(text, cuts []byte) [][]byte {
	var all [][]byte
	scale := 1 + len(text)/4096
	for i := 0; len(text) > 0; i++ {
		n := len(text)
		if len(cuts) > 0 {
			n = min(n, scale+scale*int(cuts[i%len(cuts)]))
		}
		all, text = append(all, text[:n]), text[n:]
	}
	return all
}

// swollen has a NUL stand for as much as makes a line too long to read, or nearly.
func swollen(text []byte) []byte {
	if n := bytes.Count(text, []byte{0}); n == 0 || n > 3 {
		return text
	}
	return bytes.ReplaceAll(text, []byte{0}, bytes.Repeat([]byte("x"), maxLine-7))
}

// readLine is a line as a lineReader tells it.
type readLine struct {
	text  string
	whole bool
}

// linesOf is what a lineReader must tell of text, however it comes.
func linesOf(text string) (all []readLine) {
	lines := strings.Split(text, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	for _, l := range lines {
		if len(l) > maxLine {
			all = append(all, readLine{})
		} else {
			all = append(all, readLine{strings.TrimSuffix(l, "\r"), true})
		}
	}
	return all
}

// FuzzNDJSON: however the same bytes are cut up, they are the same lines, those that
// a plain split gives.
func FuzzNDJSON(f *testing.F) {
	f.Add([]byte("{\"a\":1}\r\n\n{}\n{\"b\":"), []byte{1, 5, 0})
	f.Add([]byte("\x00{\"a\":1}\n\r\n\x00\r\n\r"), []byte{200, 3})
	f.Add([]byte("\r\r\n\x00aaaaaaa\n\x00aaaaaaaa\n"), []byte{255})
	f.Fuzz(func(t *testing.T, text, cuts []byte) {
		text = swollen(text)
		want := linesOf(string(text))
		for _, chunks := range [][][]byte{{text}, cutUpBy(text, cuts)} {
			var got []readLine
			l := lineReader{line: func(text []byte, whole bool) { got = append(got, readLine{string(text), whole}) }}
			for _, c := range chunks {
				l.feed(c)
				if cap(l.part) > 2*maxLine {
					t.Fatalf("%d bytes are held", cap(l.part))
				}
			}
			l.close()
			if !slices.Equal(got, want) {
				t.Fatalf("%d lines in %d pieces, want %d: %.200q, want %.200q", len(got), len(chunks), len(want), fmt.Sprint(got), fmt.Sprint(want))
			}
		}
	})
}

// readEvent is an event as an sseReader tells it.
type toldEvent struct {
	name, data string
	whole      bool
}

// eventsOf is what an sseReader must tell of lines: a plain reading of the standard,
// with llama.cpp's own field.
func eventsOf(lines []readLine) (all []toldEvent) {
	var name string
	var data []string
	size, long := 0, false
	end := func() {
		switch {
		case long:
			all = append(all, toldEvent{name: name})
		case data != nil:
			all = append(all, toldEvent{name, strings.Join(data, "\n"), true})
		}
		name, data, size, long = "", nil, 0, false
	}
	for _, l := range lines {
		field, value, _ := strings.Cut(l.text, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case !l.whole:
			long = true
			continue
		case l.text == "":
			end()
			continue
		case field == "event":
			name = value
			continue
		case field == "error":
			name = "error"
		case field != "data":
			continue
		}
		if size+len(value) >= maxLine {
			long = true
		}
		if size += len(value); data != nil {
			size++
		}
		data = append(data, value)
	}
	end()
	return all
}

// FuzzSSE: however the same bytes are cut up, they are the same events, those that a
// plain reading of the standard gives.
func FuzzSSE(f *testing.F) {
	f.Add([]byte("data: {\"a\":1}\n\ndata: [DONE]\n\n"), []byte{0})
	f.Add([]byte("event: error\r\ndata:x\r\ndata\r\n: ping\r\nid: 1\r\n\r\nerror: {}\n"), []byte{2, 9})
	f.Add([]byte("data: \x00aaaaaa\ndata:b\n\ndata: \x00aaaaaaaa\n\nevent: a\n\ndata:\n\n"), []byte{255, 1})
	f.Fuzz(func(t *testing.T, text, cuts []byte) {
		text = swollen(text)
		want := eventsOf(linesOf(string(text)))
		for _, chunks := range [][][]byte{{text}, cutUpBy(text, cuts)} {
			var got []toldEvent
			s := sseReader{event: func(name, data []byte, whole bool) {
				if !whole {
					data = nil
				}
				got = append(got, toldEvent{string(name), string(data), whole})
			}}
			l := lineReader{line: s.line}
			for _, c := range chunks {
				l.feed(c)
			}
			l.close()
			s.dispatch()
			if !slices.Equal(got, want) {
				t.Fatalf("%d events in %d pieces, want %d: %.200q, want %.200q", len(got), len(chunks), len(want), fmt.Sprint(got), fmt.Sprint(want))
			}
		}
	})
}

// FuzzDecode holds what is read of a body on every inference route against
// encoding/json: what is let through is what a Go engine reads, and what is refused
// has something wrong with a field that scheduling reads.
func FuzzDecode(f *testing.F) {
	paths := []string{"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/api/chat", "/api/generate", "/v1/messages", "/v1/responses", "/api/embed"}
	for i, body := range []string{
		`{"model":"a","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"t"},{"type":"image_url","image_url":{"url":"data:,"}}]}],"stream":true,"max_tokens":5,"max_completion_tokens":7}`,
		`{"model":"a","prompt":["p",[1,2]],"suffix":"s","max_tokens":1e2,"temperature":0,"seed":1}`,
		`{"model":"a","input":["x","y"],"encoding_format":"base64","dimensions":8}`,
		`{"model":"a","messages":[{"role":"assistant","tool_calls":[]}],"options":{"num_predict":3},"stream":false}`,
		`{"MODEL":"a","prompt":"p","keep_alive":-1}`, `{"model":null,"max_tokens":"5"}`, `{"input":[{"role":"user"}],"max_output_tokens":null}`, `{"a":[[]],"b":{}} `,
	} {
		f.Add(byte(i), []byte(body))
	}
	judged := regexp.MustCompile(`(?i)model|stream|max_|options|n_predict|num_|\\u|[^\x00-\x7f]`)
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		path := paths[int(which)%len(paths)]
		d := dialectOf(path)
		s, fault := peek(body, d, routes[path])
		sound := json.Valid(body) && depth(body) <= maxDepth
		if fault != nil {
			if rules[fault.kind].status != http.StatusBadRequest || fault.message == "" {
				t.Fatalf("%s %q: refused with %v", path, body, fault)
			}
			if trimmed := bytes.TrimLeft(body, " \t\r\n"); sound && trimmed[0] == '{' && !judged.Match(body) {
				t.Fatalf("%s %q: refused with %v, though nothing that is read is wrong", path, body, fault)
			}
			return
		}
		var want struct {
			Model     string
			Stream    *bool
			MaxTokens json.Number `json:"max_tokens"`
		}
		if err := json.Unmarshal(body, &want); !sound || err != nil && !strings.Contains(err.Error(), "max_tokens") {
			t.Fatalf("%s %q is let through: %v", path, body, err)
		}
		if want.Model != s.model {
			t.Fatalf("%s %q: model %q, an engine reads %q", path, body, s.model, want.Model)
		}
		lower := strings.ToLower(string(body))
		if want.Stream != nil && *want.Stream != s.stream && strings.Count(lower, "stream") == 1 && !strings.Contains(lower, `\u`) {
			t.Fatalf("%s %q: stream %v, an engine reads %v", path, body, s.stream, *want.Stream)
		}
		n, err := want.MaxTokens.Int64()
		if err == nil && n > 0 && n < 1<<31 && d != Ollama && strings.Count(lower, "max_") == 1 && !strings.Contains(lower, `\u`) && int64(s.maxTokens) != n {
			t.Fatalf("%s %q: at most %d tokens, an engine reads %d", path, body, s.maxTokens, n)
		}
		if s.maxTokens < 0 || s.prompt < 0 || s.prompt > int64(len(body)) || s.prefixBytes < 0 || s.prefixBytes > s.prompt {
			t.Fatalf("%s %q: %+v", path, body, s)
		}
	})
}

// FuzzGuard: who is let in is one of an exact list, which is written down here once
// more.
func FuzzGuard(f *testing.F) {
	f.Add("127.0.0.1:11435", "/api/tags", "GET", "", false, "", "", "")
	f.Add("localhost:11435", "/v1/chat/completions", "POST", "http://localhost:3000", true, "cross-site", "cors", "application/json")
	f.Add("[::1]:11435", "/", "GET", "", false, "cross-site", "navigate", "")
	f.Add("box.home", "/api/pull", "POST", "null", true, "", "", "text/plain")
	f.Add("127.0.0.1:11435@evil", "http://evil/", "POST", "app://x", true, "none", "", "application/json;a=b")
	hosts := []string{"127.0.0.1:11435", "localhost:11435", "[::1]:11435", "host.docker.internal:11435", "box.home", "box.home:11435"}
	origins := regexp.MustCompile(`^(https?://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?|(app|file|tauri|vscode-webview|vscode-file)://[!-+\--~]*|https://chat\.example|moz-extension://[!-+\--~]*)$`)
	g := newGuard("11435", Limits{AllowedHosts: []string{"box.home", ""}, AllowedOrigins: []string{"https://chat.example", "moz-extension://*", "*"}})
	f.Fuzz(func(t *testing.T, host, uri, method, origin string, hasOrigin bool, site, mode, contentType string) {
		target, err := url.ParseRequestURI(uri)
		if err != nil {
			return
		}
		r := &http.Request{Method: method, Host: host, RequestURI: uri, URL: target, Header: http.Header{}}
		for name, value := range map[string]string{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Content-Type": contentType} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if hasOrigin {
			r.Header.Set("Origin", origin)
		}
		c := &client{head: http.Header{}}
		refused := g.admit(c, r, false)
		if allowed := c.head.Get("Access-Control-Allow-Origin"); allowed != "" && (allowed != origin || !hasOrigin || !origins.MatchString(origin) || !slices.Contains(hosts, host)) {
			t.Fatalf("a page of %q may read answers, asked by %q", allowed, origin)
		}
		if refused != nil {
			if status := rules[refused.kind].status; status != http.StatusForbidden && status != http.StatusUnsupportedMediaType {
				t.Fatalf("refused with %v", refused)
			}
			return
		}
		media, _, _ := mime.ParseMediaType(contentType)
		plain := method == "POST" && media != "application/json" && !(media == "application/octet-stream" && strings.Contains(uri, "/api/blobs/"))
		switch {
		case !slices.Contains(hosts, host) || !strings.HasPrefix(uri, "/"):
			t.Fatalf("Host %q, target %q is let in", host, uri)
		case hasOrigin && (!origins.MatchString(origin) || len(origin) > 512 || plain):
			t.Fatalf("Origin %q is let in with %s %q", origin, method, contentType)
		case !hasOrigin && (site == "none" || site == "same-origin") && plain:
			t.Fatalf("%s %q of a page is let in", method, contentType)
		case !hasOrigin && site != "" && site != "none" && site != "same-origin" && (mode != "navigate" || method != "GET" && method != "HEAD"):
			t.Fatalf("%s of a %q page is let in, mode %q", method, site, mode)
		}
	})
}

// FuzzRetryAfter: from 1 to 120 s whatever an engine writes; whole seconds and dates
// are what they say, within these.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"3", "0", "-1", "1e9", "NaN", "inf", "Wed, 21 Oct 2026 07:28:30 GMT", "Wednesday, 21-Oct-26 07:28:30 GMT", "Wed Oct 21 07:28:30 2026", "0x7", " 120 ", "99999999999999999999", ""} {
		f.Add(s, int64(0))
	}
	seconds := regexp.MustCompile(`^ *[0-9]+ *$`)
	noon := time.Date(2026, 10, 21, 7, 28, 0, 0, time.UTC)
	clamp := func(n *big.Int) int {
		switch {
		case n.Cmp(big.NewInt(120)) > 0:
			return 120
		case n.Sign() <= 0:
			return 1
		}
		return int(n.Int64())
	}
	f.Fuzz(func(t *testing.T, value string, offset int64) {
		got := retryAfter(value, func() time.Time { return noon })
		if got < 1 || got > 120 {
			t.Fatalf("%q: %d s", value, got)
		}
		if seconds.MatchString(value) {
			n, _ := new(big.Int).SetString(strings.TrimSpace(value), 10)
			if want := clamp(n); got != want {
				t.Fatalf("%q: %d s, want %d", value, got, want)
			}
		}
		offset %= 1e9
		date := noon.Add(time.Duration(offset) * time.Second).Format(http.TimeFormat)
		if got, want := retryAfter(date, func() time.Time { return noon }), clamp(big.NewInt(offset)); got != want {
			t.Fatalf("%s, %d s away: %d s, want %d", date, offset, got, want)
		}
	})
}

// FuzzClassify: an engine's error is of a kind with a status, a symptom is found
// whatever stands around it, and the client gets an answer that its library reads.
func FuzzClassify(f *testing.F) {
	for i, s := range []string{"CUDA error: out of memory", "model requires more system memory (5 GiB)", "exceed_context_size_error", "try again", "", "model 'x' not found", "\xff\x1b[2J{}", "The Model has crashed"} {
		f.Add([]int{500, 500, 400, 429, 503, 404, 413, 200}[i], s, byte(i))
	}
	f.Fuzz(func(t *testing.T, status int, text string, which byte) {
		k := kindOfEngine(status, text)
		rule, known := rules[k]
		if !known || rule.status < 400 || rule.status == statusClientClosed {
			t.Fatalf("%d %q is a %s", status, text, k)
		}
		symptom := symptoms[int(which)%len(symptoms)]
		if got := kindOfEngine(status, text+" "+strings.ToUpper(symptom.text)+" "+text); got != insufficientMemory && got != contextLength || k == backendError && got != symptom.kind {
			t.Fatalf("%q beside %q is a %s", symptom.text, text, got)
		}
		event, err := readFailure([]byte(`{"message":` + string(mustJSON(text)) + `,"code":` + strconv.Itoa(status) + `}`))
		if err != nil || !event.failed && event.reason != "" {
			t.Fatalf("%q: %+v, %v", text, event, err)
		}
		for d, message := range map[Dialect]func(map[string]any) any{
			OpenAI:    func(m map[string]any) any { return m["error"].(map[string]any)["message"] },
			Anthropic: func(m map[string]any) any { return m["error"].(map[string]any)["message"] },
			Ollama:    func(m map[string]any) any { return m["error"] },
		} {
			fault := faultOfEvent(&event)
			if s := fault.status(); s < 400 || s > 599 {
				t.Fatalf("%d %q: status %d", status, text, s)
			}
			var out map[string]any
			if err := json.Unmarshal(d.body(fault, "id"), &out); err != nil || message(out) != fault.message || fault.message == "" {
				t.Fatalf("%s: %v: %s", d, err, d.body(fault, "id"))
			}
			// An event of a stream is one line.
			if frame := d.frame(fault, "id", ndjson, false); bytes.Count(frame, []byte("\n")) != 1 {
				t.Fatalf("%q", frame)
			}
		}
	})
}

// FuzzWords: what an engine writes is shown as short plain text, and showing it again
// changes nothing.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"a\x1b[31mb", "\u202Eevil", "\u009b2J", "\xff\xfeé", "![](http://127.0.0.1/x)", strings.Repeat("é", maxErrorText), "\r\n\t\x00\x7f\uFFFD", "[x](file:///etc/passwd)<img src=x>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := plainText(s)
		if len(got) > maxErrorText || !utf8.ValidString(got) || plainText(got) != got {
			t.Fatalf("%q is shown as %q", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q is shown as %q", s, got)
			}
		}
		if !strings.ContainsFunc(s, func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError
		}) && len(s) <= maxErrorText && got != s {
			t.Fatalf("%q has lost something: %q", s, got)
		}
	})
}
