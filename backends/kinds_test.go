package backends

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// inWorldOf runs a test with engines in memory at addresses; the registry looks
// where its makers say.
func inWorldOf(t *testing.T, s Settings, hosts map[string]func(testing.TB) *backendstest.Engine, test func(w *world, at map[string]*backendstest.Engine)) {
	t.Helper()
	t.Setenv("OLLAMA_HOST", "")
	s.Demo = "never"
	inWorld(t, Options{Settings: s}, func(w *world) {
		w.makers = makers
		at := map[string]*backendstest.Engine{}
		for address, make := range hosts {
			e := make(w.t)
			w.hosts[address], at[address] = e, e
		}
		test(w, at)
	})
}

func TestKinds(t *testing.T) {
	t.Run("AreFoundAtTheirUsualPorts", func(t *testing.T) {
		inWorldOf(t, Settings{}, map[string]func(testing.TB) *backendstest.Engine{
			"127.0.0.1:11434": backendstest.NewInMemory, "127.0.0.1:1234": backendstest.NewLMStudioInMemory,
			"127.0.0.1:9931": backendstest.NewLlamaServerInMemory, "127.0.0.1:8080": backendstest.NewLlamaServerInMemory,
			"127.0.0.1:5001": backendstest.NewKoboldCPPInMemory,
		}, func(w *world, _ map[string]*backendstest.Engine) {
			w.run()
			var names []string
			for _, i := range w.Snapshot() {
				names = append(names, i.Name)
				if i.Health != Up || !i.Serves(OpenAIAPI) || i.Serves(OllamaAPI) != (i.Kind == KindOllama) {
					t.Errorf("%+v", i)
				}
			}
			if want := []string{"ollama", "lmstudio", "koboldcpp", "llamacpp", "llamacpp-2"}; !slices.Equal(names, want) {
				t.Errorf("found %v, want %v", names, want)
			}
		})
	})

	t.Run("AreKnownByTheirAnswersWhereverTheyAre", func(t *testing.T) {
		for kind, make := range map[Kind]func(testing.TB) *backendstest.Engine{
			KindOllama: backendstest.NewInMemory, KindLMStudio: backendstest.NewLMStudioInMemory,
			KindLlamaCPP: backendstest.NewLlamaServerInMemory, KindOpenAI: backendstest.NewVLLMInMemory,
			KindKoboldCPP: backendstest.NewKoboldCPPInMemory,
		} {
			t.Run(string(kind), func(t *testing.T) {
				inWorldOf(t, Settings{URL: "http://10.0.0.9:5000"}, map[string]func(testing.TB) *backendstest.Engine{"10.0.0.9:5000": make},
					func(w *world, at map[string]*backendstest.Engine) {
						w.run()
						all := w.Snapshot()
						if len(all) != 1 || all[0].Kind != kind || all[0].Name != string(kind) || len(all[0].Models) == 0 {
							t.Fatalf("%+v", all)
						}
						e := at["10.0.0.9:5000"]
						studied := e.Hits()
						w.after(time.Minute)
						if e.Hits() != studied {
							t.Error("an engine that is known is studied again")
						}
						e.Stop()
						w.after(probeEvery)
						if i := w.Snapshot()[0]; i.Kind != kind || i.Health != Down || len(i.Models) == 0 {
							t.Errorf("while it is down: %+v", i)
						}
					})
			})
		}
	})

	t.Run("LMStudioTellsItsModels", func(t *testing.T) {
		inWorldOf(t, Settings{}, map[string]func(testing.TB) *backendstest.Engine{"127.0.0.1:1234": backendstest.NewLMStudioInMemory},
			func(w *world, at map[string]*backendstest.Engine) {
				e := at["127.0.0.1:1234"]
				e.SetModels("qwen", "text-embed")
				e.Describe(backendstest.Model{Name: "qwen", Vision: true, Tools: true, Context: 32768, Size: 7, Params: "8B", Quant: "Q4", Arch: "qwen3"})
				e.SetLoaded("qwen")
				e.SetContext(8192)
				e.SetMessages(false)
				w.run()
				i := w.Snapshot()[0]
				q := i.Models[slices.IndexFunc(i.Models, func(m Model) bool { return m.Name == "qwen" })]
				if !q.Loaded || q.Context != 8192 || !q.Vision || !q.Tools || q.Family != "qwen3" || q.Size != 7 || q.Parameter != "8B" || q.Quant != "Q4" || q.Embedding {
					t.Errorf("%+v", q)
				}
				m := i.Models[slices.IndexFunc(i.Models, func(m Model) bool { return m.Name == "text-embed" })]
				if m.Loaded || !m.Embedding {
					t.Errorf("%+v", m)
				}
				if i.Serves(AnthropicAPI) || !i.Serves(ResponsesAPI) {
					t.Errorf("it serves %v", i.APIs)
				}
			})
	})

	t.Run("VLLMTellsItsContextAndPool", func(t *testing.T) {
		for metrics, want := range map[string]int{
			`vllm:cache_config_info{block_size="16",cache_dtype="auto",num_gpu_blocks="2048"} 1.0`: 32768,
			`vllm:cache_config_info{num_gpu_blocks="None",block_size="16"} 1.0`:                    0,
			`vllm:cache_config_info{num_gpu_blocks="9223372036854775807",block_size="16"} 1.0`:     0,
			`vllm:num_requests_running 3`: 0,
			``:                            0,
		} {
			if got := vllmPool([]byte("# HELP x\n" + metrics + "\n")); got != want {
				t.Errorf("%q: %d tokens, want %d", metrics, got, want)
			}
		}
	})

	t.Run("WantTheirKey", func(t *testing.T) {
		t.Setenv("BOX_KEY", "sk-box")
		s := Settings{Engines: []Source{{Name: "box", URL: "http://10.0.0.9:8000"}}}
		inWorldOf(t, s, map[string]func(testing.TB) *backendstest.Engine{"10.0.0.9:8000": backendstest.NewVLLMInMemory},
			func(w *world, at map[string]*backendstest.Engine) {
				at["10.0.0.9:8000"].SetKey("sk-box")
				at["10.0.0.9:8000"].SetModels("big")
				w.run()
				wants(t, w.serves("big", ""), ErrNoEngine, "wants an API key (engines.keys)")
				s.Keys, s.Demo = map[string]string{"box": "$BOX_KEY"}, "never"
				w.Configure(s)
				w.after(probeRemote)
				_ = w.serves("big", "box")
				target, _ := w.Target("box")
				req := must(http.NewRequest("GET", target.Base.JoinPath("/v1/models").String(), nil))
				req.Header.Set("Authorization", "Bearer sk-of-the-client")
				resp, err := target.Transport.RoundTrip(req)
				if err != nil || resp.StatusCode != 200 {
					t.Fatalf("%v, %v", resp, err)
				}
				_ = resp.Body.Close()
				if req.Header.Get("Authorization") != "Bearer sk-of-the-client" {
					t.Error("the client's request was changed")
				}
			})
	})

	t.Run("WantTheKeyOfTheirKind", func(t *testing.T) {
		keys := map[string]string{"ollama": "sk-ollama", "lmstudio": "sk-lm"}
		for name, s := range map[string]Settings{
			"by the list":        {Engines: []Source{{Name: "box", URL: "http://10.0.0.9:8000"}}},
			"as the only engine": {URL: "http://10.0.0.9:8000"},
		} {
			t.Run(name, func(t *testing.T) {
				s.Keys = keys
				inWorldOf(t, s, map[string]func(testing.TB) *backendstest.Engine{"10.0.0.9:8000": backendstest.NewLMStudioInMemory},
					func(w *world, at map[string]*backendstest.Engine) {
						at["10.0.0.9:8000"].SetKey("sk-lm") // it refuses what Ollama would be asked, too
						w.run()
						if i := w.Snapshot()[0]; i.Health != Up || i.Kind != KindLMStudio {
							t.Errorf("%+v", i)
						}
					})
			})
		}
	})

	t.Run("AreNotAskedAgainForANameThatNobodyHas", func(t *testing.T) {
		for kind, make := range map[Kind]func(testing.TB) *backendstest.Engine{
			KindOllama: backendstest.NewInMemory, KindLlamaCPP: backendstest.NewLlamaServerInMemory, KindKoboldCPP: backendstest.NewKoboldCPPInMemory,
		} {
			t.Run(string(kind), func(t *testing.T) {
				inWorldOf(t, Settings{URL: "http://10.0.0.9:5000"}, map[string]func(testing.TB) *backendstest.Engine{"10.0.0.9:5000": make},
					func(w *world, _ map[string]*backendstest.Engine) {
						w.run()
						_ = w.serves("gpt-4o", string(kind))
						if got, err := w.Resolve(t.Context(), "gpt-4o", string(kind)); !errors.Is(err, ErrNoEngine) {
							t.Errorf("it goes to %q again, %v", got.Name, err)
						}
					})
			})
		}
	})

	t.Run("GoByTheirOrderAndGroup", func(t *testing.T) {
		inWorldOf(t, Settings{Order: []string{"lmstudio"}, Groups: map[string]string{"ollama": "0", "lmstudio": "0"}},
			map[string]func(testing.TB) *backendstest.Engine{"127.0.0.1:11434": backendstest.NewInMemory, "127.0.0.1:1234": backendstest.NewLMStudioInMemory},
			func(w *world, _ map[string]*backendstest.Engine) {
				w.run()
				all := w.Snapshot()
				if len(all) != 2 || all[0].Name != "lmstudio" || !all[0].Active || all[0].Group != "0" || all[1].Group != "0" {
					t.Errorf("%+v", all)
				}
			})
	})

	t.Run("AStrangerAtAUsualPortIsLeftInPeace", func(t *testing.T) {
		inWorldOf(t, Settings{}, map[string]func(testing.TB) *backendstest.Engine{"127.0.0.1:8080": backendstest.NewInMemory},
			func(w *world, at map[string]*backendstest.Engine) {
				w.makers = []maker{llamacpp}
				w.run()
				e := at["127.0.0.1:8080"]
				for range 100 {
					_, _ = w.Resolve(t.Context(), "nope")
					w.after(time.Second)
				}
				if n := e.Hits("/health") + e.Hits("/props"); n > 2*8 { // at 0, 1, 3, 7, 15, 31 and 63 s
					t.Errorf("it was asked %d times in 100 s", n)
				}
			})
	})

	t.Run("AModelOfOneThatIsDownIsNotUnknown", func(t *testing.T) {
		inWorldOf(t, Settings{}, map[string]func(testing.TB) *backendstest.Engine{"127.0.0.1:11434": backendstest.NewInMemory, "127.0.0.1:1234": backendstest.NewLMStudioInMemory},
			func(w *world, at map[string]*backendstest.Engine) {
				at["127.0.0.1:1234"].SetModels("only-here")
				w.run()
				_ = w.serves("only-here", "lmstudio")
				wants(t, w.serves("nowhere", ""), ErrUnknownModel, "model 'nowhere' not found", "ollama, lmstudio")
				target, _ := w.Target("lmstudio")
				at["127.0.0.1:1234"].Stop()
				w.after(probeEvery)
				wants(t, w.serves("only-here", ""), ErrNoEngine, "model 'only-here'", "lms server start")
				if target.Gone.Err() == nil {
					t.Error("who waits for it is not told")
				}
				if _, err := w.Target("lmstudio"); !errors.Is(err, ErrNoEngine) {
					t.Errorf("%v", err)
				}
				_ = w.serves("tiny", "ollama")
			})
	})

	t.Run("NoModelStandsInForOneOfAnEngineThatIsDown", func(t *testing.T) {
		inWorldOf(t, Settings{Engines: []Source{{Name: "box", URL: "http://10.0.0.9:11434"}}},
			map[string]func(testing.TB) *backendstest.Engine{"127.0.0.1:8080": backendstest.NewLlamaServerInMemory},
			func(w *world, _ map[string]*backendstest.Engine) {
				w.run()
				wants(t, w.serves("gpt-4o", ""), ErrUnknownModel, "model 'gpt-4o' not found")
				_ = w.serves("llamacpp/gpt-4o", "llamacpp")
			})
	})

	t.Run("LlamaServerIsLeftToSleep", func(t *testing.T) {
		inWorldOf(t, Settings{}, map[string]func(testing.TB) *backendstest.Engine{"127.0.0.1:8080": backendstest.NewLlamaServerInMemory},
			func(w *world, at map[string]*backendstest.Engine) {
				e := at["127.0.0.1:8080"]
				e.SetSleeping(true)
				w.run()
				w.after(time.Minute)
				if i := w.Snapshot()[0]; !e.Sleeping() || e.Hits() != 0 || i.Health != Up || !i.Serves(OpenAIAPI) || i.Serves(AnthropicAPI) {
					t.Errorf("asked %d times, asleep %v: %+v", e.Hits(), e.Sleeping(), i)
				}
			})
	})

	t.Run("AStudyWithoutAnEndIsNoReasonToBeDown", func(t *testing.T) {
		inWorldOf(t, Settings{}, map[string]func(testing.TB) *backendstest.Engine{"127.0.0.1:1234": backendstest.NewLMStudioInMemory},
			func(w *world, at map[string]*backendstest.Engine) {
				at["127.0.0.1:1234"].Always(backendstest.Script{End: backendstest.Stall})
				w.run()
				if i := w.Snapshot()[0]; i.Health != Up || !i.Serves(OpenAIAPI) {
					t.Errorf("%+v", i)
				}
			})
	})

	t.Run("OllamaServesWhatItsVersionDoes", func(t *testing.T) {
		for version, want := range map[string]int{"0.17.4": 4, "0.13.5": 3, "0.12.0": 2, "0.0.0": 4, "main-abc": 4, "0.14.0-rc1": 3} {
			if got := ollamaAPIs(version); len(got) != want {
				t.Errorf("%s serves %v", version, got)
			}
		}
	})
}

func TestRegistry_OnlyARequestTriesAnEngineAfterItsRest(t *testing.T) {
	inWorldOf(t, Settings{}, map[string]func(testing.TB) *backendstest.Engine{"127.0.0.1:11434": backendstest.NewInMemory}, func(w *world, _ map[string]*backendstest.Engine) {
		w.run()
		for range breakAfter {
			w.Failed("ollama")
		}
		wants(t, w.serves("tiny", ""), ErrNoEngine, "is tried again in 10 s")
		w.after(breakFor)
		for range 3 {
			if _, err := w.Look(t.Context(), "tiny"); err != nil {
				t.Fatalf("who only looks is told %v", err)
			}
		}
		_ = w.serves("tiny", "ollama")
		wants(t, w.serves("tiny", ""), ErrNoEngine, "is tried again")
		if _, err := w.Look(t.Context(), "tiny"); !errors.Is(err, ErrNoEngine) {
			t.Errorf("while one tries it: %v", err)
		}
		w.Served("ollama")
		_ = w.serves("tiny", "ollama")
	})
}
