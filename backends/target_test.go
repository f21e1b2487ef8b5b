package backends

import (
	"testing"
	"time"
)

func TestTarget(t *testing.T) {
	inWorld(t, Options{Settings: Settings{Demo: "always"}}, func(w *world) {
		engine := w.host(local)
		w.run()
		for name, want := range map[string]Kind{"ollama": KindOllama, "demo": KindDemo} {
			if got, err := w.Target(name); err != nil || got.Kind != want || got.Transport == nil || !got.Serves(OllamaAPI) {
				t.Errorf("%s: %+v, %v", name, got.Info, err)
			}
		}
		_, err := w.Target("other")
		wants(t, err, ErrNoEngine, "none is called other")
		engine.Stop()
		w.after(2 * probeEvery)
		_, err = w.Target("ollama")
		wants(t, err, ErrNoEngine, "does not answer")
		w.after(time.Second)
	})
}

// TestTargetsShareTheListOfModels: each request holds its target to its end.
func TestTargetsShareTheListOfModels(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		w.host(local)
		w.run()
		one, other := must(w.Resolve(t.Context(), "tiny")), must(w.Resolve(t.Context(), "tiny"))
		if &one.Models[0] != &other.Models[0] {
			t.Error("each request has a list of its own")
		}
		if all := w.Snapshot(); &all[0].Models[0] == &one.Models[0] {
			t.Error("whoever looks at the engines may change the list")
		}
	})
}
