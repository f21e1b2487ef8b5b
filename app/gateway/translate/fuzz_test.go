package translate

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// checkAsk holds for whatever is asked: a body that an engine can read, or a
// refusal with words; and the same each time.
func checkAsk(t *testing.T, route string, kind byte, body []byte) {
	t.Helper()
	e := engines[int(kind)%len(engines)]
	x, err := Ask(route, body, "engine-name", e)
	if err != nil {
		if known, ok := errors.AsType[*Error](err); !ok || known.Message == "" || known.Status < 400 {
			t.Fatalf("refused with %v", err)
		}
		return
	}
	if x.ContentType == "" || (x.Path == "") != (x.Body == nil) {
		t.Fatalf("%q, %q, %s", x.Path, x.ContentType, x.Body)
	}
	if x.Path == "" {
		if out, err := x.Close(began); err != nil || !json.Valid(out) {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	var out struct {
		Model    string
		Messages []message
		Stream   bool
	}
	if err := json.Unmarshal(x.Body, &out); err != nil || out.Model != "engine-name" || out.Stream != x.Stream {
		t.Fatalf("%v: %s", err, x.Body)
	}
	for _, m := range out.Messages {
		for _, c := range m.ToolCalls {
			if c.ID == "" || c.Function.Arguments == "" {
				t.Fatalf("a call without id or arguments: %s", x.Body)
			}
		}
	}
	if again, err := Ask(route, body, "engine-name", e); err != nil || string(again.Body) != string(x.Body) {
		t.Fatalf("%v: %s\nis not\n%s", err, again.Body, x.Body)
	}
}

func FuzzAskOllama(f *testing.F) {
	for i, body := range []string{
		`{"model":"m","messages":[{"role":"user","content":"hi","images":["iVBORw0KGgo="]}],"options":{"seed":1,"stop":["x"]},"format":"json"}`,
		`{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},{"role":"tool","content":"1"}],"think":"low"}`,
		`{"prompt":"p","raw":true,"keep_alive":"5m"}`, `{"prompt":"p","suffix":"s","stream":false}`, `{"input":["a","b"]}`, `{}`,
	} {
		f.Add(byte(i), byte(i), []byte(body))
	}
	f.Fuzz(func(t *testing.T, route, kind byte, body []byte) {
		checkAsk(t, []string{"/api/chat", "/api/generate", "/api/embed", "/api/embeddings"}[route%4], kind, body)
	})
}

func FuzzAskAnthropic(f *testing.F) {
	for i, body := range []string{
		`{"max_tokens":1,"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"any"}}`,
		`{"max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"x"}]}]}]}`,
		`{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}]}],"thinking":{"type":"enabled"},"stream":true}`,
	} {
		f.Add(byte(i), []byte(body))
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) { checkAsk(t, "/v1/messages", kind, body) })
}

func FuzzAskResponses(f *testing.F) {
	for i, body := range []string{
		`{"input":"hi","instructions":"s","text":{"format":{"type":"json_schema","name":"n","schema":{}}},"reasoning":{"effort":"low"}}`,
		`{"input":[{"type":"reasoning","summary":[{"text":"x"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"1"}],"stream":true}`,
		`{"input":[{"role":"user","content":[{"type":"input_text","text":"x"},{"type":"input_image","image_url":"data:image/png;base64,AA=="}]}],"tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"function","name":"f"}}`,
	} {
		f.Add(byte(i), []byte(body))
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) { checkAsk(t, "/v1/responses", kind, body) })
}

// FuzzAnswer holds for whatever an engine answers: the same bytes however they
// come, and no end that did not come.
func FuzzAnswer(f *testing.F) {
	for _, a := range answers {
		for d := range dialects {
			f.Add(byte(d), true, []byte(a.stream), []byte{1, 7, 64})
			f.Add(byte(d), false, []byte(a.whole), []byte{3})
		}
	}
	f.Add(byte(0), true, []byte("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":-1}]}}]}\r\n\r\n"), []byte{2})
	f.Fuzz(func(t *testing.T, d byte, streams bool, answer, cuts []byte) {
		to := dialects[int(d)%len(dialects)]
		want, wantErr := play(exchange(t, to.route, to.body, streams), string(answer), len(answer)+1)
		x := exchange(t, to.route, to.body, streams)
		var got strings.Builder
		var err error
		for rest, i := answer, 0; len(rest) > 0 && err == nil; i++ {
			n := len(rest)
			if len(cuts) > 0 {
				n = min(n, 1+int(cuts[i%len(cuts)]))
			}
			var p []byte
			p, err = x.Feed(rest[:n], began.Add(time.Second))
			got.Write(p)
			rest = rest[n:]
		}
		p, closed := x.Close(began.Add(2 * time.Second))
		got.Write(p)
		if err == nil {
			err = closed
		}
		if got.String() != want || (err == nil) != (wantErr == nil) {
			t.Fatalf("in pieces: %v\n%s\nin one: %v\n%s", err, got.String(), wantErr, want)
		}
		switch {
		case err != nil:
		case streams:
			checkAnswer(t, to.name, want)
		case !json.Valid([]byte(want)):
			t.Fatalf("no JSON: %s", want)
		}
	})
}

func FuzzRefusal(f *testing.F) {
	for i, body := range []string{
		`{"error":{"message":"m","type":"t","param":"p","code":"c"}}`, `{"error":"x"}`, `{"object":"error","message":"m","code":400}`,
		`{"detail":[{"loc":["body",0],"msg":"m"}]}`, `{"detail":"d"}`, "no\x00pe", "",
	} {
		f.Add(byte(i), 400+i, []byte(body))
	}
	f.Fuzz(func(t *testing.T, d byte, status int, body []byte) {
		route := []string{"/api/chat", "/v1/messages", "/v1/responses"}[d%3]
		out := Refusal(route, status, body)
		var got struct{ Error json.RawMessage }
		if err := json.Unmarshal(out, &got); err != nil || !utf8.Valid(out) {
			t.Fatalf("%v: %s", err, out)
		}
		var text string
		if json.Unmarshal(got.Error, &text) != nil {
			var e struct{ Message, Type string }
			if err := json.Unmarshal(got.Error, &e); err != nil || e.Type == "" {
				t.Fatalf("%v: %s", err, out)
			}
			text = e.Message
		}
		if text == "" || len(text) > maxReason {
			t.Fatalf("%d bytes of words: %s", len(text), out)
		}
	})
}
