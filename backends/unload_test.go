package backends

import (
	"context"
	"crypto/x509"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

func TestUnload(t *testing.T) {
	const ollamaAt, lmstudioAt, llamaAt, vllmAt = "10.0.0.1:11434", "10.0.0.1:1234", "10.0.0.1:8080", "10.0.0.1:8000"
	settings := Settings{NoDiscovery: true, Keys: map[string]string{"lmstudio": "secret"}, Engines: []Source{
		{Name: "ollama", Kind: KindOllama, URL: "http://" + ollamaAt}, {Name: "lmstudio", Kind: KindLMStudio, URL: "http://" + lmstudioAt},
		{Name: "llamacpp", Kind: KindLlamaCPP, URL: "http://" + llamaAt}, {Name: "vllm", Kind: KindOpenAI, URL: "http://" + vllmAt},
	}}
	hosts := map[string]func(testing.TB) *backendstest.Engine{ollamaAt: backendstest.NewInMemory, lmstudioAt: backendstest.NewLMStudioInMemory,
		llamaAt: backendstest.NewLlamaServerInMemory, vllmAt: backendstest.NewVLLMInMemory}
	within := func(t *testing.T, test func(w *world, at map[string]*backendstest.Engine)) {
		t.Helper()
		inWorldOf(t, settings, hosts, func(w *world, at map[string]*backendstest.Engine) {
			at[lmstudioAt].SetKey("secret")
			at[llamaAt].SetRouter(true)
			for address, models := range map[string][]string{ollamaAt: {"tiny:latest", "other:latest"}, lmstudioAt: {"one", "two"}, llamaAt: {"a", "b"}} {
				at[address].SetModels(models...)
				at[address].SetLoaded(models...)
			}
			w.run()
			test(w, at)
		})
	}

	for _, tt := range []struct{ engine, address, model, own, left string }{
		{"ollama", ollamaAt, "tiny", "tiny:latest", "other:latest"},
		{"lmstudio", lmstudioAt, "one", "one", "two"},
		{"llamacpp", llamaAt, "a", "a", "b"},
	} {
		t.Run("GivesTheMemoryBackOf_"+tt.engine, func(t *testing.T) {
			within(t, func(w *world, at map[string]*backendstest.Engine) {
				if err := w.Unload(w.t.Context(), tt.engine, tt.model); err != nil {
					t.Fatal(err)
				}
				if left := at[tt.address].Loaded(); !slices.Equal(left, []string{tt.left}) {
					t.Errorf("loaded: %v", left)
				}
				w.after(probeSoonest)
				target, err := w.Target(tt.engine)
				if err != nil || target.loaded(tt.own) || !target.loaded(tt.left) {
					t.Errorf("it was not looked at again: %+v, %v", target.Models, err)
				}
				if err := w.Unload(w.t.Context(), tt.engine, tt.model); err != nil {
					t.Errorf("once more: %v", err)
				}
			})
		})
	}

	t.Run("SaysWhyItCannot", func(t *testing.T) {
		within(t, func(w *world, at map[string]*backendstest.Engine) {
			at[llamaAt].SetRouter(false)
			model := backendstest.VLLMModels[0]
			wants(t, w.Unload(w.t.Context(), "llamacpp", "a"), ErrCannotUnload, "llama-server keeps its model until it ends")
			wants(t, w.Unload(w.t.Context(), "vllm", model), ErrCannotUnload, "this engine keeps its models")
			wants(t, w.Unload(w.t.Context(), "ollama", "large"), ErrUnknownModel, "large")
			wants(t, w.Unload(w.t.Context(), "nobody", "large"), ErrNoEngine, "nobody")
			if at[vllmAt].Hits() > 4 { // its study asks each of the newer APIs once
				t.Errorf("%d requests", at[vllmAt].Hits())
			}
			at[lmstudioAt].SetKey("another")
			if err := w.Unload(w.t.Context(), "lmstudio", "one"); err == nil || err.Error() != "unload one of LM Studio: "+wantsKey {
				t.Errorf("error %v", err)
			}
			at[ollamaAt].Stop()
			if err := w.Unload(w.t.Context(), "ollama", "tiny"); err == nil {
				t.Error("an engine that is not there did as it was told")
			}
		})
	})

	t.Run("DoesNotWaitForEver", func(t *testing.T) {
		within(t, func(w *world, at map[string]*backendstest.Engine) {
			at[ollamaAt].Script(backendstest.Script{NeverRead: true})
			began := time.Now()
			if err := w.Unload(w.t.Context(), "ollama", "tiny"); err == nil || time.Since(began) != unloadTimeout {
				t.Errorf("error %v after %v", err, time.Since(began))
			}
		})
	})

	t.Run("OverTLS", func(t *testing.T) {
		engine := backendstest.New(t)
		engine.SetLoaded("tiny:latest")
		server := httptest.NewTLSServer(engine)
		defer server.Close()
		trusted := x509.NewCertPool()
		trusted.AddCert(server.Certificate())
		r := NewRegistry(Options{RealSeen: true, Settings: Settings{NoDiscovery: true, Demo: "never", Authorities: trusted,
			Engines: []Source{{Name: "box", Kind: KindOllama, URL: server.URL}}}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		<-r.Ready()
		if err := r.Unload(ctx, "box", "tiny"); err != nil || len(engine.Loaded()) != 0 {
			t.Errorf("error %v, loaded %v", err, engine.Loaded())
		}
	})
}
