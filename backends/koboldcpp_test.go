package backends

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"carpool/backends/backendstest"
)

func TestKoboldCPP(t *testing.T) {
	const address = "127.0.0.1:5001"
	at := func(t *testing.T, address string, s Settings, test func(w *world, e *backendstest.Engine)) {
		t.Helper()
		inWorldOf(t, s, map[string]func(testing.TB) *backendstest.Engine{address: backendstest.NewKoboldCPPInMemory},
			func(w *world, all map[string]*backendstest.Engine) { test(w, all[address]) })
	}

	t.Run("TellsItsModelAndContext", func(t *testing.T) {
		at(t, address, Settings{}, func(w *world, e *backendstest.Engine) {
			e.SetContext(12288)
			e.Describe(backendstest.Model{Name: backendstest.KoboldModels[0], Vision: true})
			w.run()
			i := w.Snapshot()[0]
			want := []Model{{Name: "koboldcpp/tiny-Q4_K_M", Loaded: true, Context: 12288, Vision: true}}
			if i.Version != "1.120" || !slices.Equal(i.Models, want) || !slices.Equal(i.APIs, []API{OpenAIAPI}) {
				t.Errorf("%+v", i)
			}
			if i.Slots != 0 || i.KVTokens != 12288 || !i.Preallocated {
				t.Errorf("slots %d, %d tokens, preallocated %v: it does not tell the first, and all that run share the second", i.Slots, i.KVTokens, i.Preallocated)
			}
			if got := i.SlotsAdvice(want[0].Name, 1); got != "KoboldCpp runs one request at a time: start it with --parallelrequests N" {
				t.Error(got)
			}
		})
	})

	t.Run("AnswersForAnyName", func(t *testing.T) {
		at(t, address, Settings{}, func(w *world, _ *backendstest.Engine) {
			w.run()
			for _, name := range []string{"gpt-4o", "koboldcpp/tiny-Q4_K_M", "koboldcpp/koboldcpp/tiny-Q4_K_M"} {
				target, err := w.Resolve(w.t.Context(), name)
				if err != nil || target.Name != "koboldcpp" || target.Model != backendstest.KoboldModels[0] && name != "gpt-4o" {
					t.Errorf("%s: %q at %q, %v", name, target.Model, target.Name, err)
				}
			}
		})
	})

	t.Run("WithoutAModelHasNone", func(t *testing.T) {
		at(t, address, Settings{}, func(w *world, e *backendstest.Engine) {
			e.SetModels()
			w.run()
			if i := w.Snapshot()[0]; i.Health != Up || len(i.Models) != 0 {
				t.Errorf("%+v", i)
			}
		})
	})

	t.Run("AsARouterHasOneThatIsLoaded", func(t *testing.T) {
		at(t, address, Settings{}, func(w *world, e *backendstest.Engine) {
			e.SetRouter(true)
			e.SetModels("koboldcpp/now", "other.kcpps")
			w.run()
			i := w.Snapshot()[0]
			if len(i.Models) != 2 || !i.loaded("koboldcpp/now") || i.loaded("other.kcpps") || i.AnswersAnyName() {
				t.Errorf("%+v", i)
			}
		})
	})

	t.Run("WantsItsPassword", func(t *testing.T) {
		s := Settings{URL: "http://10.0.0.9:5000", Demo: "never"}
		at(t, "10.0.0.9:5000", s, func(w *world, e *backendstest.Engine) {
			e.SetKey("sk-kobold")
			w.run()
			wants(t, w.serves("x", ""), ErrNoEngine, "wants an API key (engines.keys)")
			if i := w.Snapshot()[0]; i.Kind != KindKoboldCPP {
				t.Errorf("taken for %s, whose list is open", i.Kind)
			}
			s.Keys = map[string]string{"koboldcpp": "sk-kobold"}
			w.Configure(s)
			w.after(probeRemote)
			_ = w.serves(backendstest.KoboldModels[0], "koboldcpp")
		})
	})

	// It answers a request for nothing with as many tokens as it may: whatever it is
	// taken for at first, nothing of the kind may reach it.
	t.Run("IsNeverMadeToWork", func(t *testing.T) {
		for place, s := range map[string]Settings{
			address:           {},
			"127.0.0.1:11434": {}, // where it stands in for Ollama
			"10.0.0.9:5000":   {URL: "http://10.0.0.9:5000"},
			"10.0.0.9:5001":   {Engines: []Source{{Name: "box", URL: "http://10.0.0.9:5001", Kind: KindOpenAI}}},
		} {
			t.Run(place, func(t *testing.T) {
				at(t, place, s, func(w *world, e *backendstest.Engine) {
					w.run()
					want := KindKoboldCPP
					if len(s.Engines) > 0 {
						want = KindOpenAI // as was said
					}
					i := w.Snapshot()[0]
					if e.Hits() != 0 || i.Kind != want || i.Health != Up || !slices.Equal(i.APIs, []API{OpenAIAPI}) {
						t.Errorf("%d requests, %+v", e.Hits(), i)
					}
					if err := w.Unload(w.t.Context(), i.Name, i.Models[0].Name); !errors.Is(err, ErrCannotUnload) || e.Hits() != 0 {
						t.Errorf("unload: %v, %d requests", err, e.Hits())
					}
				})
			})
		}
	})

	t.Run("IsNoneOfThoseThatItImitates", func(t *testing.T) {
		for kind, place := range map[Kind]string{KindLlamaCPP: "127.0.0.1:8080", KindOllama: "10.0.0.9:11434", KindLMStudio: "127.0.0.1:1234"} {
			s := Settings{}
			if kind == KindOllama {
				s.Engines = []Source{{Name: "box", URL: "http://" + place, Kind: kind}}
			}
			at(t, place, s, func(w *world, e *backendstest.Engine) {
				w.run()
				for _, i := range w.Snapshot() {
					if i.Health == Up || kind == KindOllama && !strings.Contains(i.Problem, "answers, but as KoboldCpp does") {
						t.Errorf("taken for %s: %+v", kind, i)
					}
				}
				if e.Hits() != 0 {
					t.Errorf("%s: %d requests", kind, e.Hits())
				}
			})
		}
	})

	t.Run("LeavesOllamaItsWords", func(t *testing.T) {
		inWorldOf(t, Settings{}, nil, func(w *world, _ map[string]*backendstest.Engine) {
			w.run()
			wants(t, w.serves("x", ""), ErrNoEngine, "ollama serve")
		})
	})
}
