package gateway

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// summary is what a tap has learned, to be compared.
type summary struct {
	Events, Tokens, Prompt, Output int
	Ended, Garbled                 bool
	Failure                        string
	More                           string // what else the engine told
}

func summarize(form framing, chunks ...string) summary {
	t := newTap(form, nil)
	for _, c := range chunks {
		t.feed([]byte(c))
	}
	t.close()
	s := summary{Events: t.events, Tokens: t.tokens, Prompt: t.told.PromptTokens, Output: t.told.OutputTokens, Ended: t.ended, Garbled: t.garbled}
	if t.told.CachedTokens >= 0 {
		s.More = fmt.Sprintf("%d cached ", t.told.CachedTokens)
	}
	if r := t.told; r.Total+r.Load+r.Prompt+r.Eval > 0 {
		s.More += fmt.Sprintf("total %v load %v prompt %v eval %v", r.Total, r.Load, r.Prompt, r.Eval)
	}
	if t.failure != nil {
		s.Failure = t.failure.reason + "!"
	}
	return s
}

func sseOf(data ...string) string {
	var b strings.Builder
	for _, d := range data {
		b.WriteString("data: " + d + "\n\n")
	}
	return b.String()
}

func TestTap(t *testing.T) {
	tests := []struct {
		name string
		form framing
		text string
		want summary
	}{
		{"Ollama chat", ndjson, strings.Join(chatStream, ""), summary{Events: 3, Tokens: 2, Prompt: 7, Output: 3, Ended: true}},
		{"Ollama generate with thinking", ndjson, `{"response":"","thinking":"hm"}` + "\n" + `{"response":"a"}` + "\n" + `{"done":true}`,
			summary{Events: 3, Tokens: 2, Prompt: -1, Output: -1, Ended: true}},
		{"Ollama tool call", ndjson, `{"message":{"content":"","tool_calls":[{"function":{"name":"f"}}]}}` + "\r\n" + `{"done":true,"eval_count":9}` + "\r\n",
			summary{Events: 2, Tokens: 1, Prompt: -1, Output: 9, Ended: true}},
		{"Ollama error", ndjson, `{"response":"a"}` + "\n" + `{"error":"model runner has unexpectedly stopped"}` + "\n",
			summary{Events: 2, Tokens: 1, Prompt: -1, Output: -1, Failure: "model runner has unexpectedly stopped!"}},
		{"no end", ndjson, `{"response":"a"}` + "\n", summary{Events: 1, Tokens: 1, Prompt: -1, Output: -1}},
		{"garbage", ndjson, `{"response":"a"}` + "\n<html>\n", summary{Events: 2, Tokens: 1, Prompt: -1, Output: -1, Garbled: true}},
		{"half a line", ndjson, `{"response":"a"}` + "\n" + `{"resp`, summary{Events: 2, Tokens: 1, Prompt: -1, Output: -1, Garbled: true}},
		{"OpenAI chat", sse, sseOf(`{"choices":[{"delta":{"role":"assistant","content":""}}]}`, `{"choices":[{"delta":{"content":"a"}}],"usage":null}`,
			`{"choices":[{"delta":{"reasoning":"b"}}]}`, `{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}`, `[DONE]`),
			summary{Events: 5, Tokens: 2, Prompt: 4, Output: 2, Ended: true}},
		{"OpenAI completions", sse, sseOf(`{"choices":[{"text":"a"}]}`, `{"choices":[{"text":"b","finish_reason":"stop"}]}`, `[DONE]`),
			summary{Events: 3, Tokens: 2, Prompt: -1, Output: -1, Ended: true}},
		{"comments and carriage returns", sse, ": ping\r\n\r\ndata:{\"choices\":[{\"text\":\"a\"}]}\r\n\r\ndata: [DONE]\r\n\r\n",
			summary{Events: 2, Tokens: 1, Prompt: -1, Output: -1, Ended: true}},
		{"data in two lines", sse, "data: {\"choices\":\ndata: [{\"text\":\"a\"}]}\n\n", summary{Events: 1, Tokens: 1, Prompt: -1, Output: -1}},
		{"a mark without its blank line", sse, "data: [DONE]", summary{Events: 1, Prompt: -1, Output: -1, Ended: true}},
		{"Ollama's crash behind /v1", sse, sseOf(`{"choices":[{"delta":{"content":"a"}}]}`, `{"choices":[]}`),
			summary{Events: 2, Tokens: 1, Prompt: -1, Output: -1}},
		{"LM Studio error", sse, "event: error\ndata: {\"message\":\"x\"}\n\n", summary{Events: 1, Prompt: -1, Output: -1, Failure: "x!"}},
		{"llama.cpp error", sse, sseOf(`{"error":{"code":500,"message":"kv full"}}`, `[DONE]`), summary{Events: 2, Prompt: -1, Output: -1, Ended: true, Failure: "kv full!"}},
		{"llama.cpp error field", sse, "error: {\"message\":\"kv full\"}\n\n", summary{Events: 1, Prompt: -1, Output: -1, Failure: "kv full!"}},
		{"Responses failure", sse, "event: error\n" + sseOf(`{"type":"error","message":"no"}`), summary{Events: 1, Prompt: -1, Output: -1, Failure: "no!"}},
		{"Responses", sse, "event: response.created\n" + sseOf(`{"type":"response.created","response":{"error":null,"text":{"format":{}}}}`) +
			sseOf(`{"type":"response.output_text.delta","delta":"a"}`, `{"type":"response.output_text.done","text":"a"}`,
				`{"type":"response.completed","response":{"usage":{"input_tokens":3,"output_tokens":1}}}`),
			summary{Events: 4, Tokens: 1, Prompt: 3, Output: 1, Ended: true}},
		{"Anthropic", sse, sseOf(`{"type":"message_start","message":{"content":[],"usage":{"input_tokens":5,"output_tokens":0}}}`,
			`{"type":"content_block_start","content_block":{"type":"text","text":""}}`,
			`{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}`, `{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}`,
			`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}`, `{"type":"message_stop"}`),
			summary{Events: 6, Tokens: 2, Prompt: 5, Output: 2, Ended: true}},
		{"Ollama's times", ndjson, chatStream[0] + `{"done":true,"total_duration":9000000,"load_duration":1000000,"prompt_eval_count":3,"prompt_eval_duration":2000000,"eval_count":1,"eval_duration":4000000}` + "\n",
			summary{Events: 2, Tokens: 1, Prompt: 3, Output: 1, Ended: true, More: "total 9ms load 1ms prompt 2ms eval 4ms"}},
		{"times that are none", ndjson, `{"done":true,"total_duration":-1,"load_duration":1e999,"prompt_eval_duration":"x","eval_duration":null}` + "\n",
			summary{Events: 1, Prompt: -1, Output: -1, Ended: true, More: fmt.Sprintf("total 0s load %v prompt 0s eval 0s", longest)}},
		{"OpenAI's cache", sse, sseOf(`{"choices":[],"usage":{"prompt_tokens":40,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":32}}}`, `[DONE]`),
			summary{Events: 2, Prompt: 40, Output: 2, Ended: true, More: "32 cached "}},
		{"a cache that is not told", sse, sseOf(`{"choices":[],"usage":{"prompt_tokens":40,"completion_tokens":2,"prompt_tokens_details":null}}`, `[DONE]`),
			summary{Events: 2, Prompt: 40, Output: 2, Ended: true}},
		{"Responses' cache", sse, sseOf(`{"type":"response.completed","response":{"usage":{"input_tokens":30,"input_tokens_details":{"cached_tokens":0},"output_tokens":1}}}`),
			summary{Events: 1, Prompt: 30, Output: 1, Ended: true, More: "0 cached "}},
		{"Anthropic's cache is no part of its input", sse, sseOf(`{"type":"message_start","message":{"usage":{"input_tokens":5,"cache_read_input_tokens":90,"cache_creation_input_tokens":7,"output_tokens":0}}}`,
			`{"type":"message_delta","usage":{"output_tokens":2}}`, `{"type":"message_stop"}`),
			summary{Events: 3, Prompt: 102, Output: 2, Ended: true, More: "90 cached "}},
		{"llama.cpp's times", sse, sseOf(`{"choices":[{"text":"a"}]}`, `{"choices":[],"timings":{"cache_n":20,"prompt_n":4,"prompt_ms":12.5,"predicted_n":2,"predicted_ms":40,"predicted_per_second":50}}`, `[DONE]`),
			summary{Events: 3, Tokens: 1, Prompt: 24, Output: 2, Ended: true, More: "20 cached total 0s load 0s prompt 12.5ms eval 40ms"}},
		{"its usage is the judge", plain, `{"timings":{"cache_n":20,"prompt_n":4,"predicted_n":3},"usage":{"prompt_tokens":25,"completion_tokens":2}}`,
			summary{Events: 1, Prompt: 25, Output: 2, Ended: true, More: "20 cached "}},
		{"what was left of a prompt is not all of it", plain, `{"timings":{"prompt_n":4,"predicted_n":3,"predicted_ms":1}}`,
			summary{Events: 1, Prompt: -1, Output: 3, Ended: true, More: "total 0s load 0s prompt 0s eval 1ms"}},
		{"llama.cpp's own stream", sse, sseOf(`{"index":0,"content":"a","stop":false,"tokens_predicted":1,"tokens_evaluated":7}`, `{"content":"b","stop":false}`,
			`{"stop":true,"content":"","tokens_predicted":2,"tokens_evaluated":7,"generation_settings":{"stop":["x"]},"timings":{"cache_n":3,"prompt_n":4,"prompt_ms":2,"predicted_n":2,"predicted_ms":1}}`),
			summary{Events: 3, Tokens: 2, Prompt: 7, Output: 2, Ended: true, More: "3 cached total 0s load 0s prompt 2ms eval 1ms"}},
		{"llama.cpp's own stream without its end", sse, sseOf(`{"content":"a","stop":false}`), summary{Events: 1, Tokens: 1, Prompt: -1, Output: -1}},
		{"a stop is no end anywhere else", sse, sseOf(`{"choices":[{"text":"a"}],"stop":true}`, `{"content":[],"stop":true}`),
			summary{Events: 2, Tokens: 1, Prompt: -1, Output: -1}},
		{"llama.cpp's vectors", plain, `[{"index":0,"embedding":[[0.5]]}]`, summary{Events: 1, Prompt: -1, Output: -1, Ended: true}},
		{"LM Studio's own stream", sse, "event: chat.start\n" + sseOf(`{"type":"chat.start","model_instance_id":"m"}`) + "event: reasoning.delta\n" + sseOf(`{"type":"reasoning.delta","content":"hm"}`) +
			"event: message.delta\n" + sseOf(`{"type":"message.delta","content":"a"}`) +
			"event: chat.end\n" + sseOf(`{"type":"chat.end","result":{"output":[{"type":"message","content":"a"}],"stats":{"input_tokens":9,"total_output_tokens":2,"reasoning_output_tokens":1}}}`),
			summary{Events: 4, Tokens: 2, Prompt: 9, Output: 2, Ended: true}},
		{"LM Studio's own failure", sse, "event: error\n" + sseOf(`{"type":"error","error":{"type":"internal_error","message":"no","code":"x"}}`) + "event: chat.end\n" + sseOf(`{"type":"chat.end","result":{"output":[]}}`),
			summary{Events: 2, Prompt: -1, Output: -1, Ended: true, Failure: "no!"}},
		{"LM Studio's own whole answer", plain, `{"model_instance_id":"m","output":[{"type":"message","content":"a"}],"stats":{"input_tokens":9,"total_output_tokens":2}}`,
			summary{Events: 1, Prompt: 9, Output: 2, Ended: true}},
		{"a whole answer", plain, `{"model":"m","response":"abc","done":true,"prompt_eval_count":5,"eval_count":4}`,
			summary{Events: 1, Tokens: 1, Prompt: 5, Output: 4, Ended: true}},
		{"a large whole answer", plain, `{"data":[` + strings.Repeat(`0.25,`, 100_000) + `1],"usage":{"prompt_tokens":12,"total_tokens":12}}`,
			summary{Prompt: 12, Output: -1, Ended: true}},
		{"a large native one", plain, `{"embeddings":[` + strings.Repeat(`0.25,`, 100_000) + `1],"total_duration":3,"prompt_eval_count":8}`,
			summary{Prompt: 8, Output: -1, Ended: true, More: "total 3ns load 0s prompt 0s eval 0s"}},
		{"a line too long to read", ndjson, `{"image":"` + strings.Repeat("x", maxLine) + `"}` + "\n" + `{"done":true}` + "\n",
			summary{Events: 2, Prompt: -1, Output: -1, Ended: true}},
		{"an event too long to read", sse, sseOf(`{"image":"`+strings.Repeat("x", maxLine)+`"}`, `[DONE]`),
			summary{Events: 2, Prompt: -1, Output: -1, Ended: true}},
		{"a last line too long to read", ndjson, chatStream[0] + `{"done":true,"context":[` + strings.Repeat("1,", maxLine/2) + "1]}\n\n",
			summary{Events: 2, Tokens: 1, Prompt: -1, Output: -1, Ended: true}},
		{"a last event too long to read", sse, "event: response.completed\n" + sseOf(`{"type":"response.completed","text":"`+strings.Repeat("x", maxLine)+`"}`),
			summary{Events: 1, Prompt: -1, Output: -1, Ended: true}},
		{"a long line is not the last", ndjson, `{"image":"` + strings.Repeat("x", maxLine) + `"}` + "\n" + chatStream[0],
			summary{Events: 2, Tokens: 1, Prompt: -1, Output: -1}},
		{"a long line that broke off", ndjson, chatStream[0] + `{"done":true,"context":[` + strings.Repeat("1,", maxLine/2),
			summary{Events: 2, Tokens: 1, Prompt: -1, Output: -1}},
		{"a long event that broke off", sse, `data: {"type":"response.completed","text":"` + strings.Repeat("x", maxLine) + "\n",
			summary{Events: 1, Prompt: -1, Output: -1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := summarize(tt.form, tt.text); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			for _, size := range []int{1, 3, 7, 4096} {
				if len(tt.text)/size > 200_000 {
					continue
				}
				var chunks []string
				for rest := tt.text; rest != ""; rest = rest[min(size, len(rest)):] {
					chunks = append(chunks, rest[:min(size, len(rest))])
				}
				if got := summarize(tt.form, chunks...); got != tt.want {
					t.Errorf("in pieces of %d: got %+v, want %+v", size, got, tt.want)
				}
			}
		})
	}
	t.Run("HoldsLittleOfALongLine", func(t *testing.T) {
		tap := newTap(ndjson, nil)
		chunk := []byte(strings.Repeat("x", 64<<10))
		for range 1000 {
			tap.feed(chunk)
		}
		if got := cap(tap.lines.part); got > 2*maxLine {
			t.Errorf("%d bytes held", got)
		}
	})
}

func TestTapTellsOfTokens(t *testing.T) {
	token := chatStream[0]
	for _, tt := range []struct {
		name   string
		chunks []string
		want   []int
	}{
		{"AsTheyCome", []string{token, token}, []int{1, 1}},
		{"OnceForThoseThatCameTogether", []string{token + token + token}, []int{3}},
		{"OnceTheyAreWhole", []string{token[:9], token[9:] + token[:9], token[9:]}, []int{1, 1}},
		{"AtTheEnd", []string{token, strings.TrimSpace(token)}, []int{1, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []int
			tap := newTap(ndjson, func(n int) { got = append(got, n) })
			for _, c := range tt.chunks {
				tap.feed([]byte(c))
			}
			tap.close()
			if !slices.Equal(got, tt.want) {
				t.Errorf("told %v, want %v", got, tt.want)
			}
		})
	}
}

// TestTapAllocatesNothing: a stream costs the collector nothing, however long it is.
func TestTapAllocatesNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		form framing
		text string
	}{
		{"Lines", ndjson, `{"created_at":"2026-11-26T08:00:00Z","message":{"content":"word "},"done":false}` + "\n"},
		{"Events", sse, sseOf(chatEvent)},
		{"Counts", sse, sseOf(`{"content":"word ","stop":false,"tokens_predicted":7,"timings":{"predicted_n":7,"predicted_ms":1.5}}`)},
		{"NamedEvents", sse, "event: content_block_delta\n" + sseOf(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"word "}}`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tokens := 0
			tap := newTap(tt.form, func(n int) { tokens += n })
			text := []byte(tt.text)
			half := len(text) / 2
			tap.feed(text[:half]) // of a first one, so that its room is there
			tap.feed(text[half:])
			const runs = 100
			if got := testing.AllocsPerRun(runs, func() {
				tap.feed(text)
				tap.feed(text[:half])
				tap.feed(text[half:])
			}); got != 0 {
				t.Errorf("%v allocations for two tokens", got)
			}
			if want := 1 + 2*(runs+1); tokens != want {
				t.Errorf("%d tokens, want %d", tokens, want)
			}
		})
	}
}

// FuzzTap: however the same bytes are cut up, they say the same.
func FuzzTap(f *testing.F) {
	f.Add(uint8(0), []byte(strings.Join(chatStream, "")), uint8(3))
	f.Add(uint8(1), []byte(sseOf(`{"choices":[{"text":"a"}]}`, `[DONE]`)), uint8(5))
	f.Add(uint8(1), []byte("event: error\r\ndata: {\"message\":\"x\"}\r\n\r\n: p\n\nerror: a"), uint8(1))
	f.Add(uint8(2), []byte(`{"usage":{"prompt_tokens":1}}`), uint8(2))
	f.Add(uint8(0), []byte(`{"done":true,"total_duration":9,"load_duration":-1,"prompt_eval_duration":1e400,"eval_duration":2.5}`), uint8(4))
	f.Add(uint8(1), []byte(sseOf(`{"timings":{"cache_n":1,"prompt_n":2,"prompt_ms":0.5,"predicted_n":3,"predicted_ms":-1}}`, `[DONE]`)), uint8(6))
	f.Add(uint8(1), []byte(sseOf(`{"message":{"usage":{"input_tokens":1,"cache_read_input_tokens":2,"cache_creation_input_tokens":3}}}`)), uint8(7))
	f.Add(uint8(2), []byte(`{"usage":{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":4}}}`), uint8(8))
	f.Add(uint8(1), []byte(sseOf(`{"content":"a","stop":false}`, `{"stop":true,"content":"","tokens_evaluated":1,"tokens_predicted":-1}`)), uint8(9))
	f.Add(uint8(1), []byte("event: chat.end\n"+sseOf(`{"type":"chat.end","result":{"stats":{"input_tokens":1,"total_output_tokens":2}}}`)), uint8(10))
	f.Fuzz(func(t *testing.T, form uint8, text []byte, size uint8) {
		kind := []framing{ndjson, sse, plain}[form%3]
		step := int(size)%17 + 1
		var chunks []string
		for rest := string(text); rest != ""; rest = rest[min(step, len(rest)):] {
			chunks = append(chunks, rest[:min(step, len(rest))])
		}
		whole := newTap(kind, nil)
		whole.feed(text)
		whole.close()
		if told := whole.told; min(told.PromptTokens, told.CachedTokens, told.OutputTokens) < -1 || min(told.Total, told.Load, told.Prompt, told.Eval) < 0 {
			t.Errorf("told %+v", told)
		}
		if wait, ok := whole.told.Wait(); wait < 0 || ok && wait > whole.told.Total {
			t.Errorf("waited %v of %+v", wait, whole.told)
		}
		if one, many := summarize(kind, string(text)), summarize(kind, chunks...); !reflect.DeepEqual(one, many) {
			t.Errorf("whole %+v, in pieces of %d %+v", one, step, many)
		}
	})
}

func BenchmarkTap(b *testing.B) {
	for _, tt := range []struct {
		name  string
		form  framing
		chunk string
	}{
		{"ndjson", ndjson, chatStream[0]},
		{"sse", sse, sseOf(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}`)},
	} {
		b.Run(fmt.Sprintf("%s token", tt.name), func(b *testing.B) {
			n := 0
			tap := newTap(tt.form, func(int) { n++ })
			chunk := []byte(tt.chunk)
			b.ReportAllocs()
			for b.Loop() {
				tap.feed(chunk)
			}
			if n == 0 {
				b.Fatal("no token was seen")
			}
		})
	}
}
