//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"image/color"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
)

// verdict is what an answer comes down to.
type verdict struct {
	said, thought, calls, end string
	in, out                   int
}

func (c *cell) verdict(r *api.ChatRequest) verdict {
	c.Helper()
	whole, _ := c.chat(r)
	m := whole.Message
	return verdict{m.Content, m.Thinking, nativeCalls(m.ToolCalls), whole.DoneReason, whole.PromptEvalCount, whole.EvalCount}
}

func nativeCalls(calls []api.ToolCall) string {
	var all strings.Builder
	for _, call := range calls {
		fmt.Fprintf(&all, "%d %s %s\n", call.Function.Index, call.Function.Name, &call.Function.Arguments)
	}
	return all.String()
}

// TestOllamaJudges asks a real Ollama in the dialects that it speaks itself, and
// then through a Carpool that knows it only as an OpenAI-compatible engine and has
// to translate. The answers must come down to the same.
func TestOllamaJudges(t *testing.T) {
	server := opened(t, "judge", 4, "OLLAMA_MAX_LOADED_MODELS=8")
	plain := before(t, "openai", server.engine.url, plainRoutes...)
	direct := &pool{kind: "ollama", url: server.engine.url, ledger: newLedger()}

	for _, judged := range judgedCases() {
		t.Run(judged.name, func(t *testing.T) {
			try := func(p *pool) (verdict, bool) {
				c := &cell{T: t, column: &column{described: ollamas, pool: p, behind: p}}
				judged.ask(c) // so that both find the same prompt cached
				return judged.ask(c), c.crossed
			}
			want, _ := try(direct)
			got, crossed := try(plain)
			if !crossed {
				t.Error("nothing was translated")
			}
			if got != want {
				t.Errorf("Ollama says\n%+v\ntranslated it is\n%+v", want, got)
			}
			if want.said+want.calls == "" {
				t.Error("nothing was said")
			}
		})
	}
	t.Run("embed", func(t *testing.T) {
		ask := &api.EmbedRequest{Model: embed, Input: []string{"the first", "a second one", "people and water"}}
		want, err1 := ollamaClient(direct.url, direct.ledger).Embed(t.Context(), ask)
		got, err2 := ollamaClient(plain.url, plain.ledger).Embed(t.Context(), ask)
		if err1 != nil || err2 != nil || len(got.Embeddings) != len(want.Embeddings) || got.PromptEvalCount != want.PromptEvalCount {
			t.Fatalf("%+v (%v), translated %+v (%v)", want, err1, got, err2)
		}
		for i := range want.Embeddings {
			near(t, "text", want.Embeddings[i], got.Embeddings[i])
		}
	})
}

type judgedCase struct {
	name string
	ask  func(c *cell) verdict
}

func judgedCases() []judgedCase {
	chats := map[string]func() *api.ChatRequest{
		"chat": func() *api.ChatRequest { return &api.ChatRequest{Model: fast, Messages: asked("what is the time")} },
		"the default": func() *api.ChatRequest {
			return &api.ChatRequest{Model: fast, Messages: asked("what is the time"), Options: map[string]any{"temperature": 0}}
		},
		"a talk": func() *api.ChatRequest {
			return &api.ChatRequest{Model: fast, Messages: []api.Message{
				{Role: "system", Content: "be brief"}, {Role: "user", Content: "the time"}, {Role: "assistant", Content: "now"}, {Role: "user", Content: "and then"},
			}}
		},
		// In OpenAI's dialect Ollama makes messages of their own of a text and an image.
		"an image": func() *api.ChatRequest {
			image := unpacked(picture(28, 56, color.RGBA{R: 200, A: 255}))
			return &api.ChatRequest{Model: eyes, Messages: append(asked("what is this"), api.Message{Role: "user", Images: []api.ImageData{image}})}
		},
		"tools that are offered": func() *api.ChatRequest {
			return &api.ChatRequest{Model: fast, Messages: asked("what is the time"), Tools: weatherTool()}
		},
		"a tool that is called": func() *api.ChatRequest {
			return &api.ChatRequest{Model: clerk, Messages: asked("will it rain"), Tools: weatherTool(), Options: told("num_predict", 200)}
		},
		"a tool that a schema calls": func() *api.ChatRequest {
			return &api.ChatRequest{Model: fast, Messages: asked("will it rain"), Tools: weatherTool(), Format: json.RawMessage(toolCall), Options: told("num_predict", 200)}
		},
		"a tool's result": func() *api.ChatRequest {
			var city api.ToolCallFunctionArguments
			if err := json.Unmarshal([]byte(`{"city":"Rome"}`), &city); err != nil {
				panic(err)
			}
			return &api.ChatRequest{Model: clerk, Tools: weatherTool(), Messages: append(asked("will it rain"),
				api.Message{Role: "assistant", ToolCalls: []api.ToolCall{{Function: api.ToolCallFunction{Name: "get_weather", Arguments: city}}}},
				api.Message{Role: "tool", ToolName: "get_weather", Content: "dry"})}
		},
		"a thought": func() *api.ChatRequest {
			return &api.ChatRequest{Model: thinker, Messages: asked("what is two and two"), Think: &api.ThinkValue{Value: true}, Options: told("num_predict", 200)}
		},
		"json": func() *api.ChatRequest {
			return &api.ChatRequest{Model: former, Messages: asked("an animal"), Format: json.RawMessage(`"json"`), Options: told("num_predict", 200)}
		},
		"a schema": func() *api.ChatRequest {
			return &api.ChatRequest{Model: fast, Messages: asked("an animal"), Format: json.RawMessage(object), Options: told("num_predict", 300)}
		},
		"stop words": func() *api.ChatRequest {
			return &api.ChatRequest{Model: fast, Messages: asked("tell me"), Options: told("stop", []string{"the", "her"}, "num_predict", 100)}
		},
		"a seed": func() *api.ChatRequest {
			return &api.ChatRequest{Model: fast, Messages: asked("tell me"), Options: told("temperature", 1.2, "top_p", 0.6)}
		},
		"penalties": func() *api.ChatRequest {
			return &api.ChatRequest{Model: fast, Messages: asked("tell me"), Options: told("frequency_penalty", 1.5, "presence_penalty", 1.5, "num_predict", 60)}
		},
	}
	var all []judgedCase
	for name, request := range chats {
		for _, stream := range []bool{false, true} {
			all = append(all, judgedCase{fmt.Sprintf("%s, stream %v", name, stream), func(c *cell) verdict {
				r := request()
				r.Stream = &stream
				return c.verdict(r)
			}})
		}
	}
	generate := func(name string, r api.GenerateRequest) {
		all = append(all, judgedCase{"generate, " + name, func(c *cell) (v verdict) {
			r := r
			r.Model, r.Stream, r.Options = fast, &off, told()
			err := c.ollama().Generate(c.Context(), &r, func(part api.GenerateResponse) error {
				v.said += part.Response
				v.end, v.in, v.out = part.DoneReason, part.PromptEvalCount, part.EvalCount
				return nil
			})
			if err != nil {
				c.Fatal(err)
			}
			return v
		}})
	}
	generate("a prompt", api.GenerateRequest{Prompt: "the time is"})
	generate("a system prompt", api.GenerateRequest{Prompt: "the time is", System: "be brief"})
	for _, stream := range []bool{false, true} {
		all = append(all,
			judgedCase{fmt.Sprintf("messages, stream %v", stream), func(c *cell) verdict {
				return messageVerdict(c.message(fast, stream, nil, anthropic.NewTextBlock("what is the time")))
			}},
			judgedCase{fmt.Sprintf("messages that call a tool, stream %v", stream), func(c *cell) verdict {
				return messageVerdict(c.message(clerk, stream, func(r *anthropic.MessageNewParams) {
					r.MaxTokens = 200
					r.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: "get_weather", InputSchema: anthropic.ToolInputSchemaParam{Properties: cityParameters["properties"]}}}}
				}, anthropic.NewTextBlock("will it rain")))
			}},
			judgedCase{fmt.Sprintf("messages that think, stream %v", stream), func(c *cell) verdict {
				return messageVerdict(c.message(thinker, stream, func(r *anthropic.MessageNewParams) {
					r.MaxTokens = 2048
					r.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
				}, anthropic.NewTextBlock("two and two")))
			}},
			judgedCase{fmt.Sprintf("responses, stream %v", stream), func(c *cell) verdict {
				ask := responses.ResponseNewParams{Model: fast, Instructions: openai.String("be brief")}
				ask.Input.OfString = openai.String("what is the time")
				return responseVerdict(c.respond(ask, stream))
			}},
			judgedCase{fmt.Sprintf("responses that call a tool, stream %v", stream), func(c *cell) verdict {
				ask := responses.ResponseNewParams{Model: clerk, MaxOutputTokens: openai.Int(200)}
				ask.Input.OfString = openai.String("will it rain")
				ask.Tools = []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{Name: "get_weather", Parameters: cityParameters, Strict: openai.Bool(false)}}}
				return responseVerdict(c.respond(ask, stream))
			}},
		)
	}
	return all
}

func messageVerdict(m anthropic.Message) verdict {
	v := verdict{end: string(m.StopReason), in: int(m.Usage.InputTokens), out: int(m.Usage.OutputTokens)}
	for _, b := range m.Content {
		v.said += b.Text
		v.thought += b.Thinking
		if b.Type == "tool_use" {
			v.calls += b.Name + " " + compact(b.Input) + "\n"
		}
	}
	return v
}

// responseVerdict leaves out how it ended: Ollama calls every answer completed,
// also one that its limit cut off.
func responseVerdict(r responses.Response) verdict {
	v := verdict{said: r.OutputText(), in: int(r.Usage.InputTokens), out: int(r.Usage.OutputTokens)}
	for _, o := range r.Output {
		if o.Type == "function_call" {
			v.calls += o.Name + " " + compact([]byte(o.AsFunctionCall().Arguments)) + "\n"
		}
	}
	return v
}

// compact is JSON without the spaces that a model put in.
func compact(text []byte) string {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return string(text)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
