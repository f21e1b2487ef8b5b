package backendstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// llamaComplete answers /completion and /infill. Their stream has no [DONE]: its
// last event says stop.
func (w *wire) llamaComplete(e *Engine) answerer {
	return func(q Request, s Script) frames {
		var fill struct {
			Prefix *string `json:"input_prefix"`
			Suffix *string `json:"input_suffix"`
		}
		_ = json.Unmarshal(q.Body, &fill) // ask says what is wrong
		infill := strings.HasPrefix(q.Path, "/infill")
		model, _, r, no := w.ask(e, q, s, func(b *chatBody) (wish, error) {
			prompt := texts(b.Prompt)
			switch {
			case infill && fill.Prefix == nil:
				return wish{}, errors.New(`"input_prefix" is required`)
			case infill && fill.Suffix == nil:
				return wish{}, errors.New(`"input_suffix" is required`)
			case infill:
				prompt = append(prompt, *fill.Prefix, *fill.Suffix)
			case len(prompt) == 0:
				return wish{}, errors.New(`"prompt" is required`)
			}
			return b.completion(strings.Join(prompt, " ")), nil
		})
		if no != nil {
			return w.refused(e, no)
		}
		stop := map[string]string{"stop": "eos", "length": "limit"}[r.finish]
		if r.word != "" {
			stop = "word"
		}
		final := func(content string) string {
			return marshal(object{
				"index": 0, "content": content, "tokens": []int{}, "id_slot": 0, "stop": true, "model": model.Name,
				"tokens_predicted": r.tokens(), "tokens_evaluated": r.prompt, "generation_settings": object{"n_ctx": get(e, func() int { return e.context })},
				"prompt": "", "has_new_line": false, "truncated": false, "stop_type": stop, "stopping_word": r.word,
				"tokens_cached": r.prompt + r.tokens(), "timings": llamaTimings(r),
			})
		}
		f := w.base(e)
		f.whole = final(r.content())
		f.tokens = []string{}
		for i, t := range r.text {
			f.tokens = append(f.tokens, sse(marshal(object{"index": 0, "content": t, "tokens": []int{i}, "stop": false, "id_slot": 0, "tokens_predicted": i + 1, "tokens_evaluated": r.prompt})))
		}
		f.mark = sse(final(""))
		return f
	}
}

// llamaVectors answers a route of embeddings, if there are any.
func (w *wire) llamaVectors(e *Engine, answer answerer) answerer {
	return func(q Request, s Script) frames {
		if !get(e, func() bool { return e.embeddings }) {
			return w.refused(e, w.refuse(e, http.StatusNotImplemented, "This server does not support embeddings. Start it with `--embeddings`"))
		}
		return answer(q, s)
	}
}

// llamaEmbed answers /embedding, whose vectors are lists of one, as its pooling
// may give one for each token.
func (w *wire) llamaEmbed(e *Engine) answerer {
	return func(q Request, _ Script) frames {
		var body vectorBody
		if err := json.Unmarshal(q.Body, &body); err != nil {
			return w.refused(e, w.refuse(e, http.StatusBadRequest, "invalid JSON: "+err.Error()))
		}
		texts := body.inputs()
		if len(texts) == 0 {
			return w.refused(e, w.refuse(e, http.StatusBadRequest, `"input" or "content" must be provided`))
		}
		data := make([]object, len(texts))
		for i, text := range texts {
			data[i] = object{"index": i, "embedding": [][]float64{Vector(text)}}
		}
		f := w.base(e)
		f.whole = marshal(data)
		return f
	}
}

func llamaHealth(*Engine, *http.Request) (int, string) { return 200, `{"status":"ok"}` }

// llamaProps is GET /props.
func llamaProps(e *Engine, _ *http.Request) (int, string) {
	all := e.catalog()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.router {
		return 200, marshal(object{"role": "router", "max_instances": 4, "models_autoload": true, "model_alias": "llama-server", "model_path": "none", "default_generation_settings": object{"params": object{}, "n_ctx": 0}, "build_info": llamaBuild})
	}
	var m listed
	if len(all) > 0 {
		m = all[0]
	}
	return 200, marshal(object{
		"default_generation_settings": object{"params": object{"n_predict": -1, "temperature": 0.8, "stream": true}, "n_ctx": e.context},
		"total_slots":                 e.slots, "model_alias": m.Name, "model_path": "/models/" + m.Name, "model_ftype": m.Quant,
		"modalities": object{"vision": m.Vision, "audio": false}, "chat_template": "{{ messages }}", "chat_template_caps": object{"supports_tools": m.Tools},
		"bos_token": "<s>", "eos_token": "</s>", "build_info": llamaBuild, "is_sleeping": e.sleeping,
	})
}

const llamaBuild = "b7000-abcdef0"

// llamaSlots is GET /slots.
func llamaSlots(e *Engine, r *http.Request) (int, string) {
	if e.quirk(NoSlotsRoute) {
		return 501, llamaError(501, "This server does not support slots endpoint. Start it with `--slots`")
	}
	busy, _ := e.Busy()
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.URL.Query().Get("fail_on_no_slot") != "" && busy >= e.slots {
		return 503, llamaError(503, "no slot available")
	}
	slots := []object{}
	for i := range e.slots {
		slots = append(slots, object{"id": i, "n_ctx": e.context, "speculative": false, "is_processing": i < busy})
	}
	return 200, marshal(slots)
}

// llamaMetrics is GET /metrics.
func llamaMetrics(e *Engine) (int, string) {
	if e.quirk(NoMetrics) {
		return 501, llamaError(501, "This server does not support metrics endpoint. Start it with `--metrics`")
	}
	busy, waiting := e.Busy()
	var text strings.Builder
	for _, g := range []struct {
		name, help string
		value      int
	}{
		{"requests_processing", "Number of requests processing.", busy},
		{"requests_deferred", "Number of requests deferred.", waiting},
	} {
		fmt.Fprintf(&text, "# HELP llamacpp:%s %s\n# TYPE llamacpp:%s gauge\nllamacpp:%s %d\n", g.name, g.help, g.name, g.name, g.value)
	}
	return 200, text.String()
}

// llamaModels is GET /v1/models, which lists for Ollama's clients, too.
func llamaModels(e *Engine, _ *http.Request) (int, string) {
	router := get(e, func() bool { return e.router })
	data, models := []object{}, []object{}
	for _, m := range e.catalog() {
		entry := object{"id": m.Name, "object": "model", "created": created, "owned_by": "llamacpp"}
		if router {
			state := "unloaded"
			if m.loaded {
				state = "loaded"
			}
			entry["status"], entry["path"] = object{"value": state}, "/models/"+m.Name
			data = append(data, entry)
			continue
		}
		entry["meta"] = object{"vocab_type": 2, "n_vocab": 128256, "n_ctx_train": m.Context, "n_embd": 4096, "n_params": 8030261312, "size": m.Size}
		models = append(models, object{"name": m.Name, "model": m.Name, "type": "model", "capabilities": []string{"completion"}, "details": object{"format": m.Format, "family": "", "parameter_size": "", "quantization_level": ""}})
		data = append(data, entry)
		break // it has one model, whatever else was set
	}
	list := object{"object": "list", "data": data}
	if !router {
		list["models"] = models
	}
	return 200, marshal(list)
}

// llamaPost answers a route that takes a body and costs nothing.
func (e *Engine) llamaPost(answer func(*Engine, Request) (int, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := e.seen(r, true)
		status, body := answer(e, q)
		llamaWrite(w, status, body)
	}
}

func llamaTokenize(_ *Engine, q Request) (int, string) {
	var body struct {
		Content string `json:"content"`
		Pieces  bool   `json:"with_pieces"`
	}
	_ = json.Unmarshal(q.Body, &body) // what is not JSON has no tokens
	tokens := []any{}
	for _, t := range split(body.Content) {
		id := hash(t) % 128256
		if body.Pieces {
			tokens = append(tokens, object{"id": id, "piece": t})
			continue
		}
		tokens = append(tokens, id)
	}
	return 200, marshal(object{"tokens": tokens})
}

func llamaTemplate(_ *Engine, q Request) (int, string) {
	return llamaOfChat(q, func(text string) object { return object{"prompt": text} })
}

func llamaCount(_ *Engine, q Request) (int, string) {
	return llamaOfChat(q, func(text string) object { return object{"input_tokens": words(text)} })
}

// llamaOfChat answers what is asked of a chat that is not to be answered itself.
func llamaOfChat(q Request, answer func(text string) object) (int, string) {
	b, err := readBody(q)
	if err != nil {
		return 400, llamaError(400, err.Error())
	}
	a, err := b.chat()
	if err != nil {
		return 400, llamaError(400, err.Error())
	}
	return 200, marshal(answer(a.text))
}

func llamaLoad(e *Engine, q Request) (int, string) {
	if _, found := e.model(q.Model); !found {
		return 404, llamaError(404, "model is not found")
	}
	e.load(q.Model)
	return 200, `{"success":true}`
}

func llamaUnload(e *Engine, q Request) (int, string) {
	if !e.unload(q.Model) {
		return 400, llamaError(400, "model is not loaded")
	}
	return 200, `{"success":true}`
}
