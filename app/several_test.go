package app_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"carpool/app"
	"carpool/app/fit"
	"carpool/backends/backendstest"
)

// TestEnginesOfOneGPU has an Ollama and an LM Studio share a GPU, by their kinds.
func TestEnginesOfOneGPU(t *testing.T) {
	ollama, lmstudio := backendstest.New(t), backendstest.NewLMStudio(t)
	lmstudio.SetModels("there")
	o := options(t)
	o.Engine = ""
	a, err := app.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range [][2]string{
		{"engines.discover", "false"},
		{"engines.list", "here=" + ollama.URL + ", other=lmstudio " + lmstudio.URL},
		{"engines.gpu_group", "ollama=0, lmstudio=0"},
		{"batching.mode", "fixed"}, {"batching.max_batch_size", "3"},
	} {
		if err := a.Set(t.Context(), s[0], s[1]); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(t.Context()) }()
	defer func() {
		a.Quit()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	s := until(t, a, "both are up, in a group", func(s app.Snapshot) bool {
		return len(s.Engines) == 2 && s.Engines[0].Group == "0" && s.Engines[1].Group == "0" && serves(s) && s.Engines[1].Health == "up"
	})
	if s.Engines[0].Name != "here" || !strings.Contains(s.Basis, "Ollama (here)") || !strings.Contains(s.Basis, "LM Studio (other)") {
		t.Errorf("%s: %+v", s.Basis, s.Engines)
	}

	ollama.Hold()
	lmstudio.Hold()
	var clients sync.WaitGroup
	for i := range 8 {
		model := []string{"tiny", "there"}[i%2]
		clients.Go(func() {
			res, err := http.Post(s.Endpoint+"/api/chat", "application/json", strings.NewReader(`{"model":"`+model+`","messages":[{"role":"user","content":"nonce:x"}]}`))
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = res.Body.Close() }()
			if got, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(got), `"done":true`) {
				t.Errorf("%s: %q, %v", model, got, err)
			}
		})
	}
	until(t, a, "three run and five wait", func(s app.Snapshot) bool { return s.Batching.InFlight == 3 && s.Batching.QueueDepth == 5 })
	if both := ollama.Running() + lmstudio.Running(); both > 3 {
		t.Errorf("%d run on one GPU, want 3", both)
	}
	ollama.Release()
	lmstudio.Release()
	clients.Wait()
}

// TestModelsThatAreLookedAtBeforeTheyAreLoaded has an Ollama tell what a model is
// made of: Llama 3.1 8B, 128 KiB per token.
func TestModelsThatAreLookedAtBeforeTheyAreLoaded(t *testing.T) {
	e := backendstest.New(t)
	e.SetModels("llama3.1:8b", "tiny:latest")
	e.Show("llama3.1:8b", `{"details":{},"model_info":{"general.architecture":"llama","llama.block_count":32,"llama.embedding_length":4096,"llama.attention.head_count":32,"llama.attention.head_count_kv":8,"llama.context_length":131072}}`)
	o := options(t)
	o.Engine = e.URL
	a := start(t, o)
	s := until(t, a, "the model is known", func(s app.Snapshot) bool { return len(s.Fits) == 2 && s.Fits[0].Known })
	if f := s.Fits[0]; f.Model != "llama3.1:8b" || f.KVPerToken != 128<<10 || f.Weights != 1048576 || f.Loaded || f.Slots != 1 || f.Words == "" {
		t.Errorf("%+v", f)
	}
	tables, err := a.EngineMemory(fit.Question{Model: "llama3.1:8b", Slots: 8, Context: 32768})
	if err != nil || len(tables) != 1 || tables[0].Now.KV != 32<<30 || len(tables[0].Rows) != 5 {
		t.Errorf("%+v, %v", tables, err)
	}
	if tables, err := a.EngineMemory(fit.Question{Model: "tiny"}); err != nil || len(tables) != 1 || tables[0].Now.Known || len(tables[0].Rows) != 0 {
		t.Errorf("without metadata %+v, %v", tables, err)
	}
	if tables, err := a.EngineMemory(fit.Question{}); err != nil || len(tables) != 0 {
		t.Errorf("none is loaded, nor was used, but %+v, %v", tables, err)
	}
	if _, err := a.EngineMemory(fit.Question{Model: "nope"}); err == nil || !strings.Contains(err.Error(), "nope") {
		t.Errorf("%v", err)
	}
	if n := e.Hits("/api/show"); n != 2 {
		t.Errorf("%d questions for 2 models", n)
	}
}
