package backends

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
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

	inspect: inspectOllama,

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
		if m.Details.Family == koboldName {
			return report{}, &unexpected{what: "as KoboldCpp does"}
		}
		on, loaded := inMemory[m.Name]
		family := m.Details.Family
		r.models = append(r.models, Model{
			Name: m.Name, Loaded: loaded, Size: m.Size, VRAM: on.SizeVRAM, Context: on.ContextLength,
			Family: family, Parameter: m.Details.ParameterSize, Quant: m.Details.QuantizationLevel,
			Embedding: strings.Contains(family, "bert"), Slots: ollamaSlots(family),
			Digest: m.Digest, Memory: ModelMemory{LoadedBytes: uint64(max(on.Size, 0))},
		})
	}
	return r, nil
}

// inspectOllama asks for a model's metadata, for which Ollama reads the head of
// its file.
func inspectOllama(ctx context.Context, c *http.Client, base *url.URL, m Model) (ModelMemory, error) {
	shown, err := api.NewClient(base, c).Show(ctx, &api.ShowRequest{Model: m.Name})
	if err != nil {
		return ModelMemory{}, err
	}
	tensors := make([]tensor, len(shown.Tensors))
	for i, t := range shown.Tensors {
		tensors[i] = tensor{t.Name, t.Shape}
	}
	memory := newModelMemory(shown.ModelInfo, tensors)
	memory.WorkPerToken = ollamaWork(memory)
	memory.ContextSet = ollamaParameter(shown.Parameters, "num_ctx")
	memory.asOllama()
	return memory, nil
}

// ollamaParameter is a number among the parameters of a model, a line each; 0 =
// it sets none.
func ollamaParameter(parameters, name string) int {
	for line := range strings.Lines(parameters) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == name {
			n, _ := strconv.Atoi(fields[1])
			return max(n, 0)
		}
	}
	return 0
}

// asOllama adds what its own runner keeps beyond what a model needs: for gpt-oss
// 4096 tokens instead of a window, and of states 24 older copies for each request
// (kvcache, model/models/gptoss in 0.17.4), not all of them at once.
func (m *ModelMemory) asOllama() {
	const keptTokens, keptStates = 4096, 24
	if m.Window > 0 && strings.HasPrefix(strings.ReplaceAll(m.Architecture, "-", ""), "gptoss") {
		m.Window = max(m.Window, keptTokens)
	}
	if m.StateBytes > 0 {
		m.StateBytes *= 1 + keptStates
		m.AtMost = true
	}
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
