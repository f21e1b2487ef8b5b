package gateway

import "testing"

// frames are one token as engines write it, by the dialect.
var frames = []struct {
	name string
	form framing
	text string
}{
	{"Ollama chat", ndjson, `{"model":"m","created_at":"2026-11-26T08:00:00.123456789Z","message":{"role":"assistant","content":" word"},"done":false}` + "\n"},
	{"Ollama thinking", ndjson, `{"model":"m","created_at":"2026-11-26T08:00:00.123456789Z","message":{"role":"assistant","content":"","thinking":" word"},"done":false}` + "\n"},
	{"Ollama generate", ndjson, `{"model":"m","created_at":"2026-11-26T08:00:00.123456789Z","response":" word","done":false}` + "\n"},
	{"OpenAI chat", sse, "data: " + `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764144000,"model":"m","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":" word"},"finish_reason":null}]}` + "\n\n"},
	{"OpenAI tool call", sse, "data: " + `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764144000,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]},"finish_reason":null}]}` + "\n\n"},
	{"OpenAI completion", sse, "data: " + `{"id":"cmpl-1","object":"text_completion","created":1764144000,"model":"m","choices":[{"index":0,"text":" word","finish_reason":null}]}` + "\n\n"},
	{"OpenAI responses", sse, "event: response.output_text.delta\ndata: " + `{"type":"response.output_text.delta","sequence_number":5,"item_id":"msg_1","output_index":0,"content_index":0,"delta":" word"}` + "\n\n"},
	{"Anthropic", sse, "event: content_block_delta\ndata: " + `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word"}}` + "\n\n"},
	{"llama.cpp completion", sse, "data: " + `{"index":0,"content":" word","tokens":[1732],"stop":false,"id_slot":-1,"tokens_predicted":5,"tokens_evaluated":12}` + "\n\n"},
}

// BenchmarkFrame is what reading along costs for each token of a stream.
func BenchmarkFrame(b *testing.B) {
	for _, f := range frames {
		b.Run(f.name, func(b *testing.B) {
			seen, fed := 0, 0
			tap := newTap(f.form, func(n int) { seen += n })
			text := []byte(f.text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				tap.feed(text)
				fed++
			}
			if seen != fed {
				b.Fatalf("%d tokens seen in %d frames", seen, fed)
			}
		})
	}
}
