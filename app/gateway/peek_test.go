package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"

	"carpool/backends"
	"carpool/batching"
)

func TestPeek(t *testing.T) {
	long := strings.Repeat("x", 1000)
	tests := []struct {
		name, path, body string
		want             sketch
	}{
		{"an Ollama chat streams by itself", "/api/chat", `{"model":"m","messages":[{"role":"user","content":"hello"}]}`,
			sketch{model: "m", stream: true, prompt: 9, filled: true}},
		{"stream off", "/api/chat", `{"model":"m","stream":false,"messages":[{"content":"hello"}]}`,
			sketch{model: "m", prompt: 5, filled: true}},
		{"an OpenAI chat does not", "/v1/chat/completions", `{"model":"m","max_tokens":5,"messages":[]}`,
			sketch{model: "m", maxTokens: 5, filled: true}},
		{"the newer name of two caps", "/v1/chat/completions", `{"max_completion_tokens":7,"max_tokens":5,"stream":true}`,
			sketch{stream: true, maxTokens: 7, filled: true}},
		{"num_predict", "/api/generate", `{"model":"m","prompt":"four","options":{"num_predict":64,"seed":1}}`,
			sketch{model: "m", stream: true, prompt: 4, maxTokens: 64, filled: true, repeats: true}},
		{"what a model is loaded with", "/api/generate", `{"model":"m","prompt":"four","options":{"num_ctx":8192.9,"num_gpu":-1,"use_mmap":false,"num_thread":null,"num_batch":"no"},"keep_alive":"1m30s"}`,
			sketch{model: "m", stream: true, prompt: 4, filled: true, runner: runner{numCtx: {given: true, n: 8192}, useMMap: {given: true}}, keep: keepAlive{true, 90 * time.Second}}},
		{"options that add up", "/api/chat", `{"model":"m","options":{"num_ctx":1,"main_gpu":1},"OPTIONS":{"num_thread":2},"keep_alive":-1}`,
			sketch{model: "m", stream: true, runner: runner{{true, smallestCtx}, {}, {}, {true, 1}, {}, {true, 2}}, keep: keepAlive{true, forever}}},
		{"options taken back", "/api/chat", `{"model":"m","options":{"num_ctx":4096},"options":null,"keep_alive":0}`,
			sketch{model: "m", stream: true, keep: keepAlive{given: true}}},
		{"a route that has none", "/v1/chat/completions", `{"model":"m","options":{"num_ctx":4096},"keep_alive":0}`, sketch{model: "m", filled: true}},
		{"endless num_predict", "/api/generate", `{"model":"m","prompt":"four","options":{"num_predict":-1}}`,
			sketch{model: "m", stream: true, prompt: 4, filled: true}},
		{"a huge cap", "/v1/completions", `{"max_tokens":1e999}`, sketch{maxTokens: 1<<31 - 1, filled: true}},
		{"null is absent", "/v1/completions", `{"model":null,"stream":null,"max_tokens":null}`, sketch{filled: true}},
		{"a load", "/api/generate", `{"model":"m"}`, sketch{model: "m", stream: true}},
		{"a load with an empty prompt", "/api/generate", `{"model":"m","prompt":"" }`, sketch{model: "m", stream: true}},
		{"an unload", "/api/chat", `{"model":"m","messages":[ ],"keep_alive":0}`, sketch{model: "m", stream: true, keep: keepAlive{given: true}}},
		{"keys in any case", "/api/generate", `{"MODEL":"m","Stream":false,"pRompt":"a"}`, sketch{model: "m", prompt: 1, filled: true}},
		{"escaped keys and names", "/api/generate", `{"mod\u0065l":"a\"b","prompt":"a"}`, sketch{model: `a"b`, stream: true, prompt: 1, filled: true}},
		{"images are no text", "/api/chat", `{"model":"m","messages":[{"content":"abc","images":["` + long + `"]}]}`,
			sketch{model: "m", stream: true, prompt: 3, filled: true}},
		{"nor are data URLs", "/v1/chat/completions", `{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + long + `"}}]}]}`,
			sketch{prompt: 9, filled: true}},
		{"embeddings", "/api/embed", `{"model":"e","input":["ab","cd"]}`, sketch{model: "e", prompt: 4, filled: true}},
		{"what is not scheduling's business", "/api/generate", `{"model":"m","prompt":7,"options":3,"format":{"a":[1,2.5e-3,true,null]}, "x":"\ud800"}` + "\n",
			sketch{model: "m", stream: true, filled: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, f := peek([]byte(tt.body), dialectOf(tt.path), routes[tt.path])
			if f != nil {
				t.Fatal(f)
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	t.Run("ReadsOwnBodies", func(t *testing.T) {
		for _, tt := range []struct {
			kind       backends.Kind
			path, body string
			want       sketch
		}{
			{backends.KindLlamaCPP, "/completion", `{"prompt":"four","n_predict":64,"seed":1,"stream":true}`, sketch{stream: true, prompt: 4, maxTokens: 64, filled: true, repeats: true}},
			{backends.KindLlamaCPP, "/completion", `{"prompt":["ab","cd"],"n_predict":-1}`, sketch{prompt: 4, filled: true}},
			{backends.KindLlamaCPP, "/infill", `{"input_prefix":"ab","input_suffix":"c","input_extra":[{"filename":"f","text":"d"}],"prompt":"e"}`, sketch{prompt: 6, filled: true}},
			{backends.KindLlamaCPP, "/embedding", `{"content":"abc","temperature":0}`, sketch{prompt: 3, filled: true}},
			{backends.KindOpenAI, "/v2/rerank", `{"model":"m","query":"ab","documents":["c"]}`, sketch{model: "m", prompt: 3, filled: true}},
			{backends.KindLMStudio, "/api/v1/chat", `{"model":"m","input":[{"type":"text","content":"ab"}],"max_output_tokens":9,"integrations":["mcp/x"]}`, sketch{model: "m", prompt: 11, prefixBytes: 5, maxTokens: 9, tools: true, filled: true}},
		} {
			got, f := peek([]byte(tt.body), dialectOf(tt.path), own[tt.kind][tt.path])
			got.prefix = 0
			if f != nil || got != tt.want {
				t.Errorf("%s %s: got %+v (%v), want %+v", tt.path, tt.body, got, f, tt.want)
			}
		}
		if _, f := peek([]byte(`{"n_predict":"x"}`), OpenAI, own[backends.KindLlamaCPP]["/completion"]); f == nil || f.param != "n_predict" {
			t.Errorf("%v", f)
		}
		if _, f := peek([]byte(`{"n_predict":"x"}`), OpenAI, routes["/v1/completions"]); f != nil {
			t.Errorf("%v", f)
		}
	})
	t.Run("MeasuresThePrefix", func(t *testing.T) {
		for _, tt := range []struct {
			path, body string
			want       int64
		}{
			{"/api/chat", `{"messages":[{"role":"system","content":"1234"},{"role":"user","content":"12"},{"role":"system","content":"1"}],"tools":["12345"]}`, 6 + 4 + 5},
			{"/v1/messages", `{"system":"12","messages":[{"role":"user","content":"12"}]}`, 2},
			{"/v1/responses", `{"instructions":"123","input":"12"}`, 3},
			{"/api/generate", `{"prompt":"12"}`, 0},
		} {
			s, f := peek([]byte(tt.body), dialectOf(tt.path), routes[tt.path])
			if f != nil || s.prefixBytes != tt.want || s.prefixBytes > s.prompt || (s.prefix != 0) != (tt.want > 0) {
				t.Errorf("%s: %+v", tt.body, s)
			}
		}
	})
	t.Run("RequestsOfOneAppShareAPrefix", func(t *testing.T) {
		prefix := func(path, body string) uint64 {
			s, f := peek([]byte(body), dialectOf(path), routes[path])
			if f != nil {
				t.Fatal(f)
			}
			return s.prefix
		}
		chat := `{"messages":[{"role":"system","content":"be %s"},{"role":"user","content":"%s"}],"tools":[%s]}`
		one := prefix("/api/chat", fmt.Sprintf(chat, "kind", "a", "1"))
		for name, tt := range map[string]struct {
			body string
			same bool
		}{
			"another question":      {fmt.Sprintf(chat, "kind", "b", "1"), true},
			"another system prompt": {fmt.Sprintf(chat, "brief", "a", "1"), false},
			"other tools":           {fmt.Sprintf(chat, "kind", "a", "2"), false},
		} {
			if got := prefix("/api/chat", tt.body); got == 0 || (got == one) != tt.same {
				t.Errorf("%s: %x beside %x", name, got, one)
			}
		}
		if got := prefix("/api/chat", `{"messages":[{"role":"user","content":"a"}]}`); got != 0 {
			t.Errorf("no prefix: %x", got)
		}
		if prefix("/v1/messages", `{"system":"a","messages":[]}`) == 0 || prefix("/v1/responses", `{"instructions":"a"}`) == 0 {
			t.Error("system prompts of their own field count for nothing")
		}
	})
}

// badBody is a body that no engine may see.
type badBody struct{ body, param string }

// badBodies are made of a good one: each of the fields that are read with a value
// of each wrong type, a second model, nothing but part of it, and no JSON at all.
func badBodies() (all []badBody) {
	add := func(param string, bodies ...string) {
		for _, b := range bodies {
			all = append(all, badBody{b, param})
		}
	}
	const rest = `"messages":[{"role":"user","content":"hé\n"}],"prompt":"p","input":["i"],"temperature":0.5`
	values := []string{`"x"`, `"1"`, `1`, `-2.5e3`, `true`, `false`, `{}`, `{"a":1}`, `[]`, `["x"]`, `[1]`, `NaN`, `Infinity`, `nul`}
	texts, booleans, numbers := []string{`"x"`, `"1"`}, []string{`true`, `false`}, []string{`1`, `-2.5e3`}
	for _, field := range []struct {
		names []string
		param string
		good  []string
	}{
		{[]string{"model", "MODEL", "mode\\u006c"}, "model", texts},
		{[]string{"stream", "Stream", "\\u0073tream", "\u017ftream"}, "stream", booleans},
		{[]string{"max_tokens", "Max_Tokens"}, "max_tokens", numbers},
		{[]string{"max_completion_tokens"}, "max_completion_tokens", numbers},
		{[]string{"max_output_tokens"}, "max_output_tokens", numbers},
	} {
		for _, value := range values {
			if slices.Contains(field.good, value) {
				continue
			}
			param := field.param
			if value == "nul" {
				param = "" // no value at all, but broken JSON
			}
			for _, name := range field.names {
				add(param, `{"`+name+`":`+value+`,`+rest+`}`, `{`+rest+`, "`+name+`" : `+value+` }`)
			}
		}
	}
	for _, value := range values {
		if !slices.Contains(numbers, value) && value != "nul" {
			add("options.num_predict", `{"model":"m",`+rest+`,"options":{"seed":1,"num_predict":`+value+`}}`)
		}
	}
	spellings := []string{"model", "MODEL", "MoDeL", "mode\\u006c", "\\u004dodel"}
	for _, one := range spellings {
		for _, two := range spellings {
			add("model", `{"`+one+`":"a",`+rest+`,"`+two+`":"b"}`, `{"`+one+`":null,"`+two+`":"b",`+rest+`}`)
		}
	}
	add("model", `{"model":"`+strings.Repeat("m", maxModelName+1)+`",`+rest+`}`, `{"model":"`+strings.Repeat("\\u006d", maxModelName)+`"}`)
	good := `{"model":"m","stream":false,` + rest + `}`
	for i := range len(good) {
		add("", good[:i])
	}
	for _, more := range []string{`{}`, ` {"model":"b"}`, `x`, `]`, `}`, "\x00", `,`, "\n\n1", "\ufeff"} {
		add("", good+more)
	}
	add("", "\ufeff"+good, "\xff\xfe{\x00}\x00", "["+good+"]", `"model"`, `1`, `true`, `null`, `NaN`, " \n\t", `{"x"}`, `{"x":}`, `{x:1}`, `{'x':1}`, `{"x":1,}`, `{,}`, `{"x":1 "y":2}`, `{"x"::1}`, `//`+good, `/**/`+good)
	for _, number := range []string{`01`, `+1`, `.5`, `1.`, `1e`, `1e+`, `0x1`, `-`, `--1`, `1_000`, `1,5`, `-Infinity`} {
		add("", `{"model":"m","temperature":`+number+`}`)
	}
	for _, text := range []string{"a\nb", "a\x00b", `\x`, `\u12`, `\u12g4`, `\`, "a\tb"} {
		add("", `{"model":"m","prompt":"`+text+`"}`)
	}
	const deep = 10_001
	for _, shell := range [][2]string{{`[`, `]`}, {`{"a":`, `}`}, {`[{"a":`, `}]`}} {
		nested := strings.Repeat(shell[0], deep) + `1` + strings.Repeat(shell[1], deep)
		for _, key := range []string{"x", "messages", "prompt", "input", "tools", "options", "system"} {
			add("", `{"model":"m","`+key+`":`+nested+`}`)
		}
	}
	return all
}

func Test05_Bodies(t *testing.T) {
	bodies := badBodies()
	const fewest = 200
	if len(bodies) < fewest {
		t.Fatalf("%d bodies", len(bodies))
	}
	for path := range routes {
		t.Run("Refused"+strings.ReplaceAll(path, "/", "_"), func(t *testing.T) {
			r, engine := scripted(t, Limits{}, batching.Settings{})
			for _, bad := range bodies {
				res := r.post(path, bad.body)
				if got := text(t, res); res.StatusCode != 400 {
					t.Errorf("%.300q: %d %s", bad.body, res.StatusCode, got)
				} else if err := holdRefusal(dialectOf(path), got, bad.param); err != nil {
					t.Errorf("%.300q: %v in %s", bad.body, err, got)
				}
			}
			if engine.Hits() != 0 {
				t.Errorf("%d requests reached the engine", engine.Hits())
			}
			r.noMore()
		})
		t.Run("Passed"+strings.ReplaceAll(path, "/", "_"), func(t *testing.T) {
			r, engine := scripted(t, Limits{}, batching.Settings{})
			const asked = `"messages":[{"role":"user","content":"x"}],"prompt":"p","input":"i"`
			for _, rest := range []string{`"temperature":"hot"`, `"tools":5`, `"n":-1`, `"format":[[]]`, `"stop":{"a":null}`, `"seed":1e400`, `"options":{"temperature":{}}`, `"options":"none"`,
				`"keep_alive":[]`, `"temperature":1,"temperature":2`, `"x":"\ud800"`, "\"x\":\"\xff\"", `"think":"deep"`, `"max_tokens":-1`, `"max_tokens":1e999`, `"stream":null`} {
				before, body := engine.Hits(path), `{"model":"tiny",`+asked+`,`+rest+`} `
				_ = text(t, r.post(path, body)) // what the engine makes of it is its own business
				if got, _ := engine.Last(path); engine.Hits(path) != before+1 || string(got.Body) != body {
					t.Errorf("%s: %d hits, %q", rest, engine.Hits(path)-before, got.Body)
				}
			}
		})
	}
	t.Logf("%d bodies on %d routes", len(bodies), len(routes))
}

// holdRefusal holds a refusal against the shape that clients of a dialect read.
func holdRefusal(d Dialect, body, param string) error {
	var whole struct {
		Type  string
		Error json.RawMessage
	}
	if err := json.Unmarshal([]byte(body), &whole); err != nil {
		return err
	}
	if d == Ollama {
		var words string
		if err := json.Unmarshal(whole.Error, &words); err != nil || words == "" {
			return fmt.Errorf("no words: %w", err)
		}
		return nil
	}
	var refusal struct {
		Type, Message string
		Param         *string
	}
	if err := json.Unmarshal(whole.Error, &refusal); err != nil {
		return err
	}
	switch {
	case refusal.Type != invalidType || refusal.Message == "":
		return errors.New("another type, or no message")
	case d == Anthropic && whole.Type != "error":
		return errors.New("no error")
	case d == OpenAI && (refusal.Param == nil) != (param == ""), d == OpenAI && param != "" && *refusal.Param != param:
		return errors.New("another param than " + param)
	}
	return nil
}

// depth is how deep valid JSON is nested.
func depth(text []byte) (most int) {
	in, escaped, level := false, false, 0
	for _, b := range text {
		switch {
		case escaped:
			escaped = false
		case in && b == '\\':
			escaped = true
		case b == '"':
			in = !in
		case in:
		case b == '{' || b == '[':
			level++
			most = max(most, level)
		case b == '}' || b == ']':
			level--
		}
	}
	return most
}

// FuzzPeek holds the cursor against encoding/json: what scheduling reads of a
// body must be what a Go engine reads of it.
func FuzzPeek(f *testing.F) {
	for _, s := range []string{`{"model":"a","stream":true}`, `{"model":"\u0041","options":{"num_predict":1.5e2}}`, `{"a":[1,-0,"\\"],"messages":[{"role":"system"}]}`,
		`{"model":"a","options":{"num_ctx":1e3,"num_gpu":-1,"use_mmap":true,"num_thread":null},"keep_alive":1.5,"Keep_alive":"1m"}`,
		`{"options":{"main_gpu":1,"num_batch":-0.5},"options":null,"OPTIONS":{"num_ctx":1}}`, `{"model":"a"}x`, `{"x":tru}`, `{"\u006dodel":"a"}`, "{\"model\":\"\xff\"}", `{"x":-}`, `{"x":1.}`, `{"prompt":[[]]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c := cursor{text: body}
		err := c.skip()
		if err == nil {
			err = c.end()
		}
		valid := json.Valid(body) && depth(body) <= maxDepth
		if (err == nil) != valid {
			t.Fatalf("%q: %v, valid %v", body, err, valid)
		}
		s, fault := peek(body, Ollama, routes["/api/generate"])
		if fault != nil {
			return
		}
		var want struct {
			Model  string
			Stream *bool
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q is let through: %v", body, err)
		}
		if want.Model != s.model || want.Stream != nil && *want.Stream != s.stream && strings.Count(strings.ToLower(string(body)), "stream") == 1 {
			t.Fatalf("%q: read %+v, an engine reads %+v", body, s, want)
		}
		holdRunner(t, body, s)
	})
}

// holdRunner holds what a model is loaded with against what Ollama's own types
// read of a body that they take.
func holdRunner(t *testing.T, body []byte, s sketch) {
	t.Helper()
	var request api.GenerateRequest
	options := api.Options{Runner: api.Runner{NumGPU: -1}}
	if json.Unmarshal(body, &request) != nil || options.FromMap(request.Options) != nil {
		return
	}
	var keep keepAlive
	if request.KeepAlive != nil {
		keep = keepAlive{true, request.KeepAlive.Duration}
	}
	if s.keep != keep && keep.d >= 0 && keep.d < forever/2 { // out of range means one thing here and another there
		t.Fatalf("%q: keep_alive %+v, an engine reads %+v", body, s.keep, keep)
	}
	for i, n := range []int{options.NumCtx, options.NumBatch, options.NumGPU, options.MainGPU, 0, options.NumThread} {
		given := request.Options[runnerOptions[i]] != nil && (i != numGPU || n >= 0)
		sane := n > -1<<31 && n < 1<<31-1
		switch i {
		case useMMap:
			given, n = options.UseMMap != nil, 0
			if given && *options.UseMMap {
				n = 1
			}
		case numCtx:
			n = max(n, smallestCtx)
		}
		if got := s.runner[i]; got.given != given || given && sane && got.n != int64(n) {
			t.Fatalf("%q: %s is %+v, an engine reads %d", body, runnerOptions[i], got, n)
		}
	}
}

func BenchmarkPeek(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		body := []byte(`{"model":"llama3.2","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"` +
			strings.Repeat("lorem ipsum ", size/12) + `"}],"options":{"num_predict":64}}`)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, f := peek(body, Ollama, routes["/api/chat"]); f != nil {
					b.Fatal(f)
				}
			}
		})
	}
}
