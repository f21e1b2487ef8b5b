package backends

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

var llamacpp = maker{
	kind:         KindLlamaCPP,
	label:        "llama.cpp",
	places:       func() []string { return []string{"http://127.0.0.1:8080", "http://127.0.0.1:9931"} }, // as long, and of late
	probe:        probeLlamaCPP,
	study:        studyLlamaCPP,
	unload:       unloadLlamaCPP,
	inspect:      inspectLlamaCPP,
	advice:       "start it with `llama-server -m MODEL`",
	preallocated: true,
	parallelHint: "start llama-server with -np N",
}

// autoSlots is how many slots llama-server has where -np is not given. They then
// share one pool of KV memory; with -np the pool is split among them.
const autoSlots = 4

// llamaProps is what we read of GET /props.
type llamaProps struct {
	TotalSlots *int `json:"total_slots"` // absent in the router, which starts a server for each model
	Defaults   struct {
		Context int `json:"n_ctx"` // of one slot, in tokens
	} `json:"default_generation_settings"`
	Build    string `json:"build_info"`
	File     string `json:"model_path"`
	Role     string `json:"role"` // "router"
	Quant    string `json:"model_ftype"`
	Sleeping bool   `json:"is_sleeping"`

	Modalities struct {
		Vision bool `json:"vision"`
	} `json:"modalities"`
}

// llamaModels is what we read of GET /v1/models.
type llamaModels struct {
	Data []struct {
		ID    string `json:"id"`
		Owner string `json:"owned_by"`
		Meta  *struct {
			Size       int64   `json:"size"`
			Parameters float64 `json:"n_params"`
			Trained    int     `json:"n_ctx_train"`
		} `json:"meta"`
		Status *struct {
			Value string `json:"value"`
		} `json:"status"` // only in the router
	} `json:"data"`
}

// probeLlamaCPP reads the properties and the list. Neither wakes a server that
// sleeps.
func probeLlamaCPP(ctx context.Context, c *http.Client, base *url.URL) (report, error) {
	var props llamaProps
	if err := getJSON(ctx, c, base.JoinPath("props"), "llama.cpp", &props); err != nil {
		if odd, ok := errors.AsType[*unexpected](err); ok && odd.loading {
			return report{}, &notReady{"is still loading its model"}
		}
		return report{}, fmt.Errorf("properties: %w", err)
	}
	if props.TotalSlots == nil && props.Role != "router" {
		return report{}, &unexpected{what: "not as llama.cpp does"}
	}
	var list llamaModels
	if err := getJSON(ctx, c, base.JoinPath("v1", "models"), "llama.cpp", &list); err != nil {
		return report{}, fmt.Errorf("list of models: %w", err)
	}
	r := report{version: props.Build}
	if props.TotalSlots != nil {
		r.slots, r.kvTokens = max(*props.TotalSlots, 0), props.pool()
	}
	for _, m := range list.Data {
		if m.Owner == koboldName {
			return report{}, &unexpected{what: "as KoboldCpp does"}
		}
		model := Model{Name: m.ID, Loaded: !props.Sleeping, Quant: props.Quant,
			Context: max(props.Defaults.Context, 0), Vision: props.Modalities.Vision}
		if m.Status != nil {
			model.Loaded = m.Status.Value == "loaded"
		} else {
			model.file = props.File
		}
		if m.Meta != nil {
			model.Size, model.Parameter = m.Meta.Size, billions(m.Meta.Parameters)
			model.Memory.ContextMax = max(m.Meta.Trained, 0)
		}
		r.models = append(r.models, model)
	}
	return r, nil
}

// studyLlamaCPP lets a server sleep: a request, though an empty one, might wake it.
func studyLlamaCPP(ctx context.Context, c *http.Client, base *url.URL) (facts, error) {
	var props llamaProps
	if err := getJSON(ctx, c, base.JoinPath("props"), "llama.cpp", &props); err != nil || props.Sleeping {
		return facts{apis: []API{OpenAIAPI}}, err
	}
	apis, err := studyAPIs(ctx, c, base)
	return facts{apis: apis}, err
}

// inspectLlamaCPP reads the file of the model that a server on this machine runs,
// which is the user's own. The server itself tells nothing of its layers.
func inspectLlamaCPP(_ context.Context, _ *http.Client, base *url.URL, m Model) (ModelMemory, error) {
	if m.file == "" || !parsePlace(base.String()).local() {
		return ModelMemory{}, nil
	}
	return ReadModelFile(m.file)
}

// pool is how many tokens the KV memory holds. The server does not tell whether
// its slots share the context or each have their own, only how much one may
// use. Any other number of slots than the default was asked for with -np, which
// splits it; with the default number the smaller pool is assumed, since a shared
// one that overflows ends every request in it.
func (p *llamaProps) pool() int {
	if *p.TotalSlots == autoSlots {
		return max(p.Defaults.Context, 0)
	}
	return max(p.Defaults.Context, 0) * max(*p.TotalSlots, 0)
}

// billions is a number of parameters as Ollama writes it: "8.0B"; "" = not told.
func billions(parameters float64) string {
	switch {
	case parameters >= 1e9:
		return fmt.Sprintf("%.1fB", parameters/1e9)
	case parameters > 0:
		return fmt.Sprintf("%.0fM", parameters/1e6)
	}
	return ""
}

// unloadLlamaCPP has a router end the server of a model.
func unloadLlamaCPP(ctx context.Context, c *http.Client, base *url.URL, model string) error {
	var props llamaProps
	if err := getJSON(ctx, c, base.JoinPath("props"), "llama.cpp", &props); err != nil {
		return err
	}
	if props.Role != "router" {
		return fmt.Errorf("%w: llama-server keeps its model until it ends", ErrCannotUnload)
	}
	answer, err := sendJSON(ctx, c, base.JoinPath("models", "unload"), map[string]any{"model": model})
	switch {
	case err != nil:
		return err
	case answer.status == http.StatusBadRequest && strings.Contains(string(answer.body), "model is not "): // running, or loaded
		return nil
	}
	return answer.refusal()
}
