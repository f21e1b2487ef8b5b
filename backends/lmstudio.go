package backends

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

var lmstudio = maker{
	kind:         KindLMStudio,
	label:        "LM Studio",
	places:       func() []string { return []string{"http://127.0.0.1:1234"} },
	probe:        probeLMStudio,
	study:        studyLMStudio,
	unload:       unloadLMStudio,
	advice:       "start it with `lms server start`",
	preallocated: true,
	parallelHint: "set Max Concurrent Predictions where the model is loaded",
}

// lmModels is what we read of GET /api/v1/models, which LM Studio has since 0.4.0.
type lmModels struct {
	Models []lmModel `json:"models"`
}

type lmModel struct {
	Type         string `json:"type"` // llm, embedding
	Key          string `json:"key"`
	Architecture string `json:"architecture"`
	Size         int64  `json:"size_bytes"`
	Parameters   string `json:"params_string"`
	Context      int    `json:"max_context_length"`
	Quantization struct {
		Name string `json:"name"`
	} `json:"quantization"`
	Instances []struct {
		ID     string `json:"id"`
		Config struct {
			Context  int `json:"context_length"`
			Parallel int `json:"parallel"` // Max Concurrent Predictions; not every version tells it
		} `json:"config"`
	} `json:"loaded_instances"`
	Capabilities struct {
		Vision bool `json:"vision"`
		Tools  bool `json:"trained_for_tool_use"`
	} `json:"capabilities"`
}

// lmOldModels is what we read of GET /api/v0/models, which came with 0.3.6.
type lmOldModels struct {
	Data []struct {
		ID            string   `json:"id"`
		Type          string   `json:"type"` // llm, vlm, embeddings
		Architecture  string   `json:"arch"`
		Quantization  string   `json:"quantization"`
		State         string   `json:"state"` // loaded, not-loaded
		Context       int      `json:"max_context_length"`
		LoadedContext int      `json:"loaded_context_length"`
		Capabilities  []string `json:"capabilities"` // tool_use
	} `json:"data"`
}

// probeLMStudio reads the list of models, which tells those that are loaded, too.
// LM Studio answers 200 with an error to a route that it does not have.
func probeLMStudio(ctx context.Context, c *http.Client, base *url.URL) (report, error) {
	var list lmModels
	err := getJSON(ctx, c, base.JoinPath("api", "v1", "models"), "LM Studio", &list)
	if other, ok := errors.AsType[*unexpected](err); err != nil && (!ok || other.key) {
		return report{}, fmt.Errorf("list of models: %w", err)
	}
	if err == nil && list.Models != nil {
		return report{version: "0.4 or newer", models: list.models()}, nil
	}
	var old lmOldModels
	if err := getJSON(ctx, c, base.JoinPath("api", "v0", "models"), "LM Studio", &old); err != nil {
		return report{}, fmt.Errorf("list of models: %w", err)
	}
	if old.Data == nil {
		return report{}, &unexpected{what: "not as LM Studio does"}
	}
	return report{version: "0.3", models: old.models()}, nil
}

// models lists each model by its key, and each loaded instance that has a name of
// its own by that.
func (l lmModels) models() []Model {
	var all []Model
	for _, m := range l.Models {
		model := Model{Name: m.Key, Size: m.Size, Family: m.Architecture, Parameter: m.Parameters, Quant: m.Quantization.Name,
			Embedding: m.Type == "embedding", Context: m.Context, Vision: m.Capabilities.Vision, Tools: m.Capabilities.Tools,
			Memory: ModelMemory{ContextMax: m.Context}}
		for _, i := range m.Instances {
			loaded := model
			loaded.Name, loaded.Loaded = i.ID, true
			loaded.Context, loaded.Slots = cmp.Or(i.Config.Context, m.Context), i.Config.Parallel
			if i.ID == m.Key {
				model = loaded
				continue
			}
			all = append(all, loaded)
		}
		all = append(all, model)
	}
	return all
}

func (l lmOldModels) models() []Model {
	var all []Model
	for _, m := range l.Data {
		all = append(all, Model{Name: m.ID, Loaded: m.State == "loaded", Family: m.Architecture, Quant: m.Quantization,
			Embedding: m.Type == "embeddings", Context: cmp.Or(m.LoadedContext, m.Context), Vision: m.Type == "vlm",
			Tools: len(m.Capabilities) > 0, Memory: ModelMemory{ContextMax: m.Context}})
	}
	return all
}

func studyLMStudio(ctx context.Context, c *http.Client, base *url.URL) (facts, error) {
	apis, err := studyAPIs(ctx, c, base)
	return facts{apis: apis}, err
}

// unloadLMStudio has LM Studio give an instance up. It has the route since 0.4.0.
func unloadLMStudio(ctx context.Context, c *http.Client, base *url.URL, model string) error {
	answer, err := sendJSON(ctx, c, base.JoinPath("api", "v1", "models", "unload"), map[string]any{"instance_id": model})
	switch {
	case err != nil:
		return err
	case strings.Contains(string(answer.body), "Unexpected endpoint"):
		return fmt.Errorf("%w: LM Studio can be told to since 0.4; until then use `lms unload`", ErrCannotUnload)
	case answer.status == http.StatusNotFound:
		return nil // it is not loaded
	}
	return answer.refusal()
}
