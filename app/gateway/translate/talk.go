package translate

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// message is one of a chat, as engines read it.
type message struct {
	Role             string     `json:"role"`
	Content          any        `json:"content"` // string or []part
	Reasoning        string     `json:"reasoning,omitempty"`
	ReasoningContent string     `json:"reasoning_content,omitempty"`
	ToolCalls        []toolCall `json:"tool_calls,omitempty"`
	ToolCallID       string     `json:"tool_call_id,omitempty"`
	Name             string     `json:"name,omitempty"`
}

// part is text or an image of a message.
type part struct {
	Type  string `json:"type"`
	Text  string `json:"text,omitempty"`
	Image *image `json:"image_url,omitempty"`
}

type image struct {
	URL string `json:"url"`
}

// toolCall is a call that the model made.
type toolCall struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"` // JSON
}

func textPart(text string) part     { return part{Type: "text", Text: text} }
func imagePart(address string) part { return part{Type: "image_url", Image: &image{address}} }

// talk puts the messages of a chat together.
type talk struct {
	messages []message
	open     []toolCall // calls without a result yet
	made     int        // ids that were invented
	late     []part     // images of results, which engines take from users only
}

// say adds a message of a user, the system or the model.
func (t *talk) say(role string, parts []part, thinking string, calls []toolCall) {
	if role == "developer" {
		role = "system" // few templates know the other
	}
	if role == "user" {
		parts, t.late = append(t.late, parts...), nil
	}
	t.settle()
	if n := len(t.messages); role == "system" && n == 1 && t.messages[0].Role == role {
		// Many templates take one system message, at the beginning.
		t.messages[0].Content = fmt.Sprint(t.messages[0].Content, "\n\n", content(parts, "\n"))
		return
	}
	for i := range calls {
		if calls[i].Function.Arguments == "" {
			calls[i].Function.Arguments = "{}"
		}
		if calls[i].Type = "function"; calls[i].ID == "" {
			t.made++
			calls[i].ID = fmt.Sprintf("call%05d", t.made) // nine characters: Mistral's templates want as many
		}
	}
	t.open = append(t.open, calls...)
	separator := "\n"
	if role == "assistant" {
		separator = ""
	}
	t.messages = append(t.messages, message{
		Role: role, Content: content(parts, separator), Reasoning: thinking, ReasoningContent: thinking, ToolCalls: calls,
	})
}

// result adds what a tool returned. A result without an id belongs to the first
// call of its name, or to the first call at all, that has none yet.
func (t *talk) result(id, name string, parts []part) {
	i := slices.IndexFunc(t.open, func(c toolCall) bool { return c.ID == id })
	if i < 0 && id == "" {
		i = slices.IndexFunc(t.open, func(c toolCall) bool { return c.Function.Name == name })
	}
	if i < 0 && id == "" && name == "" && len(t.open) > 0 {
		i = 0
	}
	if i >= 0 {
		id, name = t.open[i].ID, t.open[i].Function.Name
		t.open = slices.Delete(t.open, i, i+1)
	}
	var text []part
	for _, p := range parts {
		if p.Image != nil {
			t.late = append(t.late, p)
			continue
		}
		text = append(text, p)
	}
	t.messages = append(t.messages, message{Role: "tool", Content: content(text, "\n"), ToolCallID: id, Name: name})
}

// settle has a user bring the images of results that are still to be told.
func (t *talk) settle() {
	if len(t.late) > 0 {
		t.messages = append(t.messages, message{Role: "user", Content: content(t.late, "\n")})
		t.late = nil
	}
}

// end returns all messages, with thinking under the name that the engine reads.
func (t *talk) end(e Engine) []message {
	t.settle()
	for i := range t.messages {
		switch m := &t.messages[i]; e.Kind {
		case LMStudio, LlamaCPP:
			m.Reasoning = ""
		case Ollama:
			m.ReasoningContent = ""
		}
	}
	return t.messages
}

// content is one text where it can be: not every template takes parts.
func content(parts []part, separator string) any {
	if slices.ContainsFunc(parts, func(p part) bool { return p.Image != nil }) {
		return parts
	}
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.Text
	}
	return strings.Join(texts, separator)
}

// marks are the first bytes of the images that engines know.
var marks = []struct{ mark, media string }{
	{"\x89PNG\r\n\x1a\n", "png"}, {"\xff\xd8\xff", "jpeg"}, {"GIF8", "gif"}, {"BM", "bmp"},
}

// dataURL writes an image as an address, with its type read from its bytes.
func dataURL(param string, data []byte) (string, error) {
	media := ""
	for _, m := range marks {
		if strings.HasPrefix(string(data[:min(len(data), 8)]), m.mark) {
			media = m.media
		}
	}
	if len(data) > 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP" {
		media = "webp"
	}
	if media == "" {
		return "", refuse(param, "the image is not a PNG, JPEG, WebP, GIF or BMP file")
	}
	return "data:image/" + media + ";base64," + base64.StdEncoding.EncodeToString(data), nil
}

// size is how many bytes of text the model is to read, tools not counted.
func size(messages []message) int {
	n := 0
	for _, m := range messages {
		switch c := m.Content.(type) {
		case string:
			n += len(c)
		case []part:
			for _, p := range c {
				n += len(p.Text)
			}
		}
		for _, c := range m.ToolCalls {
			n += len(c.Function.Name) + len(c.Function.Arguments)
		}
	}
	return n
}
