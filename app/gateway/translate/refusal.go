package translate

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/ollama/ollama/anthropic"
	"github.com/ollama/ollama/openai"
)

// maxReason bounds an engine's own words in an error, in bytes.
const maxReason = 2 << 10

// engineError is an error in any engine's words.
type engineError struct {
	Error   json.RawMessage `json:"error"`  // an object or, with Ollama and LM Studio, a text
	Detail  json.RawMessage `json:"detail"` // FastAPI: a text or a list
	Message words           `json:"message"`
	Type    words           `json:"type"`
	Param   words           `json:"param"`
	Code    words           `json:"code"`
}

// Refusal puts an engine's error answer into the client's dialect, by the route
// that the client asked. It keeps the engine's message and, where both sides have
// them, type, param and code. It never fails: a body without a message is quoted,
// or the status told.
func Refusal(route string, status int, body []byte) []byte {
	e := readError(body)
	message := plain(string(e.Message))
	if message == "" {
		message = fmt.Sprintf("the engine refused with status %d", status)
	}
	var answer any = map[string]string{"error": message}
	switch {
	case strings.HasPrefix(route, "/v1/messages"):
		refusal := anthropic.NewError(status, message)
		refusal.RequestID = "" // the gateway has its own
		switch status {
		case 408, 504:
			refusal.Error.Type = "timeout_error"
		case 413:
			refusal.Error.Type = "request_too_large"
		case 422:
			refusal.Error.Type = "invalid_request_error"
		}
		answer = refusal
	case strings.HasPrefix(route, "/v1/"):
		answer = e.openai(status, message)
	}
	out, err := encode(answer)
	if err != nil {
		panic(err) // only texts are written here
	}
	return out
}

func (e *engineError) openai(status int, message string) openai.ErrorResponse {
	refusal := openai.NewError(status, message)
	switch status {
	case 401:
		refusal.Error.Type = "authentication_error"
	case 403:
		refusal.Error.Type = "permission_error"
	case 413, 422:
		refusal.Error.Type = "invalid_request_error"
	case 429:
		refusal.Error.Type = "rate_limit_error"
	}
	if kind := plain(string(e.Type)); kind != "" {
		refusal.Error.Type = kind
	}
	if param := plain(string(e.Param)); param != "" {
		refusal.Error.Param = param
	}
	if code := plain(string(e.Code)); code != "" {
		refusal.Error.Code = &code
	}
	return refusal
}

// reason is the message of an error in any engine's words.
func reason(body []byte) string {
	if message := plain(string(readError(body).Message)); message != "" {
		return message
	}
	return "the engine failed"
}

// readError finds the message and what else is told. Fields of other types than
// expected are passed over.
func readError(body []byte) *engineError {
	e := &engineError{}
	_ = json.Unmarshal(body, e)
	if filled(e.Error) {
		switch inner := (&engineError{}); e.Error[0] {
		case '{':
			_ = json.Unmarshal(e.Error, inner)
			inner.Detail = nil
			e = inner
		case '"':
			_ = json.Unmarshal(e.Error, &e.Message)
		}
	}
	if e.Message == "" && filled(e.Detail) {
		e.Message = words(detail(e.Detail))
	}
	if e.Message == "" {
		e.Message = words(body[:min(len(body), maxReason)])
	}
	return e
}

// detail is what FastAPI says, a text, or a list of what is wrong where; and
// KoboldCpp, an object with a message.
func detail(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var one struct {
		What string `json:"msg"`
	}
	if json.Unmarshal(raw, &one) == nil {
		return one.What
	}
	var list []struct {
		Where []any  `json:"loc"`
		What  string `json:"msg"`
	}
	_ = json.Unmarshal(raw, &list)
	var wrong []string
	for _, d := range list {
		where := strings.Trim(strings.ReplaceAll(fmt.Sprint(d.Where), " ", "."), "[]")
		wrong = append(wrong, strings.TrimPrefix(where+": "+d.What, ": "))
	}
	return strings.Join(wrong, "; ")
}

// plain caps an engine's words and strips what is not to be shown.
func plain(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), maxReason)], "")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s))
}
