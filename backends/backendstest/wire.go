package backendstest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// created is the time in an answer of the OpenAI dialect, so that equal answers
// are equal bytes.
const created = 1767323045

// wire is how an engine writes the OpenAI dialect.
type wire struct {
	role      object // the delta that comes before the first token; nil = the role comes with the first token
	last      object // the delta at the end
	choice    object // what each choice has besides
	message   func(r reply, m object)
	reasoning func(*Engine) string // the name of the field
	call      func(id string) string
	fail      func(e *Engine, status int, message string) string
	broken    func(e *Engine, message string) string
	usage     func(r reply) object
	more      func(e *Engine, model listed, r reply) object // what an answer, or the end of a stream, has besides
	// resolve finds the model that answers, or says that there is none.
	resolve func(e *Engine, q Request, embedding bool) (listed, *refusal)
	// admit refuses what the engine does not do; nil = it does.
	admit func(e *Engine, q Request, b *chatBody, a wish) *refusal
}

// refusal is an engine's own error.
type refusal struct {
	status  int // 0 = inside a stream that has begun with a 200
	message string
	body    string
	silent  bool // it is not even told: the answer is empty
}

// refuse answers with an error of the dialect.
func (w *wire) refuse(e *Engine, status int, message string) *refusal {
	return &refusal{status: status, message: message, body: w.fail(e, status, message)}
}

// base is what all answers of a wire have.
func (w *wire) base(e *Engine) frames {
	return frames{
		stream: "text/event-stream",
		json:   "application/json",
		fail:   func(status int, message string) string { return w.fail(e, status, message) },
		broken: func(message string) string { return w.broken(e, message) },
		early:  true,
	}
}

func (w *wire) refused(e *Engine, r *refusal) frames {
	f := w.base(e)
	if r.status == 0 {
		f.open, f.tokens = r.body, []string{}
		return f
	}
	f.status, f.whole = r.status, r.body
	return f
}

// ask reads a request and makes its reply, up to what the engine refuses.
func (w *wire) ask(e *Engine, q Request, s Script, read func(*chatBody) (wish, error)) (listed, wish, reply, *refusal) {
	b, err := readBody(q)
	if err != nil {
		return listed{}, wish{}, reply{}, w.refuse(e, http.StatusBadRequest, "invalid JSON: "+err.Error())
	}
	model, no := w.resolve(e, q, false)
	if no != nil {
		return listed{}, wish{}, reply{}, no
	}
	a, err := read(&b)
	if err != nil {
		return listed{}, wish{}, reply{}, w.refuse(e, http.StatusBadRequest, err.Error())
	}
	no = w.admit(e, q, &b, a)
	if no != nil && !no.silent {
		return listed{}, wish{}, reply{}, no
	}
	r := answer(q, s, a)
	if no != nil {
		r = reply{finish: "stop", prompt: r.prompt}
	}
	return model, a, r, nil
}

// chat answers /v1/chat/completions.
func (w *wire) chat(e *Engine) answerer {
	return func(q Request, s Script) frames {
		model, a, r, no := w.ask(e, q, s, (*chatBody).chat)
		if no != nil {
			return w.refused(e, no)
		}
		return w.chatFrames(e, q, model, a, r)
	}
}

func (w *wire) chatFrames(e *Engine, q Request, model listed, a wish, r reply) frames {
	thinking := w.reasoning(e)
	body := func(kind string, choices []object, more object) string {
		return marshal(merge(object{"id": "chatcmpl-" + q.id(), "object": kind, "created": created, "model": model.Name, "system_fingerprint": model.Name, "choices": choices}, more))
	}
	chunk := func(delta object, finish any) string {
		return sse(body("chat.completion.chunk", []object{merge(object{"index": 0, "delta": delta, "finish_reason": finish}, w.choice)}, nil))
	}

	message := object{"role": "assistant", "content": r.content()}
	if len(r.thought) > 0 {
		message[thinking] = strings.Join(r.thought, "")
	}
	var calls []object
	for _, c := range r.calls {
		calls = append(calls, object{"id": w.call(c.id), "type": "function", "function": object{"name": c.name, "arguments": strings.Join(c.arguments, "")}})
	}
	if calls != nil {
		message["tool_calls"], message["content"] = calls, nil
	}
	w.message(r, message)

	f := w.base(e)
	more := w.more(e, model, r)
	f.whole = body("chat.completion", []object{merge(object{"index": 0, "message": message, "finish_reason": r.finish}, w.choice)}, merge(object{"usage": w.usage(r)}, more))
	f.tokens = []string{}
	for _, delta := range w.deltas(r, thinking) {
		f.tokens = append(f.tokens, chunk(delta, nil))
	}
	if w.role != nil {
		f.open = chunk(w.role, nil)
	}
	end := []object{merge(object{"index": 0, "delta": w.last, "finish_reason": r.finish}, w.choice)}
	if a.usage {
		f.close = sse(body("chat.completion.chunk", end, nil)) + sse(body("chat.completion.chunk", []object{}, merge(object{"usage": w.usage(r)}, more)))
	} else {
		f.close = sse(body("chat.completion.chunk", end, more))
	}
	f.mark = "data: [DONE]\n\n"
	return f
}

// deltas are the tokens of a reply, each in its field. A call begins with its
// name, as a token of its own.
func (w *wire) deltas(r reply, thinking string) []object {
	var deltas []object
	for _, t := range r.thought {
		deltas = append(deltas, object{thinking: t})
	}
	for _, t := range r.text {
		deltas = append(deltas, object{"content": t})
	}
	for i, c := range r.calls {
		deltas = append(deltas, object{"tool_calls": []object{{"index": i, "id": w.call(c.id), "type": "function", "function": object{"name": c.name, "arguments": ""}}}})
		for _, t := range c.arguments {
			deltas = append(deltas, object{"tool_calls": []object{{"index": i, "function": object{"arguments": t}}}})
		}
	}
	if w.role == nil && len(deltas) > 0 {
		deltas[0]["role"] = "assistant"
	}
	return deltas
}

// complete answers /v1/completions.
func (w *wire) complete(e *Engine) answerer {
	return func(q Request, s Script) frames {
		model, a, r, no := w.ask(e, q, s, func(b *chatBody) (wish, error) {
			prompt := texts(b.Prompt)
			if len(prompt) == 0 {
				return wish{}, errors.New("'prompt' field is required")
			}
			return b.completion(strings.Join(prompt, "")), nil
		})
		if no != nil {
			return w.refused(e, no)
		}
		body := func(choices []object, more object) string {
			return marshal(merge(object{"id": "cmpl-" + q.id(), "object": "text_completion", "created": created, "model": model.Name, "system_fingerprint": model.Name, "choices": choices}, more))
		}
		choice := func(text string, finish any) []object {
			return []object{merge(object{"index": 0, "text": text, "logprobs": nil, "finish_reason": finish}, w.choice)}
		}
		f := w.base(e)
		more := w.more(e, model, r)
		f.whole = body(choice(r.content(), r.finish), merge(object{"usage": w.usage(r)}, more))
		f.tokens = []string{}
		for _, t := range r.text {
			f.tokens = append(f.tokens, sse(body(choice(t, nil), nil)))
		}
		if a.usage {
			f.close = sse(body(choice("", r.finish), nil)) + sse(body([]object{}, merge(object{"usage": w.usage(r)}, more)))
		} else {
			f.close = sse(body(choice("", r.finish), more))
		}
		f.mark = "data: [DONE]\n\n"
		return f
	}
}

// count is the usage of a reply.
func count(r reply) object {
	return object{"prompt_tokens": r.prompt, "completion_tokens": r.tokens(), "total_tokens": r.prompt + r.tokens()}
}

// id is the same for equal requests.
func (q Request) id() string { return fmt.Sprintf("%016x", hash(q.Path+string(q.Body))) }

func sse(data string) string { return "data: " + data + "\n\n" }

// merge adds what more has to an object.
func merge(o, more object) object {
	for k, v := range more {
		o[k] = v
	}
	return o
}
