package translate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/anthropic"
	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/openai"
)

// FuzzRoundTrip has Ollama's own reader of chat completions read what was written
// for it: it must find what the client had asked.
func FuzzRoundTrip(f *testing.F) {
	f.Add("sys", "hi", "hm", "f", "k", "v", "result", 7, 3, 0.5, true, byte(0))
	f.Add("", "<é>\u2028", "", "g", "", "\x00", "", -1, 0, 0.0, false, byte(1))
	f.Add("a", "", "t", "h", "x", "\xff", "1\n2", 0, -2, 1e-9, true, byte(7))
	f.Fuzz(func(t *testing.T, system, text, thinking, name, key, value, result string, seed, predict int, temperature float64, stream bool, how byte) {
		args := api.NewToolCallFunctionArguments()
		args.Set(key, value)
		args.Set("n", float64(seed))
		properties := api.NewToolPropertiesMap()
		properties.Set(key, api.ToolProperty{Type: api.PropertyType{"string"}, Description: value})
		in := api.ChatRequest{
			Model: "m", Stream: &stream,
			Messages: []api.Message{
				{Role: "system", Content: system},
				{Role: "user", Content: text},
				{Role: "assistant", Content: text, Thinking: thinking, ToolCalls: []api.ToolCall{{ID: "own", Function: api.ToolCallFunction{Name: name, Arguments: args}}}},
				{Role: "tool", Content: result, ToolName: name, ToolCallID: "own"},
			},
			Tools:   api.Tools{{Type: "function", Function: api.ToolFunction{Name: name, Description: text, Parameters: api.ToolFunctionParameters{Type: "object", Properties: properties}}}},
			Options: map[string]any{"temperature": temperature, "top_p": 0.5, "seed": seed, "num_predict": predict, "stop": []string{value}},
		}
		if how&1 != 0 {
			in.Messages[1].Images = []api.ImageData{[]byte("\x89PNG\r\n\x1a\n" + value)}
		}
		if how&2 != 0 {
			in.Format = json.RawMessage(`{"type":"object"}`)
		}
		if how&4 != 0 {
			in.Think = &api.ThinkValue{Value: "low"}
		}
		body, err := json.Marshal(in)
		if err != nil {
			t.Skip() // no JSON: a temperature that is no number
		}
		var asked api.ChatRequest // as Ollama would have read it
		if err := json.Unmarshal(body, &asked); err != nil {
			t.Fatal(err)
		}
		x, err := Ask("/api/chat", body, "m", Engine{Kind: Ollama})
		if err != nil {
			t.Fatal(err)
		}
		var written openai.ChatCompletionRequest
		if err := json.Unmarshal(x.Body, &written); err != nil {
			t.Fatal(err)
		}
		got, err := openai.FromChatRequest(written)
		if err != nil {
			t.Fatal(err)
		}
		compareRequests(t, got, &asked)
	})
}

func compareRequests(t *testing.T, got, want *api.ChatRequest) {
	t.Helper()
	// Its reader makes one message of each part; an empty text is none.
	if user := want.Messages[1]; len(user.Images) > 0 {
		parts := []api.Message{{Role: "user", Images: user.Images}}
		if user.Content != "" {
			parts = append(parts, api.Message{Role: "user", Content: user.Content})
		}
		want.Messages = append(append([]api.Message{want.Messages[0]}, parts...), want.Messages[2:]...)
	}
	options := want.Options
	for name, open := range map[string]bool{"seed": options["seed"].(float64) < 0, "num_predict": options["num_predict"].(float64) <= 0} {
		if open {
			delete(options, name)
		}
	}
	for _, pair := range [][2]any{
		{got.Messages, want.Messages}, {got.Tools, want.Tools}, {got.Format, want.Format}, {got.Think, want.Think}, {*got.Stream, *want.Stream},
		{got.Options, options},
	} {
		a, _ := json.Marshal(pair[0])
		b, _ := json.Marshal(pair[1])
		if !sameJSON(a, b) {
			t.Errorf("reads\n%s\nwanted\n%s", a, b)
		}
	}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// ollamaSays is an answer as Ollama's own writer of chat completions streams it.
func ollamaSays(pieces []api.ChatResponse) string {
	var data []string
	for _, p := range pieces {
		c := openai.ToChunk("chatcmpl-1", p, len(pieces) > 2)
		b, _ := json.Marshal(c)
		data = append(data, string(b))
		if p.Done {
			u := openai.ToUsage(p)
			c.Usage, c.Choices = &u, []openai.ChunkChoice{}
			b, _ := json.Marshal(c)
			data = append(data, string(b), "[DONE]")
		}
	}
	return stream(data...)
}

func ollamaPieces() []api.ChatResponse {
	args := api.NewToolCallFunctionArguments()
	args.Set("city", "Köln")
	return []api.ChatResponse{
		{Model: "m:x", Message: api.Message{Role: "assistant", Thinking: "hm"}},
		{Model: "m:x", Message: api.Message{Role: "assistant", Content: "Let me "}},
		{Model: "m:x", Message: api.Message{Role: "assistant", Content: "see."}},
		{Model: "m:x", Message: api.Message{Role: "assistant", ToolCalls: []api.ToolCall{{ID: "c1", Function: api.ToolCallFunction{Name: "weather", Arguments: args}}}}},
		{Model: "m:x", Message: api.Message{Role: "assistant"}, Done: true, DoneReason: "stop", Metrics: api.Metrics{PromptEvalCount: 7, EvalCount: 3}},
	}
}

// TestJudge_OllamaTellsTheSameItself: by way of its chat completions an answer of
// Ollama's comes out as it went in.
func TestJudge_OllamaTellsTheSameItself(t *testing.T) {
	pieces := ollamaPieces()
	out, err := play(exchange(t, "/api/chat", askChat, true), ollamaSays(pieces), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace([]byte(out)), []byte("\n"))
	if len(lines) != len(pieces) {
		t.Fatalf("%d lines of %d: %s", len(lines), len(pieces), out)
	}
	for i, line := range lines {
		var got api.ChatResponse
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&got); err != nil {
			t.Fatal(err)
		}
		got.CreatedAt = time.Time{}
		got.TotalDuration, got.LoadDuration, got.PromptEvalDuration, got.EvalDuration = 0, 0, 0, 0
		if a, b := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", pieces[i]); a != b && !sameMarshal(got, pieces[i]) {
			t.Errorf("line %d is %s, want %s", i, a, b)
		}
	}
}

func sameMarshal(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

// TestJudge_OllamasAnthropicWriter has Ollama's own writer tell the same answer to
// a client of Anthropic's. What a client puts together from both is the same. A
// call right after thinking is where it errs, so there is text between.
func TestJudge_OllamasAnthropicWriter(t *testing.T) {
	pieces := ollamaPieces()
	var theirs strings.Builder
	w := anthropic.NewStreamConverter("msg_1", "m:x", 2)
	for _, p := range pieces {
		for _, e := range w.Process(p) {
			b, _ := json.Marshal(e.Data)
			theirs.WriteString("event: " + e.Event + "\ndata: " + string(b) + "\n\n")
		}
	}
	ours, err := play(exchange(t, "/v1/messages", askMessages, true), ollamaSays(pieces), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := put(t, ours), put(t, theirs.String()); got != want {
		t.Errorf("ours comes to\n%s\ntheirs to\n%s", got, want)
	}
}

// put is what a client puts together from a stream of Anthropic's.
func put(t *testing.T, answer string) string {
	t.Helper()
	var b strings.Builder
	for _, e := range sentEvents(t, answer) {
		switch d, _ := e.Delta.(map[string]any); e.Type {
		case "content_block_start":
			fmt.Fprintf(&b, "\n%d %s: ", e.Index, e.Block.Type)
		case "content_block_delta":
			for _, name := range []string{"text", "thinking", "partial_json"} {
				if text, ok := d[name].(string); ok {
					b.WriteString(text)
				}
			}
		case "message_delta":
			fmt.Fprintf(&b, "\n%v", d["stop_reason"])
		}
	}
	return b.String()
}

// BenchmarkFeed is one token of a stream, as Ollama's, Anthropic's and the
// Responses API's clients get it.
func BenchmarkFeed(b *testing.B) {
	token := []byte(stream(bit(`{"content":" token"}`)))
	for _, d := range dialects {
		b.Run(d.name, func(b *testing.B) {
			x := exchange(b, d.route, d.body, true)
			b.ReportAllocs()
			for b.Loop() {
				if x.kept > maxKept/2 {
					x = exchange(b, d.route, d.body, true)
				}
				if out, err := x.Feed(token, began); err != nil || len(out) == 0 {
					b.Fatal(err)
				}
			}
		})
	}
}
