package ui

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"carpool/app"
	"carpool/app/config"
	"carpool/app/gpus"
	"carpool/app/tuner"
	"carpool/app/yield"
	"carpool/backends"
	"carpool/backends/launch"
	"carpool/batching"
	"carpool/gpu"
	"carpool/storage"
)

// fakeCarpool keeps the settings like an app and hands out snapshots of a scene.
type fakeCarpool struct {
	mu       sync.Mutex
	snapshot app.Snapshot
	sets     []string
	fail     error
	watch    chan app.Snapshot
	quit     bool
	checks   []app.EngineCheck
	hold     chan struct{} // orders wait for it; nil = they do not
	queue    chan func()   // for Fyne's goroutine, which is the test's own

	// What the history answers; nil = nothing is in it. Set before the window is shown.
	points   func(q app.Range, most int) app.Points
	requests func(f app.Filter) ([]app.RequestRow, int64)
	batches  func(f app.Filter) ([]app.BatchRow, int64)
	events   []app.Event
	names    app.Names
	uses     []app.AppUse
	asked    func(app.Range) // hears of each AppUse; nil = no one does
	curve    []app.CurvePoint
	trials   []app.Trial
	size     app.HistorySize
	guides   []app.ConnectGuide
	login    app.Autostart
}

func newFake(s app.Snapshot) *fakeCarpool {
	return &fakeCarpool{snapshot: s, watch: make(chan app.Snapshot, 1), queue: make(chan func(), 100)}
}

func (f *fakeCarpool) Watch(ctx context.Context) <-chan app.Snapshot {
	out := make(chan app.Snapshot)
	go func() {
		defer close(out)
		for {
			select {
			case <-ctx.Done():
				return
			case s := <-f.watch:
				select {
				case out <- s:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out
}

func (f *fakeCarpool) Set(_ context.Context, key, value string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	next, err := f.snapshot.Config.With(key, value)
	if err != nil {
		return err
	}
	f.sets = append(f.sets, key+"="+value)
	f.snapshot.Config = next
	return nil
}

func (f *fakeCarpool) Setting(key string) (app.Setting, bool) { return config.Lookup(key) }

func (f *fakeCarpool) Autostart() (app.Autostart, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.login, nil
}

func (f *fakeCarpool) SetAutostart(on bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail == nil {
		f.login.On = on
	}
	return f.fail
}

func (f *fakeCarpool) Quit() { f.quit = true }

func (f *fakeCarpool) StartEngine(_ context.Context, w app.EngineWanted) (app.EngineState, error) {
	return app.EngineState{}, f.order("start " + string(w.Kind))
}

func (f *fakeCarpool) StopEngine(_ context.Context, name string) error {
	return f.order("stop " + name)
}

func (f *fakeCarpool) Yield(_ context.Context, o app.YieldOrder) error {
	return f.order(fmt.Sprintf("yield, stop %v", o.Stop))
}

func (f *fakeCarpool) Resume(context.Context) error { return f.order("resume") }

func (f *fakeCarpool) CheckEngines() []app.EngineCheck {
	_ = f.order("check")
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.checks
}

func (f *fakeCarpool) Settings() []app.Setting { return config.Settings() }

func (f *fakeCarpool) Points(_ context.Context, q app.Range, most int) (app.Points, error) {
	if f.points == nil {
		return app.Points{}, f.fail
	}
	return f.points(q, most), f.fail
}

func (f *fakeCarpool) FindRequests(_ context.Context, q app.Filter) ([]app.RequestRow, int64, error) {
	if f.requests == nil {
		return nil, 0, f.fail
	}
	rows, n := f.requests(q)
	return rows, n, f.fail
}

func (f *fakeCarpool) FindBatches(_ context.Context, q app.Filter) ([]app.BatchRow, int64, error) {
	if f.batches == nil {
		return nil, 0, f.fail
	}
	rows, n := f.batches(q)
	return rows, n, f.fail
}

func (f *fakeCarpool) Decisions(context.Context, app.Range) ([]app.Event, error) {
	return f.events, f.fail
}

func (f *fakeCarpool) Names(context.Context, app.Range) (app.Names, error) { return f.names, f.fail }

func (f *fakeCarpool) AppUse(_ context.Context, q app.Range) ([]app.AppUse, error) {
	if f.asked != nil {
		f.asked(q)
	}
	return f.uses, f.fail
}

func (f *fakeCarpool) Curve(context.Context, string, string) ([]app.CurvePoint, error) {
	return f.curve, f.fail
}

func (f *fakeCarpool) Trials(context.Context) ([]app.Trial, error) { return f.trials, f.fail }

func (f *fakeCarpool) Export(_ context.Context, _ app.Range, folder, format string) ([]string, error) {
	return []string{folder + "/requests." + format}, f.order("export " + format + " to " + folder)
}

func (f *fakeCarpool) HistorySize(context.Context) (app.HistorySize, error) { return f.size, f.fail }

func (f *fakeCarpool) WipeHistory(context.Context) error { return f.order("wipe") }

func (f *fakeCarpool) CompactHistory(context.Context) (int64, error) {
	return 1 << 20, f.order("compact")
}

func (f *fakeCarpool) CancelRequest(ticket uint64) error {
	return f.order(fmt.Sprint("cancel ", ticket))
}

func (f *fakeCarpool) MoveToFront(ticket uint64) error { return f.order(fmt.Sprint("front ", ticket)) }

func (f *fakeCarpool) StartTrial(_ context.Context, w app.TrialWanted) error {
	return f.order(fmt.Sprintf("trial %+v", w))
}

func (f *fakeCarpool) CancelTrial() { _ = f.order("cancel trial") }

func (f *fakeCarpool) ConnectGuides() []app.ConnectGuide { return f.guides }

func (f *fakeCarpool) order(what string) error {
	if f.hold != nil {
		<-f.hold
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sets = append(f.sets, what)
	return f.fail
}

func (f *fakeCarpool) did() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.sets...)
}

// now is a snapshot with what was set.
func (f *fakeCarpool) now() app.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.snapshot
	s.At = time.Now().Add(time.Minute)
	return s
}

// now is the moment of all scenes.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// idle is a Carpool that has just found its engine.
func idle() app.Snapshot {
	c := config.Default()
	c.Batching.Mode = "fixed"
	c.Window.Welcome, c.Window.ExplainOff = false, false // they would stand before what a test looks at
	return app.Snapshot{
		At: now, Started: now.Add(-42 * time.Minute), Version: "0.1.0",
		Sentence: "Ready, nothing is running", Basis: "Ollama 0.17.4 · fixed at 8 · 127.0.0.1:11435",
		Listen: []string{"127.0.0.1:11435"}, Endpoint: "http://127.0.0.1:11435",
		Config: c, SizeKey: "batching.max_batch_size",
		Limits: batching.Limits{Mode: batching.Fixed, Size: 8, Parallel: 1, Reason: "fixed at 8"},
		Engines: []backends.Info{{Name: "ollama", Kind: backends.KindOllama, Label: "Ollama", Version: "0.17.4",
			URL: "http://127.0.0.1:11434", Health: backends.Up, Active: true,
			Models: []backends.Model{{Name: "nomic-embed-text:latest", Size: 274e6},
				{Name: "qwen3:8b", Size: 5.2e9, Loaded: true, VRAM: 6e9}, {Name: "gemma3:4b", Size: 3.3e9}}}},
		GPU:     gpus.State{Reading: gpu.Reading{At: now, Reason: "no NVIDIA GPU"}},
		History: storage.State{OK: true},
	}
}

// busy is a Carpool with work, ten minutes of it.
func busy() app.Snapshot {
	s := idle()
	s.Sentence = "4 running, 3 waiting, 232 tokens per second"
	s.Batching = batching.Totals{Batches: 753, Requests: 1204, InFlight: 4, QueueDepth: 3, AvgBatchSize: 1.6, AvgConcurrency: 3.4, Tokens: 412_907}
	key := batching.Key{Engine: "ollama", Model: "qwen3:8b"}
	s.Config.Batching.Mode, s.SizeKey = "adaptive", "adaptive.max"
	s.Limits.Size, s.Limits.Reason = 4, "engine runs 4 at once"
	s.Tuning = []tuner.State{{Key: key, Limit: 4, Slots: 4, SlotsBy: "engine wait", Reason: "engine runs 4 at once", Phase: "steady"}}
	s.Basis = "Ollama 0.17.4 · 4 slots · adaptive at 4 · 127.0.0.1:11435"
	ago := func(seconds float64) time.Time { return now.Add(-time.Duration(seconds * float64(time.Second))) }
	s.Queues = []batching.QueueState{{
		Key: key, Limits: s.Limits, Limit: 4, Depth: 3,
		Running: []batching.Running{
			{Ticket: 11, App: "Open WebUI", Released: ago(10.2), FirstToken: ago(10), Tokens: 611, MaxTokens: 1000},
			{Ticket: 12, App: "VS Code · Continue", Released: ago(3.1), FirstToken: ago(3), Tokens: 175, MaxTokens: 870},
			{Ticket: 13, App: "n8n", Released: ago(41), FirstToken: ago(40), Tokens: 2290},
			{Ticket: 14, App: "batch-notes.py", Released: ago(0.4), MaxTokens: 200},
		},
		Waiting: []batching.Waiting{
			{Ticket: 21, App: "Home Assistant", Priority: batching.Urgent, Position: 1, Why: "next: 4 places are taken", Expected: 400 * time.Millisecond},
			{Ticket: 23, App: "batch-notes.py", Position: 3, Why: "its app has had more", Expected: 6 * time.Second},
			{Ticket: 22, App: "a script with a rather long name.py", Position: 2, Why: "after 1 other", Expected: 3 * time.Second},
		},
	}}
	value := func(v float64) *float64 { return &v }
	bytes := func(gib float64) *uint64 { b := uint64(gib * (1 << 30)); return &b }
	for i := range 600 {
		t := float64(i)
		sample := app.Sample{At: now.Add(time.Duration(i-599) * time.Second), Limit: 4,
			Running: int(min(4, 4+2*math.Sin(t/50))), Waiting: int(3 + 3*math.Sin(t/80+2)),
			TokensPS:   190 + 50*math.Sin(t/60) + 15*math.Sin(t/3.3),
			TokensInPS: 60 + 40*math.Sin(t/25), Utilization: value(.7 + .2*math.Sin(t/30)),
			MemoryUsed: bytes(9 + t/200), MemoryTotal: bytes(24), MemoryOurs: bytes(8 + t/200), MemoryOthers: bytes(1)}
		if i < 250 || i > 320 {
			sample.FirstP50 = value(0.4 + 0.1*math.Sin(t/40))
			sample.FirstP95 = value(1.2 + 0.4*math.Sin(t/45) + 0.1*math.Sin(t/2.1))
		}
		s.Live = append(s.Live, sample)
	}
	s.GPU = gpus.State{
		Reading: gpu.Reading{At: now, Available: true, Name: "NVIDIA GeForce RTX 4090", MemoryUsed: bytes(12), MemoryTotal: bytes(24), Utilization: value(.84), Power: value(212.4)},
		Ours:    gpus.Part{Memory: bytes(11)}, Others: gpus.Part{Memory: bytes(1)},
	}
	s.Energy.JoulesPer1000 = value(914.2)
	return s
}

// yielding is a Carpool that makes way for a game.
func yielding() app.Snapshot {
	s := busy()
	s.Sentence = "Making way for cs2, 1 running, 3 waiting"
	s.Queues[0].Running, s.Queues[0].Limit = s.Queues[0].Running[:1], 1
	s.Batching.InFlight, s.Limits.Size = 1, 1
	s.Yield = yield.State{On: true, Since: now.Add(-100 * time.Second), Size: 1, Engines: []string{"ollama"}, Reason: "cs2 uses 62 % of the GPU"}
	for i := range s.Live[500:] {
		l := &s.Live[500+i]
		more := uint64(7 << 30)
		*l.MemoryUsed += more
		*l.MemoryOthers += more
		l.Limit, l.Running = 1, 1
	}
	return s
}

// lent is a Carpool whose user wants the GPU, with a request that still ends.
func lent(running int) app.Snapshot {
	s := yielding()
	s.Sentence = "GPU given away until 15:30, 3 waiting"
	s.Batching.InFlight, s.Queues[0].Running = running, s.Queues[0].Running[:running]
	s.Yield.Manual, s.Yield.Size, s.Yield.Until = true, 0, time.Date(2026, 11, 23, 15, 30, 0, 0, time.Local)
	return s
}

// simulated is a first start without an engine.
func simulated() app.Snapshot {
	s := idle()
	s.Simulated = true
	s.Basis = "Demo engine (simulated) · 4 slots · fixed at 8 · 127.0.0.1:11435"
	s.Engines = []backends.Info{
		{Name: "demo", Kind: backends.KindDemo, Label: "Demo engine (simulated)", Health: backends.Up, Simulated: true, Active: true,
			Slots: 4, Models: []backends.Model{{Name: "carpool-demo", Loaded: true, Size: 4.7e9}}},
		{Name: "ollama", Kind: backends.KindOllama, Label: "Ollama", URL: "http://127.0.0.1:11434", Health: backends.Down, Problem: "connection refused"},
	}
	return s
}

// several is a Carpool with engines of all sorts, one of which it runs.
func several() app.Snapshot {
	s := busy()
	s.Basis = "Ollama 0.17.4 · 4 slots · LM Studio 0.4 or newer · OpenAI-compatible engine (cluster) 0.21.0 · adaptive at 4 · 127.0.0.1:11435"
	s.Engines[0].Group = "desk"
	s.Engines = append(s.Engines,
		backends.Info{Name: "lmstudio", Kind: backends.KindLMStudio, Label: "LM Studio", Version: "0.4 or newer", URL: "http://127.0.0.1:1234",
			Health: backends.Up, Group: "desk", Slots: 1,
			Models: []backends.Model{{Name: "google/gemma-3-12b", Loaded: true, Size: 8.1e9}, {Name: "not-loaded", Size: 1e9}}},
		backends.Info{Name: "cluster", Kind: backends.KindOpenAI, Label: "OpenAI-compatible engine (cluster)", Version: "0.21.0", URL: "http://gpu.lan:8000",
			Health: backends.Up, Problem: "OpenAI-compatible engine (cluster) failed 5 times in a row and is tried again in 8 s",
			Models: []backends.Model{{Name: "meta-llama/Llama-3.3-70B-Instruct", Loaded: true}}},
		backends.Info{Name: "box", Kind: backends.KindLlamaCPP, Label: "llama.cpp (box)", URL: "http://192.168.178.23:8080", Health: backends.Down,
			Problem: "llama.cpp (box) at http://192.168.178.23:8080 does not answer: start llama-server, or set engines.list"})
	s.Launch = []app.EngineState{{Name: "ollama", Kind: "ollama", Label: "Ollama", Status: "running", Since: now.Add(-time.Hour),
		URL: "http://127.0.0.1:11434", PID: 4711, Slots: 4}}
	return s
}

// grouped is a Carpool with two models at work, a long queue and advice.
func grouped() app.Snapshot {
	s := several()
	s.Sentence = "6 running, 12 waiting, 298 tokens per second"
	ago := func(seconds float64) time.Time { return now.Add(-time.Duration(seconds * float64(time.Second))) }
	s.Queues = append(s.Queues, batching.QueueState{Key: batching.Key{Engine: "lmstudio", Model: "google/gemma-3-12b"}, Limit: 2, Depth: 1,
		Running: []batching.Running{
			{Ticket: 31, App: "Zed", Released: ago(5), FirstToken: ago(4), Tokens: 130, MaxTokens: 400},
			{Ticket: 32, App: "Obsidian", Released: ago(8), FirstToken: ago(7), Tokens: 240, Leaving: true},
		},
		Waiting: []batching.Waiting{{Ticket: 41, App: "Zed", Position: 1, Why: "next: 2 places are taken", Expected: 2 * time.Second}}})
	for i := range 8 {
		s.Queues[0].Waiting = append(s.Queues[0].Waiting, batching.Waiting{Ticket: uint64(50 + i), App: "batch-notes.py", Priority: batching.Background,
			Position: 4 + i, Why: "after its others", Expected: time.Duration(9+3*i) * time.Second})
	}
	s.Queues[0].Depth = 11
	s.Batching.InFlight, s.Batching.QueueDepth = 6, 12
	s.Advice = []app.Advice{{Kind: "slots", Title: "Ollama could run 6 at once", Text: "3.1 GiB are free; two more slots of 8k context take 2.1 GiB and gain about 22 %.", Button: "Show how", Engine: "ollama"}}
	return s
}

// installed has no engine, but the programs of two.
func installed() app.Snapshot {
	s := idle()
	s.Sentence, s.Basis = "No engine is running", "fixed at 8 · 127.0.0.1:11435"
	s.Engines = []backends.Info{{Name: "ollama", Kind: backends.KindOllama, Label: "Ollama", URL: "http://127.0.0.1:11434", Health: backends.Down,
		Problem: "Ollama at http://127.0.0.1:11434 does not answer: start it, or set engine.url"}}
	s.Problems = []string{s.Engines[0].Problem}
	s.Launchable = []app.EngineProgram{{Kind: "ollama", Label: "Ollama"}, {Kind: "lmstudio", Label: "LM Studio"}}
	return s
}

// checked is what Carpool says of the engines of several.
func checked() []app.EngineCheck {
	ollama := launch.Seen{Name: "ollama", Label: "Ollama", Kind: launch.Ollama, URL: "http://127.0.0.1:11434", Slots: 1, SlotsBy: "engine wait",
		Local: true, Found: launch.Found{Service: launch.Systemd, Unit: "ollama.service"}}
	studio := launch.Seen{Name: "lmstudio", Label: "LM Studio", Kind: launch.LMStudio, URL: "http://127.0.0.1:1234", Slots: 1, SlotsBy: "told", Local: true}
	return []app.EngineCheck{launch.NewCheck(ollama), launch.NewCheck(studio)}
}

// inTrouble has nothing that answers.
func inTrouble() app.Snapshot {
	s := idle()
	s.Sentence = "No engine is running"
	s.Problems = []string{"Ollama at 127.0.0.1:11434 does not answer: start it, or set engine.url", "settings not taken: line 7: max_batch_size must be 1–8192"}
	s.Engines[0].Health = backends.Down
	s.Config.Batching.Enabled = false
	s.Limits = batching.Limits{Mode: batching.Serial, Reason: "batching is off: one request at a time"}
	return s
}

// open shows a window of the scene. The setter is not running; see live.
func open(t *testing.T, s app.Snapshot, theme string, width, height float32) (*Window, *fakeCarpool, fyne.Window) {
	t.Helper()
	test.NewTempApp(t)
	s.Config.Window.Theme = theme
	fake := newFake(s)
	t.Cleanup(func() { Speak("en") })
	Speak(s.Config.Window.Language)
	fyne.CurrentApp().Settings().SetTheme(NewTheme(theme))
	w := New(fake)
	w.do = func(f func()) { fake.queue <- f }
	fw := test.NewTempWindow(t, w.Content())
	fw.SetPadded(false)
	fw.Resize(fyne.NewSize(width, height))
	w.Bind(fw.Canvas(), fake.Quit)
	w.show(s)
	return w, fake, fw
}

// live runs the window until the test ends.
func live(t *testing.T, w *Window) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { w.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// eventually does what comes for Fyne's goroutine until ok.
func (f *fakeCarpool) eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit:
			t.Fatalf("not within 20 s: %s", what)
		case do := <-f.queue:
			do()
		case <-tick.C:
		}
	}
}

var errOutOfRange = errors.New("batching.max_batch_size: 9000 is not within 1–8192")
