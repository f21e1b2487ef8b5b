package backendstest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// wish is what a request wants, whatever its dialect.
type wish struct {
	text     string // all of the prompt, for counting
	user     string // the last message, if it is the user's
	result   string // the results of tools at the end of the messages
	images   []int  // bytes of each
	tools    []tool
	choice   string // "auto", "none", "required" or the name of a tool
	json     bool   // any document
	schema   any    // of the document; nil = none
	thinking bool   // not turned off
	limit    int    // tokens; 0 = none
	stop     []string
	usage    bool // also at the end of a stream
}

type tool struct {
	name   string
	schema any // of its arguments
}

// words counts tokens of a prompt.
func words(text string) int { return max(1, len(strings.Fields(text))) }

// chatBody is what is read of a chat completion, of a text completion and of
// llama-server's own routes. What else is in them is taken and not used: seed,
// temperature and their like.
type chatBody struct {
	Messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	Prompt        json.RawMessage `json:"prompt"`
	StreamOptions struct {
		Usage bool `json:"include_usage"`
	} `json:"stream_options"`
	Limit     *int            `json:"max_tokens"`
	NewLimit  *int            `json:"max_completion_tokens"`
	Predict   *int            `json:"n_predict"`
	Stop      json.RawMessage `json:"stop"`
	Effort    string          `json:"reasoning_effort"`
	Arguments struct {
		Thinking *bool `json:"enable_thinking"`
	} `json:"chat_template_kwargs"`
	Tools []struct {
		Function struct {
			Name       string `json:"name"`
			Parameters any    `json:"parameters"`
		} `json:"function"`
	} `json:"tools"`
	Choice json.RawMessage `json:"tool_choice"`
	Format struct {
		Type   string `json:"type"`
		Schema any    `json:"schema"` // llama-server takes it here, too
		JSON   struct {
			Schema any `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
	Schema any `json:"json_schema"` // of llama-server's /completion
}

func readBody(q Request) (chatBody, error) {
	var body chatBody
	err := json.Unmarshal(q.Body, &body)
	return body, err
}

// chat reads the request as a chat.
func (b *chatBody) chat() (wish, error) {
	if len(b.Messages) == 0 {
		return wish{}, errors.New("'messages' field is required")
	}
	a := b.wish()
	var results []string
	for i, m := range b.Messages {
		text, images, err := content(m.Content)
		if err != nil {
			return wish{}, err
		}
		a.text += text + " "
		a.images = append(a.images, images...)
		a.user = ""
		switch {
		case m.Role == "tool":
			results = append(results, text)
			continue
		case m.Role == "user" && i == len(b.Messages)-1:
			a.user = text
		}
		results = nil
	}
	a.result = strings.Join(results, " ")
	return a, nil
}

// completion reads the request as one without roles.
func (b *chatBody) completion(prompt string) wish {
	a := b.wish()
	a.text, a.user = prompt, prompt
	return a
}

func (b *chatBody) wish() wish {
	a := wish{
		choice:   choice(b.Choice),
		json:     b.Format.Type == "json_object",
		thinking: b.Effort != "none" && (b.Arguments.Thinking == nil || *b.Arguments.Thinking),
		usage:    b.StreamOptions.Usage,
		stop:     texts(b.Stop),
	}
	for _, limit := range []*int{b.Limit, b.NewLimit, b.Predict} {
		if limit != nil && *limit > 0 {
			a.limit = *limit
		}
	}
	switch {
	case b.Schema != nil:
		a.schema = b.Schema
	case b.Format.JSON.Schema != nil:
		a.schema = b.Format.JSON.Schema
	case b.Format.Schema != nil:
		a.schema = b.Format.Schema
	}
	for _, t := range b.Tools {
		a.tools = append(a.tools, tool{name: t.Function.Name, schema: t.Function.Parameters})
	}
	return a
}

// choice reads tool_choice of any dialect: a word, {"type":"none"}, or an object
// that names a tool.
func choice(raw json.RawMessage) string {
	var word string
	if json.Unmarshal(raw, &word) == nil && word != "" {
		return word
	}
	var named struct {
		Type     string `json:"type"`
		Name     string `json:"name"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	_ = json.Unmarshal(raw, &named) // what is no choice chooses nothing
	switch {
	case named.Function.Name != "":
		return named.Function.Name
	case named.Name != "":
		return named.Name
	case named.Type == "any":
		return "required"
	case named.Type == "none":
		return "none"
	}
	return "auto"
}

// texts reads a string or an array of them.
func texts(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	var many []string
	_ = json.Unmarshal(raw, &many) // anything else is no text
	return slices.DeleteFunc(many, func(s string) bool { return s == "" })
}

// content reads a message's content: a string, null, or parts.
func content(raw json.RawMessage) (text string, images []int, err error) {
	if len(raw) == 0 || json.Unmarshal(raw, &text) == nil {
		return text, nil, nil
	}
	var parts []struct {
		Type  string          `json:"type"`
		Text  string          `json:"text"`
		Image json.RawMessage `json:"image_url"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", nil, errors.New("'content' must be a string or an array of parts")
	}
	for _, p := range parts {
		switch p.Type {
		case "text", "input_text":
			text += p.Text
		case "image_url", "input_image":
			var address struct {
				URL string `json:"url"`
			}
			if json.Unmarshal(p.Image, &address) != nil {
				_ = json.Unmarshal(p.Image, &address.URL) // then it is of no form at all, and refused below
			}
			size, err := imageSize(address.URL)
			if err != nil {
				return "", nil, err
			}
			images = append(images, size)
		default:
			return "", nil, errors.New("unsupported content part type: " + p.Type)
		}
	}
	return text, images, nil
}

// imageSize is the number of bytes in a data URL.
func imageSize(url string) (int, error) {
	_, encoded, isData := strings.Cut(url, ";base64,")
	if !isData {
		return 0, errors.New("'url' field must be a base64 encoded image")
	}
	image, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return 0, errors.New("'url' field must be a base64 encoded image")
	}
	return len(image), nil
}
