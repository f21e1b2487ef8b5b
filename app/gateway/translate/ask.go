// Package translate lets a client that speaks one dialect use an engine that only
// serves OpenAI's chat completions. Ask turns the client's request into the
// engine's; the Exchange that it returns turns the engine's answer into the
// client's, piece by piece as it comes.
//
// It is pure: no goroutine, no I/O, no clock but the times that are passed in, no
// chance. The same bytes give the same bytes, however they are cut up. Nothing it
// is fed makes it panic, and what it keeps of an answer is bounded.
//
// An Exchange belongs to one request and is used by one goroutine at a time.
package translate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ollama/ollama/api"
)

// Kinds of engines, by the names that package backends gives them.
const (
	LMStudio = "lmstudio"
	LlamaCPP = "llamacpp"
	OpenAI   = "openai" // vLLM, SGLang and whatever else serves OpenAI's API
	Ollama   = "ollama" // by its OpenAI routes

	KoboldCPP = "koboldcpp"
)

// Engine is what a translation must know of the engine.
type Engine struct {
	Kind    string // one of the kinds above; others are taken for OpenAI
	Context int    // tokens that one request of the model may fill; 0 = unknown
}

// Error is a request that cannot be translated. Its text says what to do.
type Error struct {
	Status  int    // HTTP's
	Param   string // the client's field to blame; "" = none in particular
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// refuse is the Error of a request that would get a wrong answer.
func refuse(param, format string, args ...any) error {
	return &Error{Status: 400, Param: param, Message: fmt.Sprintf(format, args...)}
}

// routes are the paths that clients may ask in another dialect.
var routes = map[string]func(a *ask) error{
	"/api/chat":       (*ask).chat,
	"/api/generate":   (*ask).generate,
	"/api/embed":      (*ask).embed,
	"/api/embeddings": (*ask).embeddings,
	"/v1/messages":    (*ask).anthropic,
	"/v1/responses":   (*ask).responses,
}

// Translates reports whether Ask knows a route.
func Translates(route string) bool { return routes[route] != nil }

// Ask turns a request of the client's route into one for the engine. model is the
// engine's own name of it; in answers the client finds the name that it wrote. The
// error is an *Error.
func Ask(route string, body []byte, model string, e Engine) (*Exchange, error) {
	read := routes[route]
	if read == nil {
		return nil, &Error{Status: 404, Message: route + " has no translation for this engine"}
	}
	if !slices.Contains([]string{LMStudio, LlamaCPP, Ollama, KoboldCPP}, e.Kind) {
		e.Kind = OpenAI
	}
	a := &ask{engine: e, in: body, out: request{"model": model}, x: &Exchange{}}
	if err := read(a); err != nil {
		return nil, err
	}
	if a.x.Path == "" {
		return a.x, nil
	}
	if a.x.Stream {
		a.out["stream_options"] = map[string]any{"include_usage": true}
	}
	if a.x.Path != embeddingsPath {
		a.out["stream"] = a.x.Stream
	}
	var err error
	if a.x.Body, err = encode(a.out); err != nil {
		return nil, refuse("", "the request cannot be written for the engine: %v", err)
	}
	return a.x, nil
}

// The paths of engines.
const (
	chatPath        = "/v1/chat/completions"
	completionsPath = "/v1/completions"
	embeddingsPath  = "/v1/embeddings"
)

// ask is one request on its way from one dialect to the other.
type ask struct {
	engine Engine
	in     []byte
	out    request
	x      *Exchange
}

// request is what the engine is asked, by OpenAI's names and the engine's own.
type request map[string]any

// set writes a field unless the client left it open.
func set[T any](r request, name string, value *T) {
	if value != nil {
		r[name] = *value
	}
}

// decode reads the client's body.
func (a *ask) decode(v any) error {
	err := json.Unmarshal(a.in, v)
	if err == nil {
		return nil
	}
	param := ""
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		param = wrong.Field
	}
	return refuse(param, "the request cannot be read: %v", err)
}

// limit sets the most tokens to generate. No more than the context is the same to
// an engine as no limit, and some refuse a limit that the context cannot hold.
func (a *ask) limit(tokens int) {
	if tokens > 0 && (a.engine.Context <= 0 || tokens < a.engine.Context) {
		a.out["max_tokens"] = tokens
	}
}

// keep has the engine keep the model loaded after the request. Only LM Studio can
// be told.
func (a *ask) keep(d *api.Duration) {
	if a.engine.Kind != LMStudio || d == nil || d.Seconds() > 1e9 {
		return // an endless time is one that cannot be told
	}
	a.out["ttl"] = max(1, int(d.Seconds()))
}

// think turns thinking on or off, or to a level. What engines make of it depends
// on the model's template.
func (a *ask) think(on bool, level string) {
	if level == "max" {
		level = "high" // few know the other
	}
	switch a.engine.Kind {
	case LlamaCPP:
		kwargs := map[string]any{"enable_thinking": on}
		if on && level != "" {
			kwargs["reasoning_effort"] = level
		}
		a.out["chat_template_kwargs"] = kwargs
		return
	case Ollama:
		level = strings.NewReplacer("minimal", "low", "xhigh", "high").Replace(level) // it knows three
	case LMStudio, KoboldCPP: // whose template may be one that knows no arguments
	default:
		if level == "" {
			a.out["chat_template_kwargs"] = map[string]any{"enable_thinking": on, "thinking": on}
			return
		}
	}
	switch {
	case !on:
		a.out["reasoning_effort"] = "none"
	case level != "":
		a.out["reasoning_effort"] = level
	}
}

// user tells for whom a request is. Only an engine that serves many may want to
// know.
func (a *ask) user(id string) {
	if id != "" && a.engine.Kind == OpenAI {
		a.out["user"] = id
	}
}

// shape asks for an answer in JSON; a nil schema takes any object. LM Studio knows
// no other form than a schema; llama.cpp and KoboldCpp read response_format in a chat
// only.
func (a *ask) shape(name string, schema json.RawMessage, strict *bool) {
	schemaOnly := a.engine.Kind == LMStudio || (a.engine.Kind == LlamaCPP || a.engine.Kind == KoboldCPP) && a.x.Path == completionsPath
	if schema == nil && !schemaOnly {
		a.out["response_format"] = map[string]any{"type": "json_object"}
		return
	}
	if schema == nil {
		schema = json.RawMessage(`{"type":"object"}`)
	}
	if name == "" {
		name = "answer"
	}
	if schemaOnly && a.engine.Kind == LlamaCPP {
		a.out["json_schema"] = schema
		return
	}
	if schemaOnly && a.engine.Kind == KoboldCPP {
		a.out["grammar"] = string(schema) // which it makes of a schema, too
		return
	}
	form := map[string]any{"name": name, "schema": schema}
	if a.engine.Kind == LMStudio && strict == nil {
		form["strict"] = true
	}
	set(form, "strict", strict)
	a.out["response_format"] = map[string]any{"type": "json_schema", "json_schema": form}
}

// imageURL checks an image's address and returns it. Not every engine fetches one
// that is elsewhere.
func (a *ask) imageURL(param, address string) (string, error) {
	fetches := a.engine.Kind == LlamaCPP || a.engine.Kind == OpenAI
	switch {
	case strings.HasPrefix(address, "data:"):
	case fetches && (strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")):
	default:
		return "", refuse(param, "this engine does not fetch images: send it as base64 data")
	}
	return address, nil
}

// filled reports whether a field was written and is not null or an empty text.
func filled(raw json.RawMessage) bool {
	return len(raw) > 0 && !slices.Contains([]string{"null", `""`}, string(raw))
}

// encode writes JSON as it is, without HTML's escapes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
