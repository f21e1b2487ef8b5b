package backends

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"
)

const (
	demoVersion    = "0.17.4-carpool-demo" // of the dialect it speaks
	demoSize       = 5000 << 20            // bytes that the model pretends to have
	demoDigest     = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00"
	demoDimensions = 256
	demoContext    = 4096
)

var demoDetails = api.ModelDetails{
	Format:            "simulated",
	Family:            "simulated",
	Families:          []string{"simulated"},
	ParameterSize:     "0B",
	QuantizationLevel: "none",
}

func (d *Demo) ollamaRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "Ollama is running")
	})
	reply := func(body any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { writeNative(w, http.StatusOK, body) }
	}
	mux.HandleFunc("GET /api/version", reply(map[string]string{"version": demoVersion}))
	mux.HandleFunc("GET /api/status", reply(api.StatusResponse{Cloud: api.CloudStatus{Disabled: true, Source: "demo"}}))
	mux.HandleFunc("GET /api/tags", reply(d.list()))
	mux.HandleFunc("GET /api/ps", func(w http.ResponseWriter, _ *http.Request) { writeNative(w, http.StatusOK, d.loaded()) })
	mux.HandleFunc("POST /api/show", d.ollamaShow)
	mux.HandleFunc("POST /api/generate", d.ollamaGenerate)
	mux.HandleFunc("POST /api/chat", d.ollamaChat)
	mux.HandleFunc("POST /api/embed", d.ollamaEmbed)
	mux.HandleFunc("POST /api/embeddings", d.ollamaEmbeddings)
	for _, managed := range []string{
		"POST /api/pull", "POST /api/push", "POST /api/create", "POST /api/copy", "DELETE /api/delete",
		"POST /api/blobs/{digest}", "HEAD /api/blobs/{digest}", "POST /api/me", "POST /api/signout",
	} {
		mux.HandleFunc(managed, func(w http.ResponseWriter, _ *http.Request) {
			writeNative(w, http.StatusNotImplemented, ollamaError(0, "the demo engine is simulated and has no models to manage: start Ollama for that"))
		})
	}
}

func ollamaError(_ int, message string) any { return map[string]string{"error": message} }

// writeNative answers with the content type of Ollama's own API.
func writeNative(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	writeJSON(w, status, body)
}

// list is the answer of /api/tags.
func (d *Demo) list() api.ListResponse {
	return api.ListResponse{Models: []api.ListModelResponse{{
		Name: DemoModel + ":latest", Model: DemoModel + ":latest", ModifiedAt: d.start.UTC(),
		Size: demoSize, Digest: demoDigest, Details: demoDetails,
	}}}
}

// loaded is the answer of /api/ps: the demo model never leaves.
func (d *Demo) loaded() api.ProcessResponse {
	d.mu.Lock()
	memory := d.machine.Memory()
	d.mu.Unlock()
	return api.ProcessResponse{Models: []api.ProcessModelResponse{{
		Name: DemoModel + ":latest", Model: DemoModel + ":latest",
		Size: int64(memory) << 20, SizeVRAM: int64(memory) << 20, Digest: demoDigest, Details: demoDetails,
		ExpiresAt: time.Now().Add(5 * time.Minute), ContextLength: demoContext,
	}}}
}

func (d *Demo) ollamaShow(w http.ResponseWriter, r *http.Request) {
	var req api.ShowRequest
	if !readJSON(w, r, ollamaError, &req) {
		return
	}
	if req.Model == "" {
		req.Model = req.Name //nolint:staticcheck // deprecated, but older clients send it
	}
	if !demoKnows(req.Model) {
		writeNative(w, http.StatusNotFound, ollamaError(0, demoNotFound(req.Model)))
		return
	}
	writeNative(w, http.StatusOK, api.ShowResponse{
		Modelfile:    "# simulated by Carpool\nFROM " + DemoModel + "\n",
		Template:     "{{ .Prompt }}",
		Details:      demoDetails,
		ModelInfo:    map[string]any{"general.architecture": "simulated", "simulated.context_length": demoContext, "simulated.embedding_length": demoDimensions},
		Capabilities: []model.Capability{model.CapabilityCompletion, model.CapabilityEmbedding},
		ModifiedAt:   d.start.UTC(),
	})
}

func (d *Demo) ollamaChat(w http.ResponseWriter, r *http.Request) {
	var req api.ChatRequest
	if !readJSON(w, r, ollamaError, &req) {
		return
	}
	if len(req.Messages) == 0 && demoKnows(req.Model) {
		writeNative(w, http.StatusOK, api.ChatResponse{
			Model: req.Model, CreatedAt: time.Now().UTC(), Message: api.Message{Role: "assistant"},
			Done: true, DoneReason: loadReason(req.KeepAlive),
		})
		return
	}
	d.serveChat(w, r, native(func(r api.ChatResponse) any { return r }), &req)
}

func (d *Demo) ollamaGenerate(w http.ResponseWriter, r *http.Request) {
	var req api.GenerateRequest
	if !readJSON(w, r, ollamaError, &req) {
		return
	}
	if req.Prompt == "" && demoKnows(req.Model) {
		writeNative(w, http.StatusOK, api.GenerateResponse{
			Model: req.Model, CreatedAt: time.Now().UTC(), Done: true, DoneReason: loadReason(req.KeepAlive),
		})
		return
	}
	d.serveChat(w, r, native(func(r api.ChatResponse) any { return generated(r) }), generateAsChat(req))
}

// native is Ollama's own dialect; shape turns a part of an answer into the one of its route.
func native(shape func(api.ChatResponse) any) dialect {
	return dialect{
		fail:   ollamaError,
		stream: "application/x-ndjson",
		json:   "application/json; charset=utf-8",
		chunk:  func(w io.Writer, r api.ChatResponse) error { return json.NewEncoder(w).Encode(shape(r)) },
		whole:  shape,
	}
}

// generateAsChat asks the same as a chat.
func generateAsChat(req api.GenerateRequest) *api.ChatRequest {
	return &api.ChatRequest{
		Model: req.Model, Stream: req.Stream, Options: req.Options,
		Messages: []api.Message{{Role: "system", Content: req.System}, {Role: "user", Content: req.Prompt}},
	}
}

// generated is a part of a chat's answer as /api/generate writes it.
func generated(r api.ChatResponse) api.GenerateResponse {
	return api.GenerateResponse{
		Model: r.Model, CreatedAt: r.CreatedAt, Response: r.Message.Content,
		Done: r.Done, DoneReason: r.DoneReason, Metrics: r.Metrics,
	}
}

// loadReason is how Ollama answers a request without a prompt.
func loadReason(keep *api.Duration) string {
	if keep != nil && keep.Duration == 0 {
		return "unload"
	}
	return "load"
}

func (d *Demo) ollamaEmbed(w http.ResponseWriter, r *http.Request) {
	var req api.EmbedRequest
	if !readJSON(w, r, ollamaError, &req) {
		return
	}
	if !demoKnows(req.Model) {
		writeNative(w, http.StatusNotFound, ollamaError(0, demoNotFound(req.Model)))
		return
	}
	texts, ok := embedInput(req.Input)
	if !ok {
		writeNative(w, http.StatusBadRequest, ollamaError(0, "invalid input type"))
		return
	}
	began := time.Now()
	vectors, prompt, err := d.embed(r.Context(), texts, req.Dimensions)
	if err != nil {
		writeNative(w, http.StatusServiceUnavailable, ollamaError(0, err.Error()))
		return
	}
	writeNative(w, http.StatusOK, api.EmbedResponse{
		Model: req.Model, Embeddings: vectors, TotalDuration: time.Since(began), LoadDuration: 1, PromptEvalCount: prompt,
	})
}

func (d *Demo) ollamaEmbeddings(w http.ResponseWriter, r *http.Request) {
	var req api.EmbeddingRequest
	if !readJSON(w, r, ollamaError, &req) {
		return
	}
	if !demoKnows(req.Model) {
		writeNative(w, http.StatusNotFound, ollamaError(0, demoNotFound(req.Model)))
		return
	}
	answer := api.EmbeddingResponse{Embedding: []float64{}}
	if req.Prompt != "" {
		vectors, _, err := d.embed(r.Context(), []string{req.Prompt}, 0)
		if err != nil {
			writeNative(w, http.StatusServiceUnavailable, ollamaError(0, err.Error()))
			return
		}
		for _, x := range vectors[0] {
			answer.Embedding = append(answer.Embedding, float64(x))
		}
	}
	writeNative(w, http.StatusOK, answer)
}

// embedInput reads the texts of a request: one or a list. Nothing, as well as
// one empty text, is no text at all, as with Ollama.
func embedInput(input any) ([]string, bool) {
	switch in := input.(type) {
	case nil:
		return nil, true
	case string:
		if in == "" {
			return nil, true
		}
		return []string{in}, true
	case []any:
		texts := make([]string, 0, len(in))
		for _, v := range in {
			text, ok := v.(string)
			if !ok {
				return nil, false
			}
			texts = append(texts, text)
		}
		return texts, true
	}
	return nil, false
}
