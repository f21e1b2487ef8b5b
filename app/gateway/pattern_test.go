package gateway

import (
	"strings"
	"testing"
)

// chatEvent is a token as OpenAI's dialect has it.
const chatEvent = `{"id":"c-1","object":"chat.completion.chunk","created":1764144000,"model":"m","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}`

func TestPattern(t *testing.T) {
	ollama := strings.TrimSpace(chatStream[0])
	for _, tt := range []struct {
		name, usual, text string
		tokens            int
	}{
		{"AnotherText", chatEvent, strings.Replace(chatEvent, "word ", `a \"longer\" one\n`, 1), 1},
		{"AnotherTime", `{"created_at":"2026-11-26T08:00:00.12Z","response":"a"}`, `{"created_at":"2026-11-26T08:00:00.125Z","response":"b"}`, 1},
		{"TwoTexts", `{"thinking":"a","response":"b"}`, `{"thinking":"cd","response":"ef"}`, 2},
		{"TheSame", ollama, ollama, 1},
		{"NoText", chatEvent, strings.Replace(chatEvent, "word ", "", 1), 0},
		{"TheEnd", chatEvent, strings.Replace(chatEvent, "null", `"stop"`, 1), 0},
		{"AnotherMember", `{"response":"a","done":false}`, `{"response":"a","done":true}`, 0},
		{"MoreBehindIt", `{"response":"a"}`, `{"response":"a"} x`, 0},
		{"LessBehindIt", `{"response":"a"}`, `{"response":"a"`, 0},
		{"ABrokenEscape", `{"response":"a"}`, `{"response":"\u12"}`, 0},
		{"AControlCharacter", `{"response":"a"}`, "{\"response\":\"a\tb\"}", 0},
		{"AQuoteInTheText", `{"response":"a"}`, `{"response":"a","error":"b"}`, 0},
		{"AnUnendedText", `{"response":"a"}`, `{"response":"a`, 0},
		{"CountsAreNoPattern", `{"response":"a","eval_count":3}`, `{"response":"a","eval_count":3}`, 0},
		{"AnEndIsNoPattern", `{"response":"a","done":true}`, `{"response":"a","done":true}`, 0},
		{"AFailureIsNoPattern", `{"response":"a","error":"x"}`, `{"response":"a","error":"x"}`, 0},
		{"AToolCallIsNoPattern", `{"message":{"tool_calls":[1]}}`, `{"message":{"tool_calls":[1]}}`, 0},
		{"ManyTextsAreNoPattern", `{"response":"a","response":"a","response":"a","response":"a","response":"a"}`,
			`{"response":"a","response":"a","response":"a","response":"a","response":"a"}`, 0},
		{"ALongOneIsNoPattern", `{"response":"a","x":"` + strings.Repeat("x", maxPattern) + `"}`, `{"response":"a","x":"` + strings.Repeat("x", maxPattern) + `"}`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p pattern
			if _, err := readEvent([]byte(tt.usual), &p); err != nil {
				t.Fatal(err)
			}
			if got := p.count([]byte(tt.text)); got != tt.tokens {
				t.Errorf("%d tokens, want %d", got, tt.tokens)
			}
		})
	}
	t.Run("IsForgottenWithAnotherEvent", func(t *testing.T) {
		var p pattern
		for _, text := range []string{chatEvent, `{"done":true}`} {
			if _, err := readEvent([]byte(text), &p); err != nil {
				t.Fatal(err)
			}
		}
		if got := p.count([]byte(chatEvent)); got != 0 {
			t.Errorf("%d tokens by a pattern of the event before", got)
		}
	})
	t.Run("NamesAnErrorAllTheSame", func(t *testing.T) {
		got := summarize(sse, "data: {\"content\":\"a\"}\n\n", "event: error\ndata: {\"content\":\"b\"}\n\n")
		if got.Failure == "" {
			t.Errorf("got %+v, want a failure", got)
		}
	})
}

// FuzzPattern: what is told by comparing is what reading tells.
func FuzzPattern(f *testing.F) {
	f.Add(chatEvent, strings.Replace(chatEvent, "word", "o\\n", 1))
	f.Add(`{"created_at":"1","message":{"content":"a"},"done":false}`, `{"created_at":"2","message":{"content":"b"},"done":false}`)
	f.Add(`{"thinking":"a","response":"b"}`, `{"thinking":"a","response":""}`)
	f.Add(`{"message":{"tool_calls":[1],"content":"a"}}`, `{"message":{"tool_calls":[1],"content":""}}`)
	f.Add(`{"message":{"content":"a","tool_calls":[1]}}`, `{"message":{"content":"b","tool_calls":[1]}}`)
	f.Add(`{"content":"a","stop":false}`, `{"content":"a","stop":true }`)
	f.Add(`{"response":"\"","created_at":"\\"}`, `{"response":"a\"","created_at":"\\u0000"}`)
	f.Fuzz(func(t *testing.T, usual, text string) {
		var p pattern
		_, _ = readEvent([]byte(usual), &p) // what cannot be read is no pattern
		n := p.count([]byte(text))
		if n == 0 {
			return
		}
		e, err := readEvent([]byte(text), nil)
		if err != nil || !e.isText() || e.tokens != n {
			t.Errorf("%q like %q: %d tokens, but reading tells %+v, %v", text, usual, n, e, err)
		}
	})
}
