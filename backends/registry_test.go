package backends

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"carpool/backends/backendstest"
)

// world is a registry in virtual time with engines in memory at addresses.
type world struct {
	*Registry
	t     *testing.T
	mu    sync.Mutex
	hosts map[string]*backendstest.Engine
	dials atomic.Int32
	end   func()
}

const local = "127.0.0.1:11434"

// inWorld runs a test in a bubble. The registry looks at 127.0.0.1:11434 unless
// the options name an address.
func inWorld(t *testing.T, o Options, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, hosts: make(map[string]*backendstest.Engine), Registry: NewRegistry(o)}
		w.look(defaultOllama)
		w.Registry.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			w.dials.Add(1)
			w.mu.Lock()
			e := w.hosts[addr]
			w.mu.Unlock()
			if e != nil {
				return e.Dial(ctx, network, addr)
			}
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
		}
		w.end = func() {}
		test(w)
		w.end()
		if up, err := w.Preferred(); err == nil && up.Simulated {
			t.Error("the demo engine serves after Run has ended")
		}
	})
}

// look sets where the registry looks for Ollama.
func (w *world) look(places ...string) {
	m := ollama
	m.places = func() []string { return places }
	w.makers = []maker{m}
}

// host puts a running engine at an address.
func (w *world) host(addr string) *backendstest.Engine {
	e := backendstest.NewInMemory(w.t)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[addr] = e
	return e
}

// run starts the registry and waits for the first round.
func (w *world) run() {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	w.end = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
	<-w.Ready()
}

// after lets virtual time pass and everything settle.
func (w *world) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// serves checks which engine a model resolves to, "" for none.
func (w *world) serves(model, want string) error {
	w.t.Helper()
	got, err := w.Resolve(w.t.Context(), model)
	if got.Name != want {
		w.t.Errorf("%q goes to %q (%v), want %q", model, got.Name, err, want)
	}
	if (err == nil) != (want != "") {
		w.t.Errorf("%q: error %v", model, err)
	}
	return err
}

func wants(t *testing.T, err, is error, words ...string) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Errorf("error %v, want %v", err, is)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

func TestRegistry(t *testing.T) {
	t.Run("FindsOllama", func(t *testing.T) {
		seen := 0
		inWorld(t, Options{OnReal: func() { seen++ }}, func(w *world) {
			e := w.host(local)
			e.SetLoaded("tiny:latest")
			w.run()
			got := w.Snapshot()
			if len(got) != 1 {
				t.Fatalf("snapshot %+v", got)
			}
			i := got[0]
			if i.Name != "ollama" || i.Kind != KindOllama || i.Health != Up || !i.Active || i.Simulated || i.Slots != 0 ||
				i.Version != backendstest.Version || i.URL != defaultOllama || i.Problem != "" || i.Seen.IsZero() {
				t.Errorf("info %+v", i)
			}
			if len(i.Models) != 3 || !i.Models[0].Loaded || i.Models[0].VRAM != 2097152 || i.Models[1].Loaded || i.Models[0].Size != 1048576 || i.Models[0].Family != "test" {
				t.Errorf("models %+v", i.Models)
			}
			w.after(time.Minute)
			if seen != 1 {
				t.Errorf("OnReal was called %d times", seen)
			}
			if e.Hits() != 0 {
				t.Error("a probe generated")
			}
			if n := e.Hits("/api/tags"); n != 13 {
				t.Errorf("%d probes in a minute, want one every 5 s", n)
			}
			target, err := w.Preferred()
			if err != nil || target.Base.String() != defaultOllama || !target.Active {
				t.Errorf("target %+v, %v", target, err)
			}
			resp, err := target.Transport.RoundTrip(must(http.NewRequest("GET", target.Base.JoinPath("/api/version").String(), nil)))
			if err != nil || resp.StatusCode != 200 {
				t.Fatalf("%v %v", resp, err)
			}
			_ = resp.Body.Close()
		})
	})

	t.Run("GivesItToAModelByExactNameOrLatestAndUnknownOnesToo", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			w.host(local)
			w.run()
			for _, model := range []string{"tiny", "tiny:latest", "nope", ""} {
				_ = w.serves(model, "ollama")
			}
		})
	})

	t.Run("ReadsAnOldListAgainBeforeANameCountsAsUnknown", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			e := w.host(local)
			w.run()
			e.SetModels("fresh:latest")
			e.Probe(backendstest.Script{Delay: 2 * time.Second}) // the probe at 5 s ends at 11 s
			w.after(6 * time.Second)
			began := time.Now()
			target, err := w.Resolve(w.t.Context(), "fresh")
			if err != nil || !target.has("fresh") {
				t.Errorf("target %+v, %v", target.Models, err)
			}
			if took := time.Since(began); took != 5*time.Second {
				t.Errorf("waited %v for the list, want 5s", took)
			}
			before := e.Hits("/api/tags")
			if _ = w.serves("nope", "ollama"); e.Hits("/api/tags") != before {
				t.Error("a fresh list was read again")
			}
		})
	})

	t.Run("LetsTheDemoServeUntilARealEngineAppears", func(t *testing.T) {
		var real atomic.Int32
		inWorld(t, Options{OnReal: func() { real.Add(1) }}, func(w *world) {
			w.run()
			_ = w.serves(DemoModel, "demo")
			wants(t, w.serves("llama3", ""), ErrUnknownModel, "llama3", "until a real engine is found", "carpool-demo (simulated)")
			target, err := w.Preferred()
			if err != nil || !target.Simulated || !target.Active || target.Slots != 4 || target.Label != "Demo engine (simulated)" {
				t.Errorf("target %+v, %v", target.Info, err)
			}
			resp, err := target.Transport.RoundTrip(must(http.NewRequest("GET", target.Base.JoinPath("/api/tags").String(), nil)))
			if err != nil || resp.StatusCode != 200 {
				t.Fatalf("the demo engine does not answer: %v %v", resp, err)
			}
			_ = resp.Body.Close()
			if all := w.Snapshot(); len(all) != 2 || all[0].Name != "demo" || !all[0].Active || all[1].Health != Down || all[1].Active {
				t.Errorf("snapshot %+v", all)
			}

			w.host(local)
			w.after(probeLatest)
			_ = w.serves("llama3", "ollama")
			_ = w.serves(DemoModel, "ollama") // for its own 404
			if all := w.Snapshot(); len(all) != 1 || all[0].Name != "ollama" || !all[0].Active {
				t.Errorf("snapshot after the takeover %+v", all)
			}
			if real.Load() != 1 {
				t.Errorf("OnReal was called %d times", real.Load())
			}
		})
	})

	t.Run("NeverGoesBackToTheDemoOnceARealEngineWasSeen", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			e := w.host(local)
			w.run()
			e.Stop()
			w.Trouble("ollama", errors.New("refused"))
			w.after(probeSoonest)
			for _, model := range []string{"tiny", DemoModel} {
				wants(t, w.serves(model, ""), ErrNoEngine, "Ollama at http://127.0.0.1:11434 does not answer", "start it with `ollama serve`", "engine.url")
			}
			if _, err := w.Preferred(); !errors.Is(err, ErrNoEngine) {
				t.Errorf("preferred: %v", err)
			}
			all := w.Snapshot()
			if len(all) != 1 || all[0].Health != Down || all[0].Problem == "" || len(all[0].Models) != 3 {
				t.Errorf("the last good list is not kept: %+v", all)
			}
			e.Start()
			w.after(probeLatest)
			_ = w.serves("tiny", "ollama")
		})
	})

	t.Run("RemembersARealEngineOfAnEarlierRun", func(t *testing.T) {
		inWorld(t, Options{RealSeen: true, OnReal: func() { t.Error("told again") }}, func(w *world) {
			w.run()
			wants(t, w.serves(DemoModel, ""), ErrNoEngine, "ollama serve")
			if all := w.Snapshot(); len(all) != 1 || all[0].Simulated {
				t.Errorf("snapshot %+v", all)
			}
			w.host(local)
			w.after(probeLatest)
			_ = w.serves("tiny", "ollama")
		})
	})

	t.Run("ServesTheDemoWhenItIsChosen", func(t *testing.T) {
		inWorld(t, Options{Settings: Settings{URL: "demo"}, RealSeen: true}, func(w *world) {
			w.host(local)
			w.run()
			_ = w.serves(DemoModel+":latest", "demo")
			wants(t, w.serves("tiny", ""), ErrUnknownModel, "chosen")
			if w.dials.Load() != 0 {
				t.Error("looked for another engine")
			}
		})
	})

	t.Run("ServesTheDemoBesideARealEngineIfAlways", func(t *testing.T) {
		inWorld(t, Options{Settings: Settings{Demo: "always"}}, func(w *world) {
			e := w.host(local)
			w.run()
			_ = w.serves("tiny", "ollama")
			_ = w.serves("nope", "ollama")
			_ = w.serves(DemoModel, "demo")
			if p, err := w.Preferred(); err != nil || p.Name != "ollama" {
				t.Errorf("preferred %q, %v", p.Name, err)
			}
			if all := w.Snapshot(); len(all) != 2 || all[0].Name != "ollama" || !all[0].Active || all[1].Active {
				t.Errorf("snapshot %+v", all)
			}
			e.Stop()
			w.after(probeEvery)
			_ = w.serves(DemoModel, "demo")
			wants(t, w.serves("tiny", ""), ErrNoEngine) // never a simulated answer in its place
		})
	})

	t.Run("NeverServesTheDemoIfNever", func(t *testing.T) {
		inWorld(t, Options{Settings: Settings{Demo: "never"}}, func(w *world) {
			w.run()
			wants(t, w.serves(DemoModel, ""), ErrNoEngine, "ollama serve")
		})
	})

	t.Run("FollowsTheSettings", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			w.host(local)
			other := w.host("10.0.0.9:1234")
			other.SetModels("far:latest")
			w.run()
			before, err := w.Preferred()
			if err != nil {
				t.Fatal(err)
			}
			w.Configure(Settings{URL: "http://10.0.0.9:1234", Demo: "auto"})
			target, err := w.Resolve(w.t.Context(), "far") // waits for the first probe
			if err != nil || !target.has("far") || target.Base.Host != "10.0.0.9:1234" {
				t.Errorf("target %+v, %v", target, err)
			}
			resp, err := before.Transport.RoundTrip(must(http.NewRequest("GET", before.Base.String(), nil)))
			if err != nil {
				t.Fatalf("the old target is dead: %v", err)
			}
			_ = resp.Body.Close()
			w.Configure(Settings{URL: "demo", Demo: "auto"})
			_ = w.serves(DemoModel, "demo")
			w.Configure(Settings{URL: "", Demo: "never"})
			_ = w.serves("tiny", "ollama")
			if p, err := w.Preferred(); err != nil || p.Simulated {
				t.Errorf("preferred %+v, %v", p.Info, err)
			}
		})
	})

	t.Run("WaitsForAnEngineThatReplacesTheOnesItLookedAt", func(t *testing.T) {
		var once sync.Once
		var w *world
		o := Options{Load: func(string, string) Load {
			once.Do(func() { w.Configure(Settings{URL: "http://10.0.0.9:1234", NoDiscovery: true, Demo: "never"}) })
			return Load{}
		}}
		inWorld(t, o, func(in *world) {
			w = in
			w.look(defaultOllama, "http://127.0.0.1:11500")
			for _, addr := range []string{local, "127.0.0.1:11500", "10.0.0.9:1234"} {
				w.host(addr)
			}
			w.run()
			if target, err := w.Resolve(w.t.Context(), "tiny"); err != nil || target.Base.Host != "10.0.0.9:1234" {
				t.Errorf("target %+v, %v", target.Info, err)
			}
		})
	})

	t.Run("FailsAtOnceWhileTheEngineIsDown", func(t *testing.T) {
		inWorld(t, Options{RealSeen: true}, func(w *world) {
			w.run()
			w.after(time.Minute)
			before := w.dials.Load()
			began := time.Now()
			_ = w.serves("tiny", "")
			if took := time.Since(began); took != 0 {
				t.Errorf("took %v", took)
			}
			w.after(0)
			if w.dials.Load() == before {
				t.Error("no probe was made")
			}
		})
	})

	t.Run("ProbesLessAndLessWhileAnEngineIsDown", func(t *testing.T) {
		for _, c := range []struct {
			url  string
			want int32 // dials in two minutes
		}{
			{"http://127.0.0.1:9", 5 + 24}, // at 0, 1, 3, 7, then each 5 s
			{"http://10.0.0.9:9", 5 + 4},   // at 0, 1, 3, 7, 15, then each 30 s… the fifth gap is 16 s
		} {
			inWorld(t, Options{Settings: Settings{URL: c.url}, RealSeen: true}, func(w *world) {
				w.run()
				w.after(2 * time.Minute)
				if got := w.dials.Load(); got < c.want-3 || got > c.want+3 {
					t.Errorf("%s: %d probes, want about %d", c.url, got, c.want)
				}
			})
		}
	})

	t.Run("ForgivesOneSlowAnswerOfABusyMachine", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			e := w.host(local)
			w.run()
			e.Probe(backendstest.Script{End: backendstest.Stall})
			w.after(probeEvery + probeTimeout + 100*time.Millisecond)
			_ = w.serves("tiny", "ollama")
			w.after(probeTimeout + probeSoonest)
			wants(t, w.serves("tiny", ""), ErrNoEngine, "does not answer in time")
		})
	})

	t.Run("PrefersTheAddressInTheEnvironment", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			w.look("0.0.0.0:5000", defaultOllama)
			w.host(local)
			e := w.host("127.0.0.1:5000")
			w.run()
			p, err := w.Preferred()
			if err != nil || p.URL != "http://127.0.0.1:5000" || p.Name != "ollama" {
				t.Errorf("preferred %+v, %v", p.Info, err)
			}
			if all := w.Snapshot(); len(all) != 2 || !all[0].Active || all[1].Active {
				t.Errorf("snapshot %+v", all)
			}
			e.Stop()
			w.after(probeEvery)
			if p, err := w.Preferred(); err != nil || p.Name != "ollama-2" {
				t.Errorf("preferred %+v, %v", p.Info, err)
			}
		})
	})

	t.Run("ListsNoAddressWhereNothingWasEverFound", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			w.look("127.0.0.1:5000", defaultOllama)
			w.host(local)
			w.run()
			if all := w.Snapshot(); len(all) != 1 || all[0].URL != defaultOllama {
				t.Errorf("snapshot %+v", all)
			}
		})
	})

	t.Run("IsNotFooledByItself", func(t *testing.T) {
		t.Run("ByAddress", func(t *testing.T) {
			inWorld(t, Options{Self: []string{"127.0.0.1:11435"}}, func(w *world) {
				w.look("http://localhost:11435", defaultOllama)
				self := w.host("localhost:11435")
				w.run()
				if len(w.Snapshot()) != 2 || self.Hits("/api/version") != 0 { // the demo and 11434
					t.Errorf("snapshot %+v", w.Snapshot())
				}
			})
		})
		t.Run("ByItsHealthPage", func(t *testing.T) {
			inWorld(t, Options{}, func(w *world) {
				w.look("http://127.0.0.1:7777")
				w.host("127.0.0.1:7777").Page("/health", `{"status":"ok","carpool":"1.0"}`)
				w.run()
				_ = w.serves(DemoModel, "demo")
				if all := w.Snapshot(); len(all) != 2 || !strings.Contains(all[1].Problem, "Carpool's own address") {
					t.Errorf("snapshot %+v", all)
				}
			})
		})
		t.Run("ByChoice", func(t *testing.T) {
			inWorld(t, Options{Settings: Settings{URL: "http://[::1]:11435"}, Self: []string{"127.0.0.1:11435", "[::1]:11435"}, RealSeen: true}, func(w *world) {
				w.run()
				wants(t, w.serves("tiny", ""), ErrNoEngine, "Carpool's own address", "engine.url")
				if w.dials.Load() != 0 {
					t.Error("called itself")
				}
			})
		})
	})

	t.Run("TakesTheSlotsThatWhoeverStartedAnEngineTells", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			w.TellSlots("http://127.0.0.1:11434/", 4) // before it was ever seen
			w.host(local)
			w.run()
			before := w.Snapshot()[0]
			w.TellSlots("http://127.0.0.1:11434", 2)
			w.after(2 * time.Second)
			after := w.Snapshot()[0]
			w.TellSlots("http://127.0.0.1:9999", 7) // nobody's
			w.TellSlots("http://127.0.0.1:11434", 0)
			w.after(2 * time.Second)
			last := w.Snapshot()[0]
			if before.Slots != 4 || after.Slots != 2 || after.Epoch == before.Epoch || last.Slots != 0 {
				t.Errorf("slots %d, then %d, then %d", before.Slots, after.Slots, last.Slots)
			}
		})
	})
	t.Run("TakesNothingElseForOllama", func(t *testing.T) {
		for name, s := range map[string]backendstest.Script{
			"status":    {Status: 500},
			"page":      {Body: "<html>hello"},
			"other api": {Body: `{"object":"list"}`},
			"redirect":  {Status: 302, Header: http.Header{"Location": {"http://127.0.0.1:1/"}}},
			"garbage":   {End: backendstest.Garbage},
		} {
			t.Run(name, func(t *testing.T) {
				inWorld(t, Options{RealSeen: true}, func(w *world) {
					w.host(local).Probe(s)
					w.run()
					wants(t, w.serves("tiny", ""), ErrNoEngine, "Ollama at")
				})
			})
		}
	})
}

func TestRegistryOverSockets(t *testing.T) {
	e := backendstest.New(t)
	r := NewRegistry(Options{Settings: Settings{URL: e.URL}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	target, err := r.Resolve(ctx, "tiny")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := target.Transport.RoundTrip(must(http.NewRequest("POST", target.Base.JoinPath("/api/generate").String(), strings.NewReader(`{"model":"tiny"}`))))
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	_ = resp.Body.Close()
	if q, _ := e.Last("/api/generate"); q.Header.Get("Accept-Encoding") != "" {
		t.Error("the transport asks for compression")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestParsePlaceReadsWhatOllamaReads(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "http://127.0.0.1:11434",
		"example.com":              "http://example.com:11434",
		"example.com:1234":         "http://example.com:1234",
		":1234":                    "http://127.0.0.1:1234",
		"0.0.0.0":                  "http://127.0.0.1:11434",
		"0.0.0.0:1234":             "http://127.0.0.1:1234",
		"[::]:1234":                "http://[::1]:1234",
		"::1":                      "http://[::1]:11434",
		"[::1]":                    "http://[::1]:11434",
		"http://example.com":       "http://example.com:80",
		"https://example.com":      "https://example.com:443",
		"https://example.com:8443": "https://example.com:8443",
		"http://example.com/ai/":   "http://example.com:80/ai",
		"example.com:99999":        "http://example.com:11434",
		" \"example.com\" ":        "http://example.com:11434",
		"localhost:11435":          "http://localhost:11435",
	} {
		if got := parsePlace(in).String(); got != want {
			t.Errorf("parsePlace(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestPlaceKnowsItself(t *testing.T) {
	for _, c := range []struct {
		place, self string
		want        bool
	}{
		{"127.0.0.1:11435", "127.0.0.1:11435", true},
		{"localhost:11435", "127.0.0.1:11435", true},
		{"localhost:11435", "[::1]:11435", true},
		{"0.0.0.0:11435", "127.0.0.1:11435", true},
		{"127.0.0.1:11435", "0.0.0.0:11435", true},
		{"127.0.0.1:11434", "127.0.0.1:11435", false},
		{"192.168.1.7:11435", "127.0.0.1:11435", false},
		{"192.168.1.7:11435", "192.168.1.7:11435", true},
		{"127.0.0.1:11435", "", false},
	} {
		if got := parsePlace(c.place).isSelf([]string{c.self}); got != c.want {
			t.Errorf("%s is %s: %v", c.place, c.self, got)
		}
	}
}

func TestRegistry_AnEngineThatStaysKeepsItsNameToItself(t *testing.T) {
	t.Setenv("OLLAMA_HOST", "127.0.0.1:9999")
	r := NewRegistry(Options{Settings: Settings{URL: "http://127.0.0.1:11434", Demo: "never"}})
	r.Configure(Settings{URL: "", Demo: "never"}) // now OLLAMA_HOST comes first, and 11434 stays
	names := map[string]string{}
	for _, e := range r.engines {
		if other, taken := names[e.info.Name]; taken {
			t.Errorf("%s and %s are both %s", other, e.info.URL, e.info.Name)
		}
		names[e.info.Name] = e.info.URL
	}
	if names["ollama"] == "" || names["ollama-2"] == "" {
		t.Errorf("%v", names)
	}
}

func TestRegistry_ANameOfTheSettingsIsNobodyElses(t *testing.T) {
	t.Setenv("OLLAMA_HOST", "")
	r := NewRegistry(Options{Settings: Settings{Demo: "never"}})
	r.Configure(Settings{Demo: "never"})
	r.engines[0].info.Epoch = 7
	found := r.engines[0].info
	r.Configure(Settings{Demo: "never", Engines: []Source{{Name: "ollama", URL: "http://127.0.0.1:11500"}}})
	names := map[string]Info{}
	for _, e := range r.engines {
		if other, taken := names[e.info.Name]; taken {
			t.Errorf("%s and %s are both %s", other.URL, e.info.URL, e.info.Name)
		}
		names[e.info.Name] = e.info
	}
	if got := names["ollama-2"].URL; got != found.URL {
		t.Errorf("%s is now %+v", found.URL, names)
	}
	if got := names["ollama"]; got.URL != "http://127.0.0.1:11500" || got.Epoch < found.Epoch {
		t.Errorf("ollama is %s with epoch %d, want at least that of the one before, %d", got.URL, got.Epoch, found.Epoch)
	}
}
