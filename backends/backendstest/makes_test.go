package backendstest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	oairesponses "github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

// makes are the engines that read their requests, each with a model to chat
// with and one that embeds.
var makes = []struct {
	name        string
	build       func(testing.TB) *Engine
	chat, embed string
}{
	{"LMStudio", NewLMStudio, LMStudioModels[0], LMStudioModels[2]},
	{"LlamaServer", NewLlamaServer, LlamaServerModels[0], LlamaServerModels[0]},
	{"VLLM", NewVLLM, VLLMModels[0], "embed-small"},
}

// eachMake runs a test with every engine and the real client.
func eachMake(t *testing.T, test func(t *testing.T, e *Engine, c *openai.Client, chat, embed string)) {
	t.Helper()
	for _, m := range makes {
		t.Run(m.name, func(t *testing.T) {
			e := m.build(t)
			if m.name == "VLLM" {
				e.SetModels(m.chat, m.embed)
			}
			e.SetEmbeddings(true)
			c := openai.NewClient(option.WithBaseURL(e.URL+"/v1"), option.WithAPIKey("none"), option.WithHTTPClient(&http.Client{Transport: e.Transport()}), option.WithMaxRetries(0))
			test(t, e, &c, m.chat, m.embed)
		})
	}
}

func says(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

var weather = openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "get_weather", Parameters: shared.FunctionParameters{
	"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}, "days": map[string]any{"type": "integer"}}, "required": []string{"city"},
}})

// stream adds a stream up.
func stream(t *testing.T, c *openai.Client, p openai.ChatCompletionNewParams) openai.ChatCompletion {
	t.Helper()
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	s := c.Chat.Completions.NewStreaming(t.Context(), p)
	var all openai.ChatCompletionAccumulator
	for s.Next() {
		all.AddChunk(s.Current())
	}
	if s.Err() != nil || len(all.Choices) != 1 {
		t.Fatalf("stream: %v, %+v", s.Err(), all.ChatCompletion)
	}
	return all.ChatCompletion
}

func whole(t *testing.T, c *openai.Client, p openai.ChatCompletionNewParams) openai.ChatCompletion {
	t.Helper()
	r, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return *r
}

func TestMakesChat(t *testing.T) {
	eachMake(t, func(t *testing.T, e *Engine, c *openai.Client, model, _ string) {
		p := says(model, "tell me a story")
		one, again, streamed := whole(t, c, p), whole(t, c, p), stream(t, c, p)
		text := one.Choices[0].Message.Content
		if text == "" || text != again.Choices[0].Message.Content || text != streamed.Choices[0].Message.Content {
			t.Errorf("texts %q, %q, %q", text, again.Choices[0].Message.Content, streamed.Choices[0].Message.Content)
		}
		for _, r := range []openai.ChatCompletion{one, streamed} {
			if r.Usage.PromptTokens != 4 || int(r.Usage.CompletionTokens) != len(strings.Fields(text)) || r.Choices[0].FinishReason != "stop" || r.Model != model {
				t.Errorf("answer %+v", r)
			}
		}
		other := whole(t, c, says(model, "tell me another story"))
		if other.Choices[0].Message.Content == text {
			t.Error("another prompt has the same answer")
		}
		if e.Hits() != 4 || e.Hits("/v1/chat/completions") != 4 {
			t.Errorf("hits %d", e.Hits())
		}
	})
}

func TestMakesKeepToLimitsAndStops(t *testing.T) {
	eachMake(t, func(t *testing.T, _ *Engine, c *openai.Client, model, _ string) {
		text := whole(t, c, says(model, "tell me a story")).Choices[0].Message.Content
		p := says(model, "tell me a story")
		p.MaxTokens = openai.Int(3)
		for _, r := range []openai.ChatCompletion{whole(t, c, p), stream(t, c, p)} {
			if got := r.Choices[0]; got.FinishReason != "length" || len(strings.Fields(got.Message.Content)) != 3 || !strings.HasPrefix(text, got.Message.Content) || r.Usage.CompletionTokens != 3 {
				t.Errorf("limited: %+v", r)
			}
		}
		third := strings.Fields(text)[2]
		p = says(model, "tell me a story")
		p.Stop.OfStringArray = []string{"never said", third}
		before, _, _ := strings.Cut(text, third)
		for _, r := range []openai.ChatCompletion{whole(t, c, p), stream(t, c, p)} {
			if got := r.Choices[0]; got.FinishReason != "stop" || got.Message.Content != before {
				t.Errorf("stopped at %q of %q: %+v", third, text, got)
			}
		}
	})
}

func TestMakesCallTools(t *testing.T) {
	eachMake(t, func(t *testing.T, _ *Engine, c *openai.Client, model, _ string) {
		p := says(model, `please call:get_weather{"city": "Rome", "days": 2} and call:get_weather and call:unknown`)
		p.Tools = []openai.ChatCompletionToolUnionParam{weather}
		for name, r := range map[string]openai.ChatCompletion{"whole": whole(t, c, p), "stream": stream(t, c, p)} {
			got := r.Choices[0]
			if got.FinishReason != "tool_calls" || len(got.Message.ToolCalls) != 2 || got.Message.Content != "" {
				t.Fatalf("%s: %+v", name, got)
			}
			first, second := got.Message.ToolCalls[0], got.Message.ToolCalls[1]
			if first.Function.Name != "get_weather" || first.Function.Arguments != `{"city": "Rome", "days": 2}` || second.Function.Arguments != `{"city":"word"}` || first.ID == "" || first.ID == second.ID {
				t.Errorf("%s: %+v, %+v", name, first, second)
			}
		}

		p.ToolChoice.OfAuto = openai.String("none")
		if got := whole(t, c, p).Choices[0]; got.FinishReason != "stop" || got.Message.Content == "" {
			t.Errorf("none: %+v", got)
		}
		p = says(model, "what is the weather")
		p.Tools = []openai.ChatCompletionToolUnionParam{weather}
		if got := whole(t, c, p).Choices[0]; got.FinishReason != "stop" {
			t.Errorf("no marker: %+v", got)
		}
		p.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: "get_weather"})
		call := whole(t, c, p).Choices[0].Message
		if len(call.ToolCalls) != 1 {
			t.Fatalf("named: %+v", call)
		}

		p.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{}
		p.Messages = append(p.Messages, call.ToParam(), openai.ToolMessage("sunny, 21 degrees", call.ToolCalls[0].ID))
		if got := stream(t, c, p).Choices[0]; got.FinishReason != "stop" || got.Message.Content != "the tool says: sunny, 21 degrees" {
			t.Errorf("result: %+v", got)
		}
		p.Messages = append(p.Messages, openai.UserMessage("thank you"))
		if got := stream(t, c, p).Choices[0]; strings.Contains(got.Message.Content, "sunny") {
			t.Errorf("an old result: %+v", got)
		}
	})
}

func TestMakesQuoteResultsInEveryDialect(t *testing.T) {
	eachMake(t, func(t *testing.T, e *Engine, _ *openai.Client, model, _ string) {
		for path, turns := range map[string]string{
			"/v1/responses": `"input":[{"role":"user","content":"weather?"},{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"1","output":"sunny"}]`,
			"/v1/messages":  `"max_tokens":50,"messages":[{"role":"user","content":"weather?"},{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"sunny"}]}]`,
		} {
			wants(t, e, "POST", path, `{"model":"`+model+`",`+turns+`}`, 200, "the tool says: sunny")
			if _, body := fetch(t, e, "POST", path, "", `{"model":"`+model+`",`+strings.TrimSuffix(turns, "]")+`,{"role":"user","content":"thank you"}]}`); strings.Contains(body, "sunny") {
				t.Errorf("%s: an old result: %s", path, body)
			}
		}
	})
}

func TestMakesSplitACallOverDeltas(t *testing.T) {
	eachMake(t, func(t *testing.T, _ *Engine, c *openai.Client, model, _ string) {
		p := says(model, `call:get_weather{"city":"San Francisco"}`)
		p.Tools = []openai.ChatCompletionToolUnionParam{weather}
		s := c.Chat.Completions.NewStreaming(t.Context(), p)
		var pieces []string
		for s.Next() {
			if len(s.Current().Choices) == 0 {
				continue
			}
			for _, call := range s.Current().Choices[0].Delta.ToolCalls {
				if first := len(pieces) == 0; call.Index != 0 || first != (call.ID != "") || first != (call.Function.Name != "") {
					t.Errorf("piece %d: %+v", len(pieces), call)
				}
				pieces = append(pieces, call.Function.Arguments)
			}
		}
		if s.Err() != nil || len(pieces) < 4 || strings.Join(pieces, "") != `{"city":"San Francisco"}` {
			t.Errorf("%v %q", s.Err(), pieces)
		}
	})
}

func TestMakesAnswerByASchema(t *testing.T) {
	schema := map[string]any{
		"type": "object", "required": []string{"name", "age", "tags", "mood", "home"},
		"properties": map[string]any{
			"name": map[string]any{"type": "string", "minLength": 6}, "age": map[string]any{"type": "integer", "minimum": 18}, "tags": map[string]any{"type": "array", "items": map[string]any{"type": "boolean"}},
			"mood": map[string]any{"enum": []string{"good", "bad"}}, "home": map[string]any{"$ref": "#/$defs/home"}, "left": map[string]any{"type": "string"},
		},
		"$defs": map[string]any{"home": map[string]any{"type": "object", "properties": map[string]any{"size": map[string]any{"type": "number"}}, "required": []string{"size"}}},
	}
	const want = `{"age":18,"home":{"size":1},"mood":"good","name":"wwwwww","tags":[true]}`
	eachMake(t, func(t *testing.T, e *Engine, c *openai.Client, model, _ string) {
		p := says(model, "who are you")
		p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "person", Schema: schema}}
		if got := stream(t, c, p).Choices[0].Message.Content; got != want {
			t.Errorf("schema: %s", got)
		}
		p.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONObject: &shared.ResponseFormatJSONObjectParam{}}
		if e.kind.name == "LM Studio" { // whose plain error openai-go cannot read
			resp, body, err := ask(e, "/v1/chat/completions", `{"model":"`+model+`","response_format":{"type":"json_object"},"messages":[{"role":"user","content":"hi"}]}`)
			if err != nil || resp.StatusCode != 400 || body != `{"error":"'response_format.type' must be 'json_schema' or 'text'"}` {
				t.Errorf("json_object: %v %s", err, body)
			}
			return
		}
		r, err := c.Chat.Completions.New(t.Context(), p)
		if err != nil || !json.Valid([]byte(r.Choices[0].Message.Content)) {
			t.Errorf("json_object: %v %+v", err, r)
		}
	})
}

func TestMakesThinkAndSee(t *testing.T) {
	eachMake(t, func(t *testing.T, e *Engine, c *openai.Client, model, _ string) {
		r := whole(t, c, says(model, "think hard"))
		var message struct {
			Thought string `json:"reasoning_content"`
		}
		if err := json.Unmarshal([]byte(r.Choices[0].Message.RawJSON()), &message); err != nil || message.Thought != "let me see what is asked here " || r.Choices[0].Message.Content == "" {
			t.Errorf("thought: %v %s", err, r.Choices[0].Message.RawJSON())
		}
		_, body, err := ask(e, "/v1/chat/completions", `{"model":"`+model+`","stream":true,"messages":[{"role":"user","content":"think"}]}`)
		if err != nil || !strings.Contains(body, `"reasoning_content":"let "`) || strings.LastIndex(body, "reasoning_content") > strings.LastIndex(body, `"content":"`) {
			t.Errorf("streamed thought: %v %s", err, body)
		}
		if _, body, _ = ask(e, "/v1/chat/completions", `{"model":"`+model+`","reasoning_effort":"none","messages":[{"role":"user","content":"think"}]}`); strings.Contains(body, "let me") {
			t.Errorf("thought although it was told not to: %s", body)
		}

		p := says(model, "")
		p.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
			openai.TextContentPart("what is this"),
			openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte("12345"))}),
		})}
		if got := whole(t, c, p).Choices[0].Message.Content; got != "image of 5 bytes" {
			t.Errorf("image: %q", got)
		}
	})
}

func TestMakesEmbed(t *testing.T) {
	eachMake(t, func(t *testing.T, e *Engine, c *openai.Client, _, model string) {
		floats, err := c.Embeddings.New(t.Context(), openai.EmbeddingNewParams{Model: model, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"one text", "two"}}})
		if err != nil || len(floats.Data) != 2 || !slices.Equal(floats.Data[1].Embedding, Vector("two")) || floats.Data[1].Index != 1 {
			t.Fatalf("floats: %v %+v", err, floats)
		}
		if want := map[string]int64{"LM Studio": 0, "llama-server": 3, "vLLM": 3}[e.kind.name]; floats.Usage.PromptTokens != want {
			t.Errorf("usage %+v", floats.Usage)
		}
		_, body, err := ask(e, "/v1/embeddings", `{"model":"`+model+`","input":"two","encoding_format":"base64","dimensions":3}`)
		var packed struct{ Data []struct{ Embedding []byte } }
		if err != nil || json.Unmarshal([]byte(body), &packed) != nil || len(packed.Data) != 1 || len(packed.Data[0].Embedding) != 12 {
			t.Fatalf("packed: %v %s", err, body)
		}
		if got := math.Float32frombits(binary.LittleEndian.Uint32(packed.Data[0].Embedding[4:])); got != float32(Vector("two")[1]) {
			t.Errorf("packed %v, want %v", got, Vector("two")[1])
		}
	})
}

func TestMakesCompleteResponsesAndMessages(t *testing.T) {
	eachMake(t, func(t *testing.T, e *Engine, c *openai.Client, model, _ string) {
		text := whole(t, c, says(model, "nonce:abc")).Choices[0].Message.Content
		if text != strings.Repeat("abc ", 8) {
			t.Errorf("nonce: %q", text)
		}
		done, err := c.Completions.New(t.Context(), openai.CompletionNewParams{Model: openai.CompletionNewParamsModel(model), Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("nonce:abc")}, Suffix: openai.String("end")})
		if err != nil || done.Choices[0].Text != text || done.Usage.CompletionTokens != 8 {
			t.Errorf("completion: %v %+v", err, done)
		}

		params := oairesponses.ResponseNewParams{Model: model, Input: oairesponses.ResponseNewParamsInputUnion{OfString: openai.String("nonce:abc think")}}
		r, err := c.Responses.New(t.Context(), params)
		if err != nil || r.OutputText() != text || r.Usage.OutputTokens != 15 {
			t.Errorf("responses: %v %+v", err, r)
		}
		s := c.Responses.NewStreaming(t.Context(), params)
		said, last := "", ""
		for s.Next() {
			last = s.Current().Type
			if last == "response.output_text.delta" {
				said += s.Current().Delta
			}
		}
		if s.Err() != nil || said != text || last != "response.completed" {
			t.Errorf("streamed responses: %v %q %s", s.Err(), said, last)
		}

		const message = `,"max_tokens":100,"messages":[{"role":"user","content":"nonce:abc"}]}`
		if _, body, err := ask(e, "/v1/messages", `{"model":"`+model+`"`+message); err != nil || !strings.Contains(body, text) || !strings.Contains(body, `"end_turn"`) {
			t.Errorf("messages: %v %s", err, body)
		}
		if _, body, err := ask(e, "/v1/messages", `{"model":"`+model+`","stream":true`+message); err != nil || strings.Count(body, `"text":"abc "`) != 8 || !strings.HasSuffix(body, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n") {
			t.Errorf("streamed messages: %v %s", err, body)
		}
		const tools = `,"stream":true,"max_tokens":100,"tools":[{"name":"f","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"think, then call:f"}]}`
		if _, body, err := ask(e, "/v1/messages", `{"model":"`+model+`"`+tools); err != nil || !strings.Contains(body, `"index":2,"content_block":{"type":"tool_use"`) || strings.Count(body, "event: content_block_stop") != 3 || !strings.Contains(body, `"stop_reason":"tool_use"`) {
			t.Errorf("a call after a thought: %v %s", err, body)
		}

		e.SetResponses(false)
		e.SetMessages(false)
		for _, path := range []string{"/v1/responses", "/v1/messages"} {
			resp, body, err := ask(e, path, `{"model":"`+model+`"`+message)
			if want := map[string]int{"LM Studio": 200, "llama-server": 404, "vLLM": 404}[e.kind.name]; err != nil || resp.StatusCode != want || !strings.Contains(body, `"error"`) {
				t.Errorf("%s of an older version: %v %s", path, err, body)
			}
		}
	})
}

func TestMakesFollowScripts(t *testing.T) {
	eachMake(t, func(t *testing.T, e *Engine, _ *openai.Client, model, _ string) {
		const path, mark = "/v1/chat/completions", "data: [DONE]\n\n"
		body := talk(model, "nonce:abc", `,"stream":true`)
		for name, c := range map[string]struct {
			script Script
			want   func(resp *http.Response, body string, err error) bool
		}{
			"good": {Script{}, func(_ *http.Response, b string, err error) bool {
				return err == nil && strings.HasSuffix(b, mark) && strings.Count(b, "abc ") == 8
			}},
			"more tokens": {Script{Tokens: 50}, func(_ *http.Response, b string, err error) bool { return err == nil && strings.Count(b, "abc ") == 50 }},
			"no mark": {Script{End: NoMark}, func(_ *http.Response, b string, err error) bool {
				return err == nil && !strings.Contains(b, mark) && strings.Count(b, "abc ") == 8
			}},
			"closed": {Script{End: Close, At: 2}, func(_ *http.Response, b string, err error) bool { return err != nil && strings.Count(b, "abc ") == 2 }},
			"reset":  {Script{End: Reset}, func(_ *http.Response, _ string, err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
			"garbage": {Script{End: Garbage, At: 1}, func(_ *http.Response, b string, err error) bool {
				return err != nil && strings.Contains(b, "not the protocol")
			}},
			"error at once": {Script{End: Error}, func(r *http.Response, b string, err error) bool {
				return err == nil && r.StatusCode == 200 && r.Header.Get("Content-Type") == "text/event-stream" && strings.Contains(b, "scripted error") && !strings.Contains(b, "abc")
			}},
			"status": {Script{Status: 503, Error: "busy", Header: http.Header{"Retry-After": {"3"}}}, func(r *http.Response, b string, err error) bool {
				return r.StatusCode == 503 && strings.Contains(b, `"busy"`) && strings.HasPrefix(b, `{"error":`) && r.Header.Get("Retry-After") == "3"
			}},
		} {
			t.Run(name, func(t *testing.T) {
				e.Script(c.script)
				resp, got, err := ask(e, path, body)
				if !c.want(resp, got, err) {
					t.Errorf("%+v %q %v", resp, got, err)
				}
			})
		}
		e.Hold()
		done := make(chan string)
		go func() {
			_, got, _ := ask(e, path, body)
			done <- got
		}()
		e.Next().Release(Script{Status: 500})
		if got := <-done; !strings.Contains(got, "scripted error") {
			t.Errorf("released with an error, got %s", got)
		}
	})
}

func TestMakesRefuseWhatIsNoRequest(t *testing.T) {
	eachMake(t, func(t *testing.T, e *Engine, _ *openai.Client, model, vectors string) {
		for path, body := range map[string]string{
			"/v1/chat/completions": `{"model":"` + model + `","messages":[{"role":"user","content":5}]}`,
			"/v1/completions":      `{"model":"` + model + `"}`,
			"/v1/embeddings":       `{"model":"` + vectors + `","input":{}}`,
			"/v1/responses":        `{"model":"` + model + `","input":5}`,
			"/v1/messages":         `{"model":"` + model + `","max_tokens":9,"messages":[{"role":"user","content":5}]}`,
		} {
			for _, b := range []string{body, "nonsense"} {
				if status, got := fetch(t, e, "POST", path, "", b); status != 400 || !json.Valid([]byte(got)) {
					t.Errorf("%s %s: %d %s", path, b, status, got)
				}
			}
		}
	})
}

func TestDocumentsEnd(t *testing.T) {
	for schema, want := range map[string]string{
		`{"$ref":"#"}`: `null`,
		`{"type":"object","required":["next"],"properties":{"next":{"anyOf":[{"type":"null"},{"$ref":"#"}]}}}`:      `{"next":null}`,
		`{"type":"object","required":["children"],"properties":{"children":{"type":"array","items":{"$ref":"#"}}}}`: `{"children":[{"children":[{"children":[]}]}]}`,
		`{"type":["string","null"],"maxLength":2}`:                                                                  `"wo"`,
		`{"const":5}`: `5`,
		`true`:        `{}`,
	} {
		var s any
		if err := json.Unmarshal([]byte(schema), &s); err != nil {
			t.Fatal(err)
		}
		if got := marshal(document(s, s, 0)); got != want {
			t.Errorf("%s: %s, want %s", schema, got, want)
		}
	}
}

func TestQuirksAreOfTheirEngines(t *testing.T) {
	known := map[string]bool{}
	for _, m := range makes {
		known[m.build(t).kind.name] = true
	}
	for _, q := range Quirks {
		if !known[q.Engine] || q.Quirk == "" || q.About == "" || q.From == "" {
			t.Errorf("%+v", q)
		}
	}
}
