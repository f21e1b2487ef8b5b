package gateway

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"
)

func TestWithNumCtx(t *testing.T) {
	for _, tt := range []struct{ name, body, set, unset string }{
		{"no options", `{"model":"m"}`, `{"options":{"num_ctx":8192},"model":"m"}`, ``},
		{"space at the head", ` { "model":"m" } `, ` {"options":{"num_ctx":8192}, "model":"m" } `, ``},
		{"empty options", `{"options":{ },"model":"m"}`, `{"options":{"num_ctx":8192 },"model":"m"}`, ``},
		{"other options", `{"options": {"seed": 1}}`, `{"options": {"num_ctx":8192,"seed": 1}}`, ``},
		{"null options", `{"options": null}`, `{"options": {"num_ctx":8192}}`, ``},
		{"replaced", `{"options":{"a":1, "num_ctx" : 4096 ,"b":2}}`, `{"options":{"a":1, "num_ctx" : 8192 ,"b":2}}`, `{"options":{"a":1 ,"b":2}}`},
		{"the first", `{"options":{ "num_ctx":1, "b":2}}`, `{"options":{ "num_ctx":8192, "b":2}}`, `{"options":{ "b":2}}`},
		{"the last", `{"options":{"a":[1,2],"num_ctx":1.5e3}}`, `{"options":{"a":[1,2],"num_ctx":8192}}`, `{"options":{"a":[1,2]}}`},
		{"the only one", `{"options":{"num_ctx":null}}`, `{"options":{"num_ctx":8192}}`, `{"options":{}}`},
		{"twice", `{"options":{"num_ctx":1,"num_ctx":2,"c":3}}`, `{"options":{"num_ctx":8192,"num_ctx":8192,"c":3}}`, `{"options":{"c":3}}`},
		{"around another", `{"options":{"num_ctx":1,"b":2,"num_ctx":3}}`, `{"options":{"num_ctx":8192,"b":2,"num_ctx":8192}}`, `{"options":{"b":2}}`},
		{"an escaped name", `{"options":{"num\u005fctx":1}}`, `{"options":{"num\u005fctx":8192}}`, `{"options":{}}`},
		{"another case", `{"options":{"NUM_CTX":1}}`, `{"options":{"num_ctx":8192,"NUM_CTX":1}}`, ``},
		{"options in another case", `{"Options":{"num_ctx":1}}`, `{"Options":{"num_ctx":8192}}`, `{"Options":{}}`},
		{"two options", `{"options":{"num_ctx":1},"OPTIONS":{"a":1}}`, `{"options":{"num_ctx":8192},"OPTIONS":{"num_ctx":8192,"a":1}}`, `{"options":{},"OPTIONS":{"a":1}}`},
		{"taken back", `{"options":{"num_ctx":1},"options":null}`, `{"options":{"num_ctx":8192},"options":null,"options":{"num_ctx":8192}}`, `{"options":{},"options":null}`},
		{"a prompt that looks like it", `{"prompt":"{\"options\":{\"num_ctx\":1}}","tools":[{"options":{"num_ctx":1}}],"options":{"num_ctx":8192}}`, ``,
			`{"prompt":"{\"options\":{\"num_ctx\":1}}","tools":[{"options":{"num_ctx":1}}],"options":{}}`},
		{"no object", `{"options":3}`, ``, ``},
	} {
		for tokens, want := range map[int]string{8192: tt.set, 0: tt.unset} {
			if want == "" {
				want = tt.body
			}
			if got := string(withNumCtx([]byte(tt.body), tokens)); got != want {
				t.Errorf("%s, %d:\ngot  %s\nwant %s", tt.name, tokens, got, want)
			}
		}
	}
}

// FuzzNumCtx holds the edit against encoding/json: an engine reads the size that
// was set, and all else as it was.
func FuzzNumCtx(f *testing.F) {
	for _, s := range []string{`{"model":"m"}`, `{"model":"m","options":{"num_ctx":1,"seed":2}}`, `{"model":"m","Options":{"a":"}","num_ctx":[{}]},"options":null}`,
		`{"options" : { "num_ctx" : 1 , "num_ctx":2, "b" : 1 } ,"model":"m"}`, `{"model":"m","options":{"n\u0075m_ctx":3}}`} {
		f.Add([]byte(s), 8192)
		f.Add([]byte(s), 0)
	}
	f.Fuzz(func(t *testing.T, body []byte, tokens int) {
		s, fault := peek(body, Ollama, routes["/api/generate"])
		if fault != nil || s.model == "" || tokens < 0 {
			return
		}
		out := withNumCtx(body, tokens)
		if !json.Valid(out) {
			t.Fatalf("%q becomes %q", body, out)
		}
		if rest, was := others(t, out), others(t, body); !reflect.DeepEqual(rest, was) {
			t.Fatalf("%q becomes %q", body, out)
		}
		type request struct{ Options map[string]any }
		var was, is request
		if json.Unmarshal(body, &was) != nil {
			return // an engine refuses it either way
		}
		if err := json.Unmarshal(out, &is); err != nil {
			t.Fatalf("%q becomes %q: %v", body, out, err)
		}
		got, there := is.Options["num_ctx"]
		if there != (tokens > 0) || there && got != float64(tokens) {
			t.Fatalf("%q becomes %q, which asks for %v", body, out, got)
		}
		delete(was.Options, "num_ctx")
		delete(is.Options, "num_ctx")
		if !maps.EqualFunc(was.Options, is.Options, func(a, b any) bool { return reflect.DeepEqual(a, b) }) {
			t.Fatalf("%q becomes %q", body, out)
		}
		again, fault := peek(out, Ollama, routes["/api/generate"])
		s.runner[numCtx] = readOption(numCtx, ctxText(tokens))
		if fault != nil || again != s {
			t.Fatalf("scheduling reads %+v of %q, %+v of %q", s, body, again, out)
		}
		if string(withNumCtx(out, tokens)) != string(out) {
			t.Fatalf("%q does not stay as it is", out)
		}
	})
}

// others are all members but the options.
func others(t *testing.T, body []byte) map[string]json.RawMessage {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return strings.EqualFold(name, "options") })
	return all
}
