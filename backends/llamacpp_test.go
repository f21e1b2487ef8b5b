package backends

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"carpool/backends/backendstest"
	"carpool/internal/serve"
)

const llamaAddress = "127.0.0.1:8080"

// llamaServer is a llama-server that knows only how to be probed.
type llamaServer struct {
	mu     sync.Mutex
	status int
	pages  map[string]string
	asked  map[string]int
}

const (
	llamaPropsPage  = `{"default_generation_settings":{"params":{"n_predict":-1},"n_ctx":8192},"total_slots":4,"model_alias":"tiny","model_path":"/m/tiny.gguf","model_ftype":"Q4_K - Medium","build_info":"b8681-abc","is_sleeping":false}`
	llamaModelsPage = `{"models":[{"name":"tiny"}],"object":"list","data":[{"id":"tiny","object":"model","owned_by":"llamacpp","meta":{"n_ctx_train":131072,"n_params":8030261312,"size":4912898304}}]}`
	llamaLoading    = `{"error":{"message":"Loading model","type":"unavailable_error","code":503}}`
)

func newLlamaServer() *llamaServer {
	return &llamaServer{status: http.StatusOK, asked: map[string]int{},
		pages: map[string]string{"/props": llamaPropsPage, "/v1/models": llamaModelsPage}}
}

// ServeHTTP implements http.Handler.
func (l *llamaServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[r.Method+" "+r.URL.Path]++
	page, ok := l.pages[r.URL.Path]
	switch {
	case l.status == http.StatusServiceUnavailable:
		w.WriteHeader(l.status)
		page = llamaLoading
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		page = `{"error":{"message":"File Not Found","type":"not_found_error","code":404}}`
	}
	_, _ = w.Write([]byte(page))
}

// answer sets what GET path is answered with.
func (l *llamaServer) answer(path, page string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pages[path] = page
}

func (l *llamaServer) setStatus(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status = status
}

// inLlamaWorld runs a test with a registry whose engine.url is where l answers.
func inLlamaWorld(t *testing.T, l *llamaServer, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pipe := serve.NewPipe()
		server := serve.Start(pipe, l)
		defer server.Close()
		w := &world{t: t, hosts: map[string]*backendstest.Engine{}, end: func() {},
			Registry: NewRegistry(Options{Settings: Settings{URL: "http://" + llamaAddress}, RealSeen: true})}
		w.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == llamaAddress {
				return pipe.Dial(ctx, network, addr)
			}
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
		}
		test(w)
		w.end()
	})
}

func TestLlamaCPP(t *testing.T) {
	t.Run("IsFoundWhereItWasSet", func(t *testing.T) {
		l := newLlamaServer()
		inLlamaWorld(t, l, func(w *world) {
			w.run()
			all := w.Snapshot()
			if len(all) != 1 {
				t.Fatalf("snapshot %+v", all)
			}
			i := all[0]
			if i.Name != "llamacpp" || i.Kind != KindLlamaCPP || i.Label != "llama.cpp" || i.Version != "b8681-abc" || i.Health != Up || !i.Active ||
				i.Slots != 4 || i.KVTokens != 8192 || !i.Preallocated || i.ParallelHint != "start llama-server with -np N" || i.Epoch != 1 {
				t.Errorf("info %+v", i)
			}
			if want := (Model{Name: "tiny", Loaded: true, Size: 4912898304, Parameter: "8.0B", Quant: "Q4_K - Medium", Context: 8192, file: "/m/tiny.gguf",
				Memory: ModelMemory{WeightBytes: 4912898304, ContextMax: 131072}}); len(i.Models) != 1 || i.Models[0] != want {
				t.Errorf("models %+v", i.Models)
			}
			began := time.Now()
			w.after(time.Minute)
			if target, err := w.Resolve(t.Context(), "gpt-4o"); err != nil || target.Name != "llamacpp" {
				t.Errorf("any name is llama-server's one model: %+v, %v", target.Info, err)
			}
			if took := time.Since(began); took != time.Minute {
				t.Errorf("a name was waited for: %v", took-time.Minute)
			}
			if n := l.asked["GET /api/version"]; n != 1 {
				t.Errorf("asked %d times whether it is Ollama", n)
			}
			if n := l.asked["POST /v1/messages"]; n != 1 || i.Serves(AnthropicAPI) || !i.Serves(OpenAIAPI) {
				t.Errorf("asked %d times for an API that it does not have: %v", n, i.APIs)
			}
			if len(l.asked) != 9 {
				t.Errorf("asked %v", l.asked)
			}
		})
	})

	t.Run("TellsItsPool", func(t *testing.T) {
		for name, tc := range map[string]struct {
			props      string
			slots, all int
		}{
			"SharedByTheDefaultSlots":   {`{"default_generation_settings":{"n_ctx":8192},"total_slots":4}`, 4, 8192},
			"SplitAmongSlotsThatAreSet": {`{"default_generation_settings":{"n_ctx":2048},"total_slots":8}`, 8, 16384},
			"OfOneSlot":                 {`{"default_generation_settings":{"n_ctx":4096},"total_slots":1}`, 1, 4096},
			"NotTold":                   {`{"total_slots":2}`, 2, 0},
			"OfARouter":                 {`{"role":"router"}`, 0, 0},
		} {
			t.Run(name, func(t *testing.T) {
				l := newLlamaServer()
				l.answer("/props", tc.props)
				inLlamaWorld(t, l, func(w *world) {
					w.run()
					if i := w.Snapshot()[0]; i.Health != Up || i.Slots != tc.slots || i.KVTokens != tc.all {
						t.Errorf("%s: %d slots, %d tokens", i.Health, i.Slots, i.KVTokens)
					}
				})
			})
		}
	})

	t.Run("TellsWhatIsLoaded", func(t *testing.T) {
		l := newLlamaServer()
		l.answer("/props", `{"role":"router"}`)
		l.answer("/v1/models", `{"data":[{"id":"a","status":{"value":"loaded"}},{"id":"b","status":{"value":"unloaded"}}]}`)
		inLlamaWorld(t, l, func(w *world) {
			w.run()
			if m := w.Snapshot()[0].Models; len(m) != 2 || !m[0].Loaded || m[1].Loaded {
				t.Errorf("models %+v", m)
			}
		})
	})

	t.Run("IsWaitedForWhileItLoads", func(t *testing.T) {
		l := newLlamaServer()
		l.setStatus(http.StatusServiceUnavailable)
		inLlamaWorld(t, l, func(w *world) {
			w.run()
			began := time.Now()
			time.AfterFunc(30*time.Second, func() { l.setStatus(http.StatusOK) })
			if _, err := w.Preferred(); !errors.Is(err, ErrNoEngine) || !strings.Contains(err.Error(), "llama.cpp at http://127.0.0.1:8080 is still loading its model") {
				t.Errorf("preferred: %v", err)
			}
			if all := w.Snapshot(); len(all) != 1 || all[0].Kind != KindLlamaCPP {
				t.Errorf("snapshot %+v", all)
			}
			_ = w.serves("tiny", "llamacpp")
			if took := time.Since(began); took < 30*time.Second || took > 31*time.Second {
				t.Errorf("waited %v for a model that took 30s to load", took)
			}
		})
	})

	t.Run("GetsANewEpochWhenItComesBackOrHasOtherSlots", func(t *testing.T) {
		l := newLlamaServer()
		inLlamaWorld(t, l, func(w *world) {
			w.run()
			epoch := func(want uint64) {
				t.Helper()
				if got := w.Snapshot()[0].Epoch; got != want {
					t.Errorf("epoch %d, want %d", got, want)
				}
			}
			w.after(probeEvery)
			epoch(1)
			l.answer("/props", `{"default_generation_settings":{"n_ctx":8192},"total_slots":8,"build_info":"b8681-abc"}`)
			w.after(probeEvery)
			epoch(2)
			l.setStatus(http.StatusServiceUnavailable)
			w.after(probeEvery)
			epoch(2)
			l.setStatus(http.StatusOK)
			w.after(probeEvery)
			epoch(3)
		})
	})

	t.Run("IsNotFoundInAnythingElse", func(t *testing.T) {
		for name, page := range map[string]string{"a page": "<html>", "other json": `{"status":"ok"}`, "a list": `[]`} {
			t.Run(name, func(t *testing.T) {
				l := newLlamaServer()
				l.answer("/props", page)
				l.answer("/v1/models", page)
				inLlamaWorld(t, l, func(w *world) {
					w.run()
					wants(t, w.serves("tiny", ""), ErrNoEngine, "the engine at http://127.0.0.1:8080 answers, but")
				})
			})
		}
	})
}

func TestOllamaFacts(t *testing.T) {
	t.Run("RunsSomeFamiliesOneAtATime", func(t *testing.T) {
		for family, want := range map[string]int{"llama": 0, "qwen3": 0, "nomic-bert": 1, "bert": 1, "qwen3vlmoe": 1, "qwen35": 1, "lfm2": 1, "mllama": 1, "": 0} {
			if got := ollamaSlots(family); got != want {
				t.Errorf("%s: %d, want %d", family, got, want)
			}
		}
	})
	t.Run("SaysWhatToChangeAndCountsItsLives", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			e := w.host(local)
			w.run()
			i := w.Snapshot()[0]
			if !i.Preallocated || i.ParallelHint != "set OLLAMA_NUM_PARALLEL" || i.KVTokens != 0 || i.Epoch != 1 {
				t.Errorf("info %+v", i)
			}
			e.Stop()
			w.after(probeEvery)
			e.Start()
			w.after(probeLatest)
			if got := w.Snapshot()[0].Epoch; got != 2 {
				t.Errorf("epoch %d after a restart", got)
			}
		})
	})
}
