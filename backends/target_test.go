package backends

import (
	"reflect"
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

// TestKnown: it is asked under the scheduler's lock for each request that is let go.
func TestKnown(t *testing.T) {
	inWorld(t, Options{Settings: Settings{Demo: "always"}}, func(w *world) {
		w.host(local)
		w.run()
		for _, all := range w.Snapshot() {
			one, ok := w.Known(all.Name)
			one.Active = all.Active
			if !ok || !reflect.DeepEqual(one, all) {
				t.Errorf("%s: %+v, all together %+v", all.Name, one, all)
			}
		}
		if e, ok := w.Known("other"); ok {
			t.Errorf("%+v is known", e)
		}
		if n := testing.AllocsPerRun(100, func() { w.Known("ollama") }); n != 0 {
			t.Errorf("%v allocations for an engine with models", n)
		}
	})
}

// BenchmarkKnown is one engine of a machine with 200 models, and all of them.
func BenchmarkKnown(b *testing.B) {
	r := NewRegistry(Options{})
	r.engines = []*engine{{info: Info{Name: "ollama", Health: Up, Seen: time.Now(), Models: make([]Model, 200)}}}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Known("ollama")
		}
	})
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Snapshot()
		}
	})
}
