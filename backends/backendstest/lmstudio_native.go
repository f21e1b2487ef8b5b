package backendstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// lmStudioV0 is an entry of GET /api/v0/models.
func lmStudioV0(_ *Engine, m listed) object {
	kind, state := "llm", "not-loaded"
	switch {
	case m.Embedding:
		kind = "embeddings"
	case m.Vision:
		kind = "vlm"
	}
	if m.loaded {
		state = "loaded"
	}
	publisher, _, _ := strings.Cut(m.Name, "/")
	return object{
		"id": m.Name, "object": "model", "type": kind, "publisher": publisher, "arch": m.Arch, "compatibility_type": m.Format,
		"quantization": m.Quant, "state": state, "max_context_length": m.Context,
	}
}

// lmStudioV1 is an entry of GET /api/v1/models. The docs do not show parallel
// in config; 0.4 has it.
func lmStudioV1(e *Engine, m listed) object {
	publisher, _, _ := strings.Cut(m.Name, "/")
	instances := []object{}
	if m.loaded {
		instances = append(instances, object{"id": m.Name, "config": e.lmStudioConfig(m)})
	}
	entry := object{
		"type": lmStudioType(m), "publisher": publisher, "key": m.Name, "display_name": m.Name, "quantization": object{"name": m.Quant, "bits_per_weight": 4},
		"size_bytes": m.Size, "params_string": m.Params, "loaded_instances": instances, "max_context_length": m.Context, "format": m.Format,
	}
	if !m.Embedding {
		entry["architecture"], entry["description"] = m.Arch, nil
		entry["capabilities"] = object{"vision": m.Vision, "trained_for_tool_use": m.Tools}
	}
	return entry
}

func lmStudioType(m listed) string {
	if m.Embedding {
		return "embedding"
	}
	return "llm"
}

func (e *Engine) lmStudioConfig(m listed) object {
	e.mu.Lock()
	defer e.mu.Unlock()
	config := object{"context_length": min(e.context, m.Context)}
	if !m.Embedding {
		config["parallel"], config["eval_batch_size"], config["flash_attention"] = e.slots, 512, true
	}
	return config
}

func (e *Engine) lmStudioLoad(w http.ResponseWriter, r *http.Request) {
	q := e.seen(r, true)
	var body struct {
		Context int  `json:"context_length"`
		Echo    bool `json:"echo_load_config"`
	}
	_ = json.Unmarshal(q.Body, &body) // what is not JSON names no model
	w.Header().Set("Content-Type", "application/json")
	m, found := e.model(q.Model)
	if !found {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, lmStudioError(fmt.Sprintf("Model %q not found", q.Model), "model_not_found", "model_not_found")) // the client may have gone
		return
	}
	if body.Context > 0 {
		e.SetContext(body.Context)
	}
	e.load(m.Name)
	answer := object{"type": lmStudioType(m), "instance_id": m.Name, "load_time_seconds": 0.5, "status": "loaded"}
	if body.Echo {
		answer["load_config"] = e.lmStudioConfig(m)
	}
	_, _ = io.WriteString(w, marshal(answer)) // the client may have gone
}

func (e *Engine) lmStudioUnload(w http.ResponseWriter, r *http.Request) {
	q := e.seen(r, true)
	var body struct {
		Instance string `json:"instance_id"`
	}
	_ = json.Unmarshal(q.Body, &body) // what is not JSON names no instance
	w.Header().Set("Content-Type", "application/json")
	answer := marshal(object{"instance_id": body.Instance})
	if !e.unload(body.Instance) {
		w.WriteHeader(http.StatusNotFound)
		answer = lmStudioError(fmt.Sprintf("Model instance %q not found", body.Instance), "model_not_found", "model_not_found")
	}
	_, _ = io.WriteString(w, answer) // the client may have gone
}

// lmStudioStats is what the routes under /api/v0 tell besides.
func lmStudioStats(e *Engine, m listed, r reply) object {
	reason := map[string]string{"stop": "eosFound", "length": "maxPredictedTokensReached", "tool_calls": "toolCalls"}[r.finish]
	if r.word != "" {
		reason = "stopStringFound"
	}
	context := get(e, func() int { return e.context })
	return object{
		"stats":      object{"tokens_per_second": 1000.0, "time_to_first_token": 0.002, "generation_time": float64(r.tokens()) / 1000, "stop_reason": reason},
		"model_info": object{"arch": m.Arch, "quant": m.Quant, "format": m.Format, "context_length": context},
		"runtime":    object{"name": "llama.cpp-linux-x86_64", "version": "1.3.0", "supported_formats": []string{"gguf"}},
	}
}

// nativeChat answers /api/v1/chat.
func (w *wire) nativeChat(e *Engine) answerer {
	return func(q Request, s Script) frames {
		loaded := e.Loaded()
		model, _, r, no := w.ask(e, q, s, func(*chatBody) (wish, error) { return nativeInput(q) })
		if no != nil && no.status == 0 {
			no.body = named("error", marshal(object{"type": "error", "error": object{"type": "invalid_request", "message": no.message}}))
		}
		if no != nil {
			return w.refused(e, no)
		}
		say := func(kind string, more object) string {
			return named(kind, marshal(merge(object{"type": kind}, more)))
		}
		output := []object{}
		if len(r.thought) > 0 {
			output = append(output, object{"type": "reasoning", "content": strings.Join(r.thought, "")})
		}
		if len(r.text) > 0 {
			output = append(output, object{"type": "message", "content": r.content()})
		}
		result := object{
			"model_instance_id": model.Name, "output": output, "response_id": "resp_" + q.id(),
			"stats": object{
				"input_tokens": r.prompt, "total_output_tokens": r.tokens(), "reasoning_output_tokens": len(r.thought),
				"tokens_per_second": 1000.0, "time_to_first_token_seconds": 0.002,
			},
		}
		instance := object{"model_instance_id": model.Name}
		f := w.base(e)
		f.whole = marshal(result)
		f.open = say("chat.start", instance)
		if !slices.Contains(loaded, model.Name) {
			f.open += say("model_load.start", instance) + say("model_load.progress", merge(object{"progress": 1.0}, instance)) + say("model_load.end", merge(object{"load_time_seconds": 0.5}, instance))
		}
		f.open += say("prompt_processing.start", nil) + say("prompt_processing.progress", object{"progress": 1.0}) + say("prompt_processing.end", nil)
		f.tokens = append(spoken(say, "reasoning", r.thought), spoken(say, "message", r.text)...)
		f.mark = say("chat.end", object{"result": result})
		f.broken = func(message string) string {
			return say("error", object{"error": object{"type": "internal_error", "message": message}}) + f.mark
		}
		return f
	}
}

// spoken frames the tokens of one output; start and end come with the first and
// the last.
func spoken(say func(string, object) string, kind string, tokens []string) []string {
	events := []string{}
	for _, t := range tokens {
		events = append(events, say(kind+".delta", object{"content": t}))
	}
	if n := len(events); n > 0 {
		events[0] = say(kind+".start", nil) + events[0]
		events[n-1] += say(kind+".end", nil)
	}
	return events
}

// nativeInput reads the request of /api/v1/chat: its input is a text, or texts
// and images.
func nativeInput(q Request) (wish, error) {
	var body struct {
		Input  json.RawMessage `json:"input"`
		System string          `json:"system_prompt"`
		Limit  int             `json:"max_output_tokens"`
		Reason string          `json:"reasoning"`
	}
	if err := json.Unmarshal(q.Body, &body); err != nil {
		return wish{}, fmt.Errorf("invalid JSON: %w", err)
	}
	a := wish{limit: max(0, body.Limit), thinking: body.Reason != "off"}
	if json.Unmarshal(body.Input, &a.user) != nil {
		var parts []struct {
			Content string `json:"content"`
			Image   string `json:"data_url"`
		}
		if err := json.Unmarshal(body.Input, &parts); err != nil {
			return wish{}, errors.New(`"input" is required`)
		}
		for _, p := range parts {
			a.user += p.Content
			if p.Image == "" {
				continue
			}
			size, err := imageSize(p.Image)
			if err != nil {
				return wish{}, err
			}
			a.images = append(a.images, size)
		}
	}
	a.text = body.System + " " + a.user
	return a, nil
}
