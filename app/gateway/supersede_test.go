package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"carpool/batching"
)

// source is a file of n functions, as alike as code is.
func source(name string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "// Package %s is a part of the shop.\npackage %s\n\nimport (\n\t\"errors\"\n\t\"fmt\"\n)\n\n", name, name)
	for i := range n {
		fmt.Fprintf(&b, "// price%d is what article %d costs.\nfunc price%d(count int) (int, error) {\n\tif count < 0 {\n\t\treturn 0, errors.New(\"%s: no count\")\n\t}\n\treturn %d * count, nil\n}\n\n", i, i, i, name, 7*i+3)
	}
	return b.String()
}

// editor sends what is around a cursor, as far as it sends it.
type editor struct {
	chars int // at most, of the text in front; 0 = all
	lines int // likewise
	frame func(before, after string) map[string]any
}

func (e editor) body(text string, cursor int) []byte {
	before, after := text[:cursor], text[cursor:]
	if e.chars > 0 {
		before = before[max(0, len(before)-e.chars):]
		after = after[:min(len(after), e.chars/2)]
	}
	if e.lines > 0 {
		lines := strings.SplitAfter(before, "\n")
		before = strings.Join(lines[max(0, len(lines)-e.lines):], "")
	}
	b, err := json.Marshal(e.frame(before, after)) // writes < as \u003c, as many do
	if err != nil {
		panic(err) // strings always marshal
	}
	return b
}

func withSuffix(before, after string) map[string]any {
	return map[string]any{"model": "m", "prompt": before, "suffix": after, "options": map[string]any{"num_predict": 64}}
}

func marked(format string) func(before, after string) map[string]any {
	return func(before, after string) map[string]any {
		return map[string]any{"model": "m", "raw": true, "prompt": strings.NewReplacer("BEFORE", before, "AFTER", after).Replace(format)}
	}
}

var editors = map[string]editor{
	"suffix":               {frame: withSuffix},
	"suffix, 1000 chars":   {chars: 1000, frame: withSuffix},
	"suffix, 30 lines":     {lines: 30, frame: withSuffix},
	"suffix, 10000 chars":  {chars: 10_000, frame: withSuffix},
	"Qwen":                 {frame: marked("<|fim_prefix|>BEFORE<|fim_suffix|>AFTER<|fim_middle|>")},
	"Qwen with snippets":   {chars: 3000, frame: marked("<|repo_name|>shop\n<|file_sep|>a.go\npackage a\n<|file_sep|>b.go\n<|fim_prefix|>BEFORE<|fim_suffix|>AFTER<|fim_middle|>")},
	"StarCoder":            {lines: 40, frame: marked("<fim_prefix>BEFORE<fim_suffix>AFTER<fim_middle>")},
	"StarCoder, end first": {chars: 2000, frame: marked("<fim_prefix><fim_suffix>AFTER<fim_middle>BEFORE")},
	"Code Llama":           {chars: 500, frame: marked("<PRE> BEFORE <SUF>AFTER <MID>")},
	"DeepSeek":             {frame: marked("<｜fim▁begin｜>BEFORE<｜fim▁hole｜>AFTER<｜fim▁end｜>")},
	"Codestral":            {chars: 4000, frame: marked("[SUFFIX]AFTER[PREFIX]BEFORE")},
}

func spotIn(t interface{ Fatalf(string, ...any) }, body []byte) spot {
	s, ok := spotOf(body)
	if !ok {
		t.Fatalf("no cursor found in %q", body)
	}
	return s
}

func TestTypingOn(t *testing.T) {
	file := source("shop", 40)
	middle := strings.Index(file, "price20(count int)")
	middle += strings.Index(file[middle:], "\treturn 140") // in the body of price20
	for name, e := range editors {
		t.Run(name, func(t *testing.T) {
			type state struct {
				text   string
				cursor int
			}
			insert := func(s state, typed string) state {
				return state{s.text[:s.cursor] + typed + s.text[s.cursor:], s.cursor + len(typed)}
			}
			erase := func(s state, n int) state { return state{s.text[:s.cursor-n] + s.text[s.cursor:], s.cursor - n} }
			start := state{file, middle}
			steps := []struct {
				name   string
				do     func(state) state
				follow bool
			}{
				{"a letter", func(s state) state { return insert(s, "t") }, true},
				{"a word", func(s state) state { return insert(s, "otal := ") }, true},
				{"a line", func(s state) state { return insert(s, "count * \"ü\" // <b>\n\t") }, true},
				{"a letter taken back", func(s state) state { return erase(s, 1) }, true},
				{"a typing error corrected", func(s state) state { return insert(erase(s, 3), "abc") }, true},
				{"an accepted block", func(s state) state {
					return insert(s, "\n\tfor i := range count {\n\t\ttotal += i\n\t\tfmt.Println(total)\n\t}\n")
				}, true},
				{"nothing", func(s state) state { return s }, false},
				{"another function", func(s state) state { return state{s.text, strings.Index(s.text, "\treturn 38")} }, false},
				{"a whole line taken back", func(s state) state { return erase(insert(s, "return count"), 12+len("total += i\n\t")) }, false},
			}
			now := start
			for _, step := range steps {
				next := step.do(now)
				older, newer := spotIn(t, e.body(now.text, now.cursor)), spotIn(t, e.body(next.text, next.cursor))
				if got := newer.follows(older); got != step.follow {
					t.Errorf("%s: follows %v", step.name, got)
				}
				if step.follow {
					now = next
				}
			}
		})
	}
	t.Run("AtTheTopOfAFile", func(t *testing.T) {
		e := editors["suffix"]
		if !spotIn(t, e.body(file[:3]+file[3:], 3)).follows(spotIn(t, e.body(file[:2]+file[3:], 2))) {
			t.Error("the text behind says which file it is")
		}
	})
}

func TestOtherWindowsAreLeftAlone(t *testing.T) {
	here, there := source("shop", 40), source("till", 40)
	for name, e := range editors {
		t.Run(name, func(t *testing.T) {
			spots := map[string][]byte{
				"function 20":                   e.body(here, strings.Index(here, "\treturn 143")),
				"function 21":                   e.body(here, strings.Index(here, "\treturn 150")),
				"the same place, another file":  e.body(there, strings.Index(there, "\treturn 143")),
				"a new file":                    e.body("package shop\n\nfunc ", 19),
				"another new file":              e.body("package shop\n\nfunc a", 20),
				"a file with nothing after":     e.body(here+"f", len(here)),
				"another with as little after":  e.body(there+"f", len(there)),
				"the same head, other contents": e.body(here[:110]+"\nfunc a() {\n\n}\n", 122),
			}
			for a, one := range spots {
				for b, other := range spots {
					one, ok := spotOf(one)
					other, okOther := spotOf(other)
					if ok && okOther && one.follows(other) {
						t.Errorf("%s follows %s", a, b)
					}
				}
			}
		})
	}
	t.Run("OtherOptionsAreAnotherPurpose", func(t *testing.T) {
		one, _ := spotOf([]byte(`{"prompt":"` + strings.Repeat("a", 100) + `","suffix":"x","max_tokens":5}`))
		other, _ := spotOf([]byte(`{"prompt":"` + strings.Repeat("a", 100) + `b","suffix":"x","max_tokens":500}`))
		if other.follows(one) {
			t.Error("a short completion and a long one")
		}
	})
	t.Run("WithoutACursorThereIsNothingToSay", func(t *testing.T) {
		for _, body := range []string{`{"prompt":"tell me a story"}`, `{"prompt":"a","suffix":""}`, `{"prompt":"a","suffix":null}`,
			`{"prompt":["a","b"]}`, `{"prompt":"<|fim_prefix|>a"}`, `{"messages":[]}`} {
			if _, ok := spotOf([]byte(body)); ok {
				t.Errorf("a cursor in %s", body)
			}
		}
	})
}

// TestFarCursorsNeverFollow draws two cursors in one file, or in two that are
// alike, too far from each other to be one line of typing.
func TestFarCursorsNeverFollow(t *testing.T) {
	names := make([]string, 0, len(editors))
	for name := range editors {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(t *rapid.T) {
		e := editors[rapid.SampledFrom(names).Draw(t, "editor")]
		text := source("shop", rapid.IntRange(4, 60).Draw(t, "functions"))
		a := rapid.IntRange(maxTyped, len(text)-1).Draw(t, "one")
		b := rapid.IntRange(0, a-maxErased-1).Draw(t, "other")
		if spotIn(t, e.body(text, b)).follows(spotIn(t, e.body(text, a))) {
			t.Fatalf("%d follows %d", b, a)
		}
		if a-b > maxTyped && spotIn(t, e.body(text, a)).follows(spotIn(t, e.body(text, b))) {
			t.Fatalf("%d follows %d", a, b)
		}
		typed := rapid.StringMatching(`[a-z ().:=]{1,40}`).Draw(t, "typed")
		if a > 100 && !spotIn(t, e.body(text[:a]+typed+text[a:], a+len(typed))).follows(spotIn(t, e.body(text, a))) {
			t.Fatalf("%q at %d does not follow", typed, a)
		}
	})
}

func TestTypingThreads(t *testing.T) {
	file := source("shop", 40)
	at := func(app, model string, cursor int, typed string) place {
		return place{app: app, key: batching.Key{Model: model}, route: "/api/generate",
			spot: spotIn(t, editors["suffix"].body(file[:cursor]+typed+file[cursor:], cursor+len(typed)))}
	}
	var all typing
	first, stopFirst := all.follow(at("editor", "m", 2000, ""))
	second, stopSecond := all.follow(at("editor", "m", 2000, "a"))
	window, stopWindow := all.follow(at("editor", "m", 900, "a"))
	app, stopApp := all.follow(at("other", "m", 2000, "ab"))
	model, stopModel := all.follow(at("editor", "n", 2000, "ab"))
	if first == "" || first != second {
		t.Errorf("typed on: %q, then %q", first, second)
	}
	for what, other := range map[string]string{"window": window, "app": app, "model": model} {
		if other == "" || other == first {
			t.Errorf("another %s: %q beside %q", what, other, first)
		}
	}
	stopFirst()
	stopSecond()
	if later, stop := all.follow(at("editor", "m", 2000, "ab")); later == first {
		t.Error("nobody waits there any more")
	} else {
		stop()
	}
	stopWindow()
	stopApp()
	stopModel()
	if len(all.waiting) > 0 {
		t.Errorf("%d places are still kept", len(all.waiting))
	}
	for i := range maxTyping + 1 {
		if thread, stop := all.follow(at("editor", "m", 2000, "")); (thread == "") != (i == maxTyping) {
			t.Errorf("place %d: %q", i, thread)
		} else {
			defer stop()
		}
	}
}

func FuzzSpot(f *testing.F) {
	f.Add([]byte(`{"prompt":"a","suffix":"b"}`), []byte(`{"prompt":"ab","suffix":"b"}`))
	f.Add([]byte(`{"prompt":"<PRE> a <SUF>b <MID>"}`), []byte(`{"prompt":"[SUFFIX]b[PREFIX]a"}`))
	f.Fuzz(func(t *testing.T, older, newer []byte) {
		a, okA := spotOf(older)
		b, okB := spotOf(newer)
		if okA && okB && a.follows(b) && (len(a.before)+len(a.after) < enough || a.rest != b.rest) {
			t.Errorf("%q follows %q", older, newer)
		}
	})
}

func BenchmarkTypingOn(b *testing.B) {
	file := source("shop", 400)
	older := editors["suffix"].body(file, 20_000)
	b.Run("spot", func(b *testing.B) {
		b.SetBytes(int64(len(older)))
		for b.Loop() {
			_, _ = spotOf(older)
		}
	})
	one, _ := spotOf(older)
	two := one
	two.before += "0123456789" // more than may be taken back
	b.Run("compare", func(b *testing.B) {
		for b.Loop() {
			one.follows(two)
		}
	})
}

// superseding are the same two requests in every dialect, of which the newer one
// takes the older one's place, and the older one's answer.
var superseding = []struct{ path, body, answer string }{
	{"/api/generate", `{"model":"tiny","prompt":"nonce:%s"}`, `{"error":"superseded: `},
	{"/api/chat", `{"model":"tiny","messages":[{"role":"user","content":"nonce:%s"}]}`, `{"error":"superseded: `},
	{"/v1/chat/completions", `{"model":"tiny","stream":true,"messages":[{"role":"user","content":"nonce:%s"}]}`, `"code":"superseded"`},
	{"/v1/completions", `{"model":"tiny","prompt":"nonce:%s"}`, `"code":"superseded"`},
	{"/v1/responses", `{"model":"tiny","stream":true,"input":"nonce:%s"}`, `"code":"superseded"`},
	{"/v1/messages", `{"model":"tiny","stream":true,"max_tokens":8,"messages":[{"role":"user","content":"nonce:%s"}]}`, `{"type":"error","error":{"type":"superseded",`},
}

func TestSupersede(t *testing.T) {
	one := batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}}
	waits := func(t *testing.T, r *rig, n int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d wait", n), func() bool { return r.scheduler.Totals().QueueDepth == n })
	}
	for _, tt := range superseding {
		t.Run("DropsTheOneThatWaits "+tt.path, func(t *testing.T) {
			r, engine := scripted(t, Limits{}, one)
			engine.Hold()
			ask := func(nonce string, headers ...string) <-chan *http.Response {
				return r.asks(tt.path, fmt.Sprintf(tt.body, nonce), headers...)
			}
			running := ask("running", "X-Carpool-Supersede", "line 7")
			held := engine.Next()
			if held.Header.Get("X-Carpool-Supersede") != "" {
				t.Error("the engine got the header")
			}
			older := ask("older", "X-Carpool-Supersede", " line 7 ")
			waits(t, r, 1)
			other := ask("other", "X-Carpool-Supersede", "line 8")
			waits(t, r, 2)
			stranger := ask("stranger", "X-Carpool-Supersede", "line 7", "X-Carpool-App", "stranger")
			waits(t, r, 3)
			newer := ask("newer", "X-Carpool-Supersede", "line 7")
			res := <-older
			if body := text(t, res); res.StatusCode != 409 || res.Header.Get("X-Should-Retry") != "false" || !strings.Contains(body, tt.answer) {
				t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
			}
			if rec := r.recorded(); rec.Outcome != Rejected || rec.ErrorKind != "superseded" || rec.Status != 409 || rec.Batch != 0 {
				t.Errorf("record %+v", rec)
			}
			waits(t, r, 3)
			engine.Release()
			held.Release()
			for nonce, answer := range map[string]<-chan *http.Response{"running": running, "other": other, "stranger": stranger, "newer": newer} {
				if res := <-answer; res.StatusCode != 200 || !strings.Contains(text(t, res), nonce) {
					t.Errorf("%s: %d", nonce, res.StatusCode)
				}
			}
			if engine.Hits() != 4 || r.gateway.Stats().Superseded != 1 {
				t.Errorf("%d requests reached the engine, %+v", engine.Hits(), r.gateway.Stats())
			}
		})
	}
	t.Run("RefusesAKeyThatIsTooLong", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, one)
		res := r.do("POST", "/api/generate", `{"model":"tiny","prompt":"a"}`, "X-Carpool-Supersede", strings.Repeat("k", maxSupersede+1))
		if got := text(t, res); res.StatusCode != 400 || !strings.Contains(got, "X-Carpool-Supersede") || engine.Hits() != 0 {
			t.Errorf("%d %s", res.StatusCode, got)
		}
	})
	file := source("shop", 40)
	complete := func(cursor int, typed string) string {
		return string(editor{frame: func(before, after string) map[string]any {
			return map[string]any{"model": "tiny", "prompt": before, "suffix": after}
		}}.body(file[:cursor]+typed+file[cursor:], cursor+len(typed)))
	}
	for _, on := range []bool{false, true} {
		for _, path := range []string{"/api/generate", "/v1/completions"} {
			t.Run(fmt.Sprintf("Typing %s, switched on: %v", path, on), func(t *testing.T) {
				l := Limits{}
				if on {
					l.Supersede = []string{"editor"}
				}
				r, engine := scripted(t, l, one)
				engine.Hold()
				ask := func(cursor int, typed string) <-chan *http.Response {
					return r.asks(path, complete(cursor, typed), "X-Carpool-App", "editor")
				}
				running := ask(2000, "")
				held := engine.Next()
				window := ask(900, "")
				waits(t, r, 1)
				var typed []<-chan *http.Response
				for n := 1; n <= 5; n++ {
					typed = append(typed, ask(2000, "a = b"[:n]))
					if on {
						waits(t, r, 2)
						if n > 1 {
							if res := <-typed[n-2]; res.StatusCode != 409 || text(t, res) == "" {
								t.Errorf("after %d letters: %d", n, res.StatusCode)
							}
						}
					} else {
						waits(t, r, 1+n)
					}
				}
				engine.Release()
				held.Release()
				left := []<-chan *http.Response{running, window}
				if on {
					left = append(left, typed[4])
				} else {
					left = append(left, typed...)
				}
				for i, answer := range left {
					if res := <-answer; res.StatusCode != 200 || text(t, res) == "" {
						t.Errorf("answer %d: %d", i, res.StatusCode)
					}
				}
				eventually(t, "no text is kept", func() bool {
					r.gateway.typing.mu.Lock()
					defer r.gateway.typing.mu.Unlock()
					return len(r.gateway.typing.waiting) == 0
				})
			})
		}
	}
}
