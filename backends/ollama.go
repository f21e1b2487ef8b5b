package backends

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/ollama/ollama/api"
	"golang.org/x/mod/semver"
)

const defaultOllama = "http://127.0.0.1:11434"

var ollama = maker{
	kind:   KindOllama,
	label:  "Ollama",
	places: ollamaPlaces,
	probe:  probeOllama,
	unload: unloadOllama,
	advice: "start it with `ollama serve`",

	preallocated: true,
	parallelHint: "set OLLAMA_NUM_PARALLEL",
}

// ollamaPlaces are where its own programs look, and where it is by default.
func ollamaPlaces() []string {
	if host := os.Getenv("OLLAMA_HOST"); host != "" {
		return []string{host, defaultOllama}
	}
	return []string{defaultOllama}
}

// probeOllama reads the version and the lists. None of these loads a model, and
// no call tells how many requests Ollama runs at once.
func probeOllama(ctx context.Context, c *http.Client, base *url.URL) (report, error) {
	client := api.NewClient(base, c)
	version, err := client.Version(ctx)
	if err != nil {
		return report{}, fmt.Errorf("version: %w", understood(err))
	}
	if version == "" {
		return report{}, &unexpected{what: "not as Ollama does"}
	}
	list, err := client.List(ctx)
	if err != nil {
		return report{}, fmt.Errorf("list of models: %w", understood(err))
	}
	running, err := client.ListRunning(ctx)
	if err != nil {
		return report{}, fmt.Errorf("list of loaded models: %w", understood(err))
	}
	inMemory := make(map[string]api.ProcessModelResponse)
	for _, m := range running.Models {
		inMemory[m.Name] = m
	}
	r := report{version: version, apis: ollamaAPIs(version)}
	for _, m := range list.Models {
		on, loaded := inMemory[m.Name]
		family := m.Details.Family
		r.models = append(r.models, Model{
			Name: m.Name, Loaded: loaded, Size: m.Size, VRAM: on.SizeVRAM, Context: on.ContextLength,
			Family: family, Parameter: m.Details.ParameterSize, Quant: m.Details.QuantizationLevel,
			Embedding: strings.Contains(family, "bert"), Slots: ollamaSlots(family),
			Digest: m.Digest,
		})
	}
	return r, nil
}

// ollamaSince are the versions from which on Ollama serves a newer API.
var ollamaSince = map[API]string{ResponsesAPI: "v0.13.3", AnthropicAPI: "v0.14.0"}

// ollamaAPIs are what a version serves. One that is no release has them all.
func ollamaAPIs(version string) []API {
	apis := []API{OllamaAPI, OpenAIAPI}
	v := "v" + version
	for _, n := range newerAPIs {
		if !semver.IsValid(v) || semver.Compare(v, "v0.0.0") == 0 || semver.Compare(v, ollamaSince[n.api]) >= 0 {
			apis = append(apis, n.api)
		}
	}
	return apis
}

// ollamaSlots is 1 for the families that Ollama runs one request at a time
// whatever OLLAMA_NUM_PARALLEL says: those that only embed, and those that it
// does not trust with more. 0 = as it was set.
func ollamaSlots(family string) int {
	single := strings.Contains(family, "bert") || family == "mllama"
	for _, prefix := range []string{"qwen3vl", "qwen35", "qwen3next", "lfm2", "nemotron_h"} {
		single = single || strings.HasPrefix(family, prefix)
	}
	if single {
		return 1
	}
	return 0
}

// understood marks errors that say: somebody is there, but not as expected.
func understood(err error) error {
	var status api.StatusError
	var stranger api.AuthorizationError
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &stranger), errors.As(err, &status) && status.StatusCode == http.StatusForbidden:
		return &unexpected{what: wantsKey, key: true}
	case errors.As(err, &status):
		return &unexpected{what: fmt.Sprintf("with status %d", status.StatusCode)}
	case errors.As(err, &syntax), errors.As(err, &typed):
		return &unexpected{what: "not as Ollama does"}
	}
	return err
}

// unloadOllama asks for nothing, to be kept for no time: what `ollama stop` does.
// Requests in flight end first.
func unloadOllama(ctx context.Context, c *http.Client, base *url.URL, model string) error {
	answer, err := sendJSON(ctx, c, base.JoinPath("api", "generate"), map[string]any{"model": model, "keep_alive": 0})
	if err != nil {
		return err
	}
	return answer.refusal()
}
