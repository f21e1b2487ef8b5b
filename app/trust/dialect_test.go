package trust

import (
	"encoding/json"
	"fmt"
	"strings"
)

// spoken is a route as a client speaks it.
type spoken struct {
	path   string
	stream bool
	body   string              // of a request: model, nonce and tokens to be filled in
	text   func(b []byte) said // what an event of a stream, or a whole answer, says
}

// said is what one event says, of whatever dialect.
type said struct {
	text string
	end  bool   // the end of a good answer
	fail string // an error; "" = none
	odd  string // it is not of the dialect
}

// dialects are the routes that the suite's clients use.
var dialects = []spoken{
	{"/api/generate", true, `{"model":%q,"prompt":"nonce:%s","options":{"num_predict":%d}}`, ollamaSays},
	{"/api/chat", true, `{"model":%q,"messages":[{"role":"user","content":"nonce:%s"}],"options":{"num_predict":%d}}`, ollamaSays},
	{"/api/chat", false, `{"stream":false,"model":%q,"messages":[{"role":"user","content":"nonce:%s"}],"options":{"num_predict":%d}}`, ollamaSays},
	{"/v1/chat/completions", true, `{"stream":true,"model":%q,"messages":[{"role":"user","content":"nonce:%s"}],"max_tokens":%d}`, openaiSays},
	{"/v1/chat/completions", false, `{"model":%q,"messages":[{"role":"user","content":"nonce:%s"}],"max_tokens":%d}`, openaiSays},
	{"/v1/completions", true, `{"stream":true,"model":%q,"prompt":"nonce:%s","max_tokens":%d}`, openaiSays},
	{"/v1/messages", true, `{"stream":true,"model":%q,"messages":[{"role":"user","content":"nonce:%s"}],"max_tokens":%d}`, anthropicSays},
	{"/v1/messages", false, `{"model":%q,"messages":[{"role":"user","content":"nonce:%s"}],"max_tokens":%d}`, anthropicSays},
}

func (d spoken) sse() bool { return d.stream && strings.HasPrefix(d.path, "/v1/") }

// notOf says that b is no event of a dialect.
func notOf(dialect string, b []byte) said {
	const most = 200
	return said{odd: fmt.Sprintf("not of %s: %.*q", dialect, most, b)}
}

func ollamaSays(b []byte) said {
	var e struct {
		Error    *string
		Response *string
		Message  *struct{ Content string }
		Done     *bool
	}
	switch err := json.Unmarshal(b, &e); {
	case err != nil:
		return notOf("Ollama", b)
	case e.Error != nil:
		return said{fail: *e.Error}
	case e.Done == nil:
		return notOf("Ollama", b)
	case e.Response != nil:
		return said{text: *e.Response, end: *e.Done}
	case e.Message != nil:
		return said{text: e.Message.Content, end: *e.Done}
	}
	return notOf("Ollama", b)
}

func openaiSays(b []byte) said {
	if string(b) == "[DONE]" {
		return said{end: true}
	}
	type content struct{ Content string }
	var e struct {
		Error *struct {
			Message string
			Type    string
		}
		Object  string
		Choices []struct {
			Text           string
			Delta, Message content
		}
	}
	switch err := json.Unmarshal(b, &e); {
	case err != nil:
		return notOf("OpenAI", b)
	case e.Error != nil && e.Error.Type != "":
		return said{fail: e.Error.Message}
	case len(e.Choices) == 0:
		return notOf("OpenAI", b)
	}
	c := e.Choices[0]
	return said{text: c.Text + c.Delta.Content + c.Message.Content, end: e.Object == "chat.completion"}
}

func anthropicSays(b []byte) said {
	var e struct {
		Type  string
		Error struct {
			Type    string
			Message string
		}
		Delta   struct{ Text string }
		Content []struct{ Text string }
	}
	switch err := json.Unmarshal(b, &e); {
	case err != nil || e.Type == "":
		return notOf("Anthropic", b)
	case e.Type == "error" && e.Error.Type != "":
		return said{fail: e.Error.Message}
	case e.Type == "message" && len(e.Content) == 1:
		return said{text: e.Content[0].Text, end: true}
	case e.Type == "message_stop":
		return said{end: true}
	case e.Type == "error", e.Type == "message":
		return notOf("Anthropic", b)
	}
	return said{text: e.Delta.Text}
}
