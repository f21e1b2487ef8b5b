package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"carpool/app"
	"carpool/app/advice"
	"carpool/app/config"
	"carpool/app/connect"
	"carpool/app/control"
	"carpool/app/energy"
	"carpool/app/fit"
	"carpool/app/gateway"
	"carpool/app/gpus"
	"carpool/app/trial"
	"carpool/app/tuner"
	"carpool/app/yield"
	"carpool/backends"
	"carpool/backends/launch"
	"carpool/batching"
	"carpool/gpu"
	"carpool/storage"
)

// asProgram has the tests' program be carpool itself, for tests that kill one.
const asProgram = "CARPOOL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(Main(context.Background(), os.Args[1:], "1.2.3", nil, os.Stdout, os.Stderr))
	}
	for _, name := range []string{"CARPOOL_CONFIG", "CARPOOL_STATE", "CARPOOL_LISTEN", "CARPOOL_ENGINE"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m,
		// lumberjack never ends its goroutine.
		goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun"))
}

// fake is a Carpool that can be called but does nothing.
type fake struct {
	mu       sync.Mutex
	snapshot app.Snapshot
	asked    []string
	query    storage.Query
	uses     []storage.EnergyUse
	trial    []trial.State // of the next snapshots; the last one stays
	early    string        // why a benchmark ends before its time; "" = it does not
}

func (f *fake) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what)
}

func (f *fake) Snapshot() app.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.snapshot
	if len(f.trial) > 0 {
		s.Trial = f.trial[0]
		f.trial = f.trial[min(1, len(f.trial)-1):]
	}
	return s
}

func (f *fake) LANToken() (string, error)       { return "carpool-word", nil }
func (f *fake) RotateLANToken() (string, error) { return "carpool-other", nil }

func (f *fake) Show() { f.note("show") }
func (f *fake) Quit() { f.note("quit") }

func (f *fake) Set(_ context.Context, key, value string) error {
	f.note(key + "=" + value)
	var err error
	f.snapshot.Config, err = f.snapshot.Config.With(key, value)
	return err
}

func (f *fake) Requests(_ context.Context, q storage.Query) ([]storage.Request, error) {
	f.query = q
	first, load, tokens := 120.0, 6200.0, int64(40)
	return []storage.Request{
		{ID: "r2", Started: moment0, App: "=cmd()", Model: "tiny", Route: "/api/chat", Outcome: "ok",
			QueueMS: 12, FirstTokenMS: &first, LoadMS: &load, Reload: "num_ctx", OutputTokens: &tokens, TotalMS: 2500},
		{ID: "r1", Started: moment0, App: "bot", Model: "tiny", Route: "/api/chat", Outcome: "error", ErrorKind: "backend_timeout"},
	}, nil
}

func (f *fake) Batches(context.Context, storage.Query) ([]storage.Batch, error) {
	return []storage.Batch{{ID: 9, Started: moment0, Model: "tiny", Mode: "static", Why: "full", Released: 8, Running: 8, Limit: 8,
		MaxWaitMS: 50, DurationMS: 61000, Tokens: 320}}, nil
}

func (f *fake) Decisions(context.Context, storage.Query) ([]storage.Decision, error) {
	four, five, eight, budget := int64(4), int64(5), int64(8), int64(16384)
	return []storage.Decision{
		{At: moment0, Engine: "ollama", Model: "tiny", Kind: "limit", OldLimit: &four, NewLimit: &five, Slots: &eight, SlotsBy: "engine wait",
			TokenBudget: &budget, Reason: "4 streams seen at once, more are waiting"},
		{At: moment0, Engine: "ollama", Model: "embedder", Kind: "merge", Reason: "merged calls were slower: one by one from now on"},
	}, nil
}

func (f *fake) StartEngine(_ context.Context, w launch.Wanted) (launch.State, error) {
	f.note(fmt.Sprintf("start %+v", w))
	if w.Kind == launch.LMStudio {
		return launch.State{}, errors.New("LM Studio (lms) was not found: install LM Studio")
	}
	return launch.State{Name: "ollama", Label: "Ollama", Status: launch.Running, PID: 77, URL: "http://127.0.0.1:11434", Why: "4 slots, as asked for"}, nil
}

func (f *fake) StopEngine(_ context.Context, name string) error {
	f.note("stop " + name)
	return nil
}

func (f *fake) EngineLog(string) ([]string, error) { return []string{"one", "t\x1bwo"}, nil }

func (f *fake) CheckEngines() []launch.Check {
	if len(f.snapshot.Engines) == 0 {
		return nil
	}
	return []launch.Check{
		launch.NewCheck(launch.Seen{Name: "ollama", Label: "Ollama", Kind: launch.Ollama, URL: "http://127.0.0.1:11434", Local: true,
			Slots: 1, SlotsBy: "engine wait", Found: launch.Found{Service: launch.Systemd, Unit: "ollama.service"}}),
		launch.NewCheck(launch.Seen{Name: "openai", Label: "vLLM", Kind: "other", URL: "http://gpu:8000"}),
	}
}

// StartTrial begins a benchmark that each snapshot finds further on.
func (f *fake) StartTrial(_ context.Context, w trial.Wanted) error {
	f.note(fmt.Sprintf("trial %+v", w))
	if w.Model == "nope" {
		return errors.New("benchmark: Ollama has no model nope")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trial = measured()
	last := &f.trial[len(f.trial)-1]
	last.Problem, last.Trial.Problem = f.early, f.early
	return nil
}

func (f *fake) CancelTrial() {
	f.note("cancel trial")
}

func (f *fake) CancelRequest(ticket uint64) error {
	if ticket == 99 {
		return batching.ErrGone
	}
	f.note(fmt.Sprint("cancel ", ticket))
	return nil
}

func (f *fake) MoveToFront(ticket uint64) error {
	f.note(fmt.Sprint("front ", ticket))
	return nil
}

func (f *fake) Yield(_ context.Context, o control.YieldOrder) error {
	f.note(fmt.Sprintf("yield %v %v", o.For, o.Stop))
	f.snapshot.Sentence = "GPU given away until 13:00, 1 still running, 3 waiting"
	f.snapshot.Yield = yield.State{On: true, Manual: true, Reason: "GPU given away until 13:00", Since: moment0, Until: moment0.Add(o.For),
		Engines: []string{"llamacpp", "ollama"}, Kept: []string{"unload a.gguf of llama.cpp: the model cannot be unloaded: llama-server keeps its model until it ends"}}
	f.snapshot.Batching.InFlight = 1
	return nil
}

func (f *fake) Resume(context.Context) error {
	f.note("resume")
	f.snapshot.Sentence, f.snapshot.Yield = "1 running, 3 waiting", yield.State{}
	return nil
}

// EngineMemory knows Llama 3.1 8B, on a GPU with 11 GiB to give.
func (f *fake) EngineMemory(q fit.Question) ([]fit.Table, error) {
	f.note(fmt.Sprintf("memory %+v", q))
	if q.Model == "nope" {
		return nil, errors.New("no engine on this machine has the model nope")
	}
	llama := fit.Model{Known: true, Weights: 4920738944, KVPerToken: 128 << 10}
	free := fit.Free{Bytes: 11 << 30, Known: true}
	now := fit.Judge(llama, fit.NewNeed(llama, cmp.Or(q.Slots, 4), cmp.Or(q.Context, 8192)), free)
	now.Engine, now.Model = "ollama", "llama3.1:8b"
	return []fit.Table{fit.NewTable(now, llama, free, 0)}, nil
}

func (f *fake) EnergyUse(_ context.Context, q storage.Query) ([]storage.EnergyUse, error) {
	f.query = q
	return f.uses, nil
}

func (f *fake) Points(_ context.Context, q storage.Query, most int) (storage.Points, error) {
	f.query = q
	f.note(fmt.Sprintf("points %d", most))
	first, p95, used, total, busy, watts := 0.42, 1.3, float64(6<<30), float64(8<<30), 0.87, 151.4
	return storage.Points{Step: time.Hour, Points: []storage.Point{
		{At: moment0.Add(-time.Hour), Seconds: 3600},
		{At: moment0, Seconds: 1800, Running: 2.4, MostRunning: 4, Waiting: 12.2, MostWaiting: 31, Limit: 4, TokensOut: 61.3, TokensIn: 1200,
			FirstTokens: 90, FirstP50: &first, FirstP95: &p95, MemoryUsed: &used, MemoryTotal: &total, Utilization: &busy, Power: &watts},
	}}, nil
}

func (f *fake) AppUse(_ context.Context, q storage.Query) ([]storage.AppUse, error) {
	f.query = q
	first, p95, joules := 0.42, 1.3, 9000.0
	return []storage.AppUse{
		{App: "Open WebUI", Requests: 1200, Failed: 2, Cancelled: 3, PromptTokens: 160000, OutputTokens: 320000, Run: 90 * time.Minute,
			Wait: 12 * time.Second, LongestWait: 800 * time.Millisecond, FirstP50: &first, FirstP95: &p95, Joules: &joules, Last: moment0},
		{App: "=cmd()", Requests: 1, Last: moment0},
	}, nil
}

func (f *fake) HistorySize(context.Context) (storage.Size, error) {
	return storage.Size{Bytes: 12 << 20, Requests: 1200, Samples: 90000, Oldest: moment0}, nil
}

func (f *fake) WipeHistory(context.Context) error { f.note("wipe"); return nil }

func (f *fake) CompactHistory(context.Context) (int64, error) { return 3 << 20, nil }

func (f *fake) ConnectGuides() []app.ConnectGuide {
	return []app.ConnectGuide{
		{App: "Zed", Steps: []connect.Step{{Do: "Add this to settings.json.", Copy: "{\n  \"a\": 1\n}"}, {Do: "Choose a model."}}},
		{App: "curl", Steps: []connect.Step{{Do: "A chat:", Copy: "curl http://127.0.0.1:11435/v1/models"}}},
	}
}

func (f *fake) Summary(context.Context, storage.Query) (storage.Summary, error) {
	return storage.Summary{Requests: 1200, Released: 8, Batches: 1, Outcomes: map[string]int64{"ok": 1199, "error": 1}, PromptTokens: 5, OutputTokens: 40}, nil
}

var moment0 = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// busy is a state in which every part has something to tell.
func busy() app.Snapshot {
	used, total, utilization := uint64(6<<30), uint64(24<<30), 0.45
	watts, joules, cost := 212.4, 3400.0, 0.33
	return app.Snapshot{
		At: moment0, Started: moment0.Add(-time.Hour), Version: "1.2.3", PID: 42,
		Sentence: "1 running, 3 waiting", Basis: "Ollama 0.17.4 · fixed at 8", Endpoint: "http://127.0.0.1:11435",
		Config: config.Default(), Limits: batching.Limits{Reason: "fixed at 8"},
		Queues: []batching.QueueState{{
			Key: batching.Key{Engine: "ollama", Model: "tiny"}, Limit: 8, Depth: 3,
			Running: []batching.Running{{Ticket: 40, ID: "a", App: "chat\x1b[2J", Batch: 7, Queued: moment0.Add(-3 * time.Second),
				Released: moment0.Add(-2 * time.Second), FirstToken: moment0.Add(-time.Second), Tokens: 12, MaxTokens: 100}},
			Waiting: []batching.Waiting{{Ticket: 41, ID: "b", App: "editor", Queued: moment0.Add(-40 * time.Millisecond), Position: 1, Expected: 2500 * time.Millisecond, Why: "8 are running"},
				{Ticket: 42, ID: "c", App: "bot", Priority: batching.Background, Queued: moment0.Add(-time.Second), Why: "after 1 other"}},
		}},
		Tuning: []tuner.State{
			{Key: batching.Key{Engine: "ollama", Model: "tiny"}, Limit: 1, Slots: 1, SlotsBy: "engine wait", TokenBudget: 16384,
				Reason: "the engine runs one at a time", Phase: "steady",
				Advice: "Ollama runs one request at a time (OLLAMA_NUM_PARALLEL is not set): set it to 4 and start Ollama again, so that more can share the GPU"},
			{Key: batching.Key{Engine: "ollama", Model: "large"}, Reason: "batching is off: straight to the engine"},
		},
		Gateway: gateway.Stats{Cache: gateway.CacheStats{Hits: 5, Misses: 7, Entries: 3, Bytes: 4096}, Superseded: 2, Shared: 3,
			Merge: gateway.MergeStats{Calls: 3, Requests: 64, Texts: 70, Saved: 61, Off: []gateway.Unmerged{{
				Key: batching.Key{Engine: "ollama", Model: "bert"}, Reason: "a merged text takes 20 ms, a single one 10 ms", Until: moment0}}}},
		Advice: []advice.Advice{
			{Kind: "slots", Title: "Ollama runs one request at a time", Text: "12 wait.", Button: "Show how", Engine: "ollama"},
			{Kind: "queue", Title: "Queue is deep: 12 on average", Text: "Raise the size from 4 to 8: Ollama has 8 slots for tiny.",
				Button: "Apply 8", Key: "adaptive.max", Value: "8"},
			{Kind: "embeddings", Title: "Embeddings are merged", Text: "212 calls became 31 in 10 minutes: nothing to do."},
		},
		Reloads: gateway.ReloadStats{
			Last: []gateway.Reload{{Key: batching.Key{Engine: "ollama", Model: "tiny"}, At: moment0, Cause: gateway.ByOptions, Parameter: "num_ctx",
				Took: 6200 * time.Millisecond, Text: "Editor asked for num_ctx 8192 where Chat had 4096"}},
			Advice: []gateway.ReloadAdvice{{Text: "tiny was loaded again 3 times in an hour", Command: "carpool set models.num_ctx=tiny=8192"}},
		},
		Batching: batching.Totals{Requests: 1234, Batches: 456, AvgBatchSize: 2.7, AvgConcurrency: 3.14, AvgBatchDuration: 810, Tokens: 56789},
		TokensPS: 61.4,
		Engines: []backends.Info{
			{Name: "ollama", Kind: backends.KindOllama, Label: "Ollama", Version: "0.17.4", URL: "http://127.0.0.1:11434",
				Health: backends.Up, Active: true, Models: []backends.Model{{Name: "tiny"}, {Name: "large"}}},
			{Name: "demo", Kind: backends.KindDemo, Label: "Demo engine (simulated)", Health: backends.Up, Simulated: true},
		},
		GPU:      gpus.State{Reading: gpu.Reading{At: moment0, Available: true, Name: "RTX 4090", MemoryUsed: &used, MemoryTotal: &total, Utilization: &utilization}},
		Yield:    yield.State{On: true, Reason: "blender uses 62 % of the GPU", For: "blender", Since: moment0, Engines: []string{"ollama"}, Size: 1},
		Energy:   energy.State{Watts: &watts, JoulesPer1000: &joules, CostPer1M: &cost, Currency: "EUR"},
		History:  storage.State{Path: "/state/history.db", Problem: "history paused: disk full", Dropped: 3},
		Problems: []string{"history paused: disk full"},
		LogFile:  "/state/carpool.log", ConfigAt: "/config/carpool.toml",
	}
}

// instance is a state folder and a settings file of a test's own.
type instance struct {
	t             *testing.T
	state, config string
	window        app.Window
	stdin         string
}

func newInstance(t *testing.T) instance {
	t.Helper()
	dir, err := os.MkdirTemp("", "cp") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return instance{t: t, state: filepath.Join(dir, "state"), config: filepath.Join(dir, "carpool.toml")}
}

// serve answers for the instance until the test ends.
func (i instance) serve(f *fake) {
	i.t.Helper()
	socket, err := control.Listen(i.t.Context(), i.state)
	if err != nil {
		i.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- control.Serve(ctx, socket, f) }()
	i.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			i.t.Error(err)
		}
	})
	i.await(func() bool { return !errors.Is(control.Dial(i.state).Snapshot(ctx, nil), control.ErrNotRunning) })
}

func (i instance) await(done func() bool) {
	i.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			i.t.Fatal("it did not come about")
		}
	}
}

// carpool runs one command of the instance.
func (i instance) carpool(args ...string) (status int, stdout, stderr string) {
	i.t.Helper()
	var out, notes bytes.Buffer
	args = append(args, "--state", i.state, "--config", i.config)
	c := &cli{version: "1.2.3", window: i.window, stdin: strings.NewReader(i.stdin), stdout: &out, stderr: &notes}
	status = c.main(i.t.Context(), args)
	return status, out.String(), notes.String()
}

// inUTC rewrites the times of this file's data from the zone of the machine.
func inUTC(text string) string {
	for _, at := range []time.Time{moment0, moment0.Add(-time.Hour)} {
		text = strings.ReplaceAll(text, at.Local().Format(time.DateTime), at.Format(time.DateTime))
	}
	return text
}

// golden compares with testdata/name; UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

func TestStatus_HintsAtModelsThatSpill(t *testing.T) {
	spills := app.ModelFit{Model: "big", Loaded: true, Judged: true, Words: "2.0 GiB of it run on the CPU", Advice: "1 slot of 8k would fit"}
	fits, estimated, unknown := spills, spills, spills
	fits.Fits, estimated.Loaded, unknown.Judged = true, false, false
	rows := hintRows(app.Snapshot{Fits: []app.ModelFit{fits, estimated, unknown, spills}})
	if len(rows) != 1 || rows[0][0] != "Hint: 2.0 GiB of it run on the CPU; 1 slot of 8k would fit (big)" {
		t.Errorf("%q", rows)
	}
}

func TestStatus(t *testing.T) {
	i := newInstance(t)
	i.serve(&fake{snapshot: busy()})
	t.Run("TellsAll", func(t *testing.T) {
		_, out, _ := i.carpool("status")
		golden(t, "status.txt", inUTC(out))
	})
	t.Run("LetsNoNameSteerTheTerminal", func(t *testing.T) {
		if _, out, _ := i.carpool("status"); strings.Contains(out, "\x1b") {
			t.Errorf("got %q", out)
		}
	})
	t.Run("PrintsJSONAsItCame", func(t *testing.T) {
		_, out, _ := i.carpool("status", "--json")
		want, err := json.MarshalIndent(busy(), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if out != string(want)+"\n" {
			t.Errorf("got %s", out)
		}
	})
}

func TestSet(t *testing.T) {
	for name, tc := range map[string]struct {
		args        []string
		asked, says string
	}{
		"KeyAndValueInOne":  {[]string{"set", "batching.mode=static"}, "batching.mode=static", "batching.mode = static\n"},
		"KeyThenValue":      {[]string{"set", "max_batch_size", "16"}, "max_batch_size=16", "batching.max_batch_size = 16\n"},
		"ASecretIsNotShown": {[]string{"set", "apps.keys=sk-1=Editor"}, "apps.keys=sk-1=Editor", "apps.keys = ***=Editor\n"},
		"AnEmptyValue":      {[]string{"set", "engine.url="}, "engine.url=", "engine.url =\n"},
		"AValueWithEquals":  {[]string{"set", "engine.url=http://h/a=b"}, "engine.url=http://h/a=b", "engine.url = http://h/a=b\n"},
		"On":                {[]string{"on"}, "batching.enabled=true", "batching.enabled = true\n"},
		"Off":               {[]string{"off"}, "batching.enabled=false", "batching.enabled = false\n"},
	} {
		t.Run("Takes"+name, func(t *testing.T) {
			i, f := newInstance(t), &fake{snapshot: busy()}
			i.serve(f)
			status, out, notes := i.carpool(tc.args...)
			if status != 0 || out != tc.says || strings.Join(f.asked, " ") != tc.asked {
				t.Errorf("status %d, asked %v, says %q %q", status, f.asked, out, notes)
			}
		})
	}
	for name, tc := range map[string]struct{ arg, says string }{
		"AnUnknownKey": {"batching.max_batch=3", "carpool: unknown setting \"batching.max_batch\": did you mean batching.max_batch_size?\n"},
		"NoKeyAtAll":   {"colour=red", "carpool: unknown setting \"colour\": \"carpool config\" lists all\n"},
		"ABadValue":    {"max_batch_size=0", "carpool: batching.max_batch_size: 0 is out of range (1–8192 requests)\n"},
		"NoValue":      {"max_batch_size", "carpool: say \"carpool set KEY=VALUE\", such as \"carpool set max_batch_size=16\"\n"},
	} {
		t.Run("Refuses"+name, func(t *testing.T) {
			i, f := newInstance(t), &fake{snapshot: busy()}
			i.serve(f)
			if status, _, notes := i.carpool("set", tc.arg); status != 1 || notes != tc.says || f.asked != nil {
				t.Errorf("status %d, asked %v, says %q", status, f.asked, notes)
			}
		})
	}
	for mode, says := range map[string]string{
		"serial":      "apps still go through Carpool, one request at a time\n",
		"passthrough": "apps still go through Carpool, straight to the engine\n",
	} {
		t.Run("SaysWhatOffIs/"+mode, func(t *testing.T) {
			i, f := newInstance(t), &fake{snapshot: busy()}
			f.snapshot.Config.Batching.OffMode = mode
			i.serve(f)
			if _, _, notes := i.carpool("off"); notes != says {
				t.Errorf("off says %q", notes)
			}
			if _, _, notes := i.carpool("on"); notes != "requests share the engine again\n" {
				t.Errorf("on says %q", notes)
			}
		})
	}
	t.Run("SaysWhichSizeTheModeUses", func(t *testing.T) {
		i, s := newInstance(t), busy()
		f := &fake{snapshot: s}
		i.serve(f)
		for mode, tc := range map[string]struct{ key, note string }{
			"adaptive": {"max_batch_size", "adaptive.max"},
			"fixed":    {"adaptive.max", "batching.max_batch_size"},
		} {
			s.Config.Batching.Mode = mode
			f.snapshot = s
			if _, _, notes := i.carpool("set", tc.key+"=3"); !strings.Contains(notes, tc.note) {
				t.Errorf("%s: says %q", mode, notes)
			}
		}
		if _, _, notes := i.carpool("set", "adaptive.min=3"); notes != "" {
			t.Errorf("says %q of a size that counts", notes)
		}
	})
	t.Run("TakesTheKeyOfAnEngineThatTheSettingsList", func(t *testing.T) {
		i := newInstance(t)
		for _, arg := range []string{"engines.list=server=openai https://gpu.lan:8000", "engines.keys=$VLLM_KEY=server"} {
			if status, _, notes := i.carpool("set", arg); status != 0 {
				t.Errorf("%s: status %d, says %q", arg, status, notes)
			}
		}
		if status, _, _ := i.carpool("set", "engines.keys=$VLLM_KEY=other"); status != 1 {
			t.Errorf("status %d for an engine that is not listed", status)
		}
	})
	t.Run("SavesForTheNextStartWhenNothingRuns", func(t *testing.T) {
		i := newInstance(t)
		status, out, notes := i.carpool("set", "gateway.listen=127.0.0.1:8080")
		if status != 0 || out != "gateway.listen = 127.0.0.1:8080\n" || !strings.Contains(notes, "not running") {
			t.Errorf("status %d, says %q %q", status, out, notes)
		}
		if c, _, err := config.Load(i.config); err != nil || c.Gateway.Listen != "127.0.0.1:8080" {
			t.Errorf("got %v, %v", c.Gateway.Listen, err)
		}
	})
	t.Run("SaysWhenARestartIsNeeded", func(t *testing.T) {
		i := newInstance(t)
		i.serve(&fake{snapshot: busy()})
		if _, _, notes := i.carpool("set", "gateway.listen=127.0.0.1:8080"); !strings.Contains(notes, "next start") {
			t.Errorf("got %q", notes)
		}
	})
}

func TestConfig(t *testing.T) {
	i := newInstance(t)
	t.Run("ExplainsEveryKey", func(t *testing.T) {
		_, out, _ := i.carpool("config")
		golden(t, "config.txt", out)
	})
	t.Run("ShowsTheFileWhenNothingRuns", func(t *testing.T) {
		if err := os.WriteFile(i.config, []byte("version = 1\n[adaptive]\nmax = 7\nmost = 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, out, notes := i.carpool("config", "adaptive")
		if !strings.Contains(out, "adaptive.max = 7\n") || !strings.Contains(notes, "carpool.toml:4: unknown setting") {
			t.Errorf("got %q, %q", out, notes)
		}
	})
	t.Run("ShowsNoSecretOfTheFile", func(t *testing.T) {
		other := newInstance(t)
		if err := os.WriteFile(other.config, []byte("[apps]\nkeys = [\"sk-1=Editor\"]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, out, _ := other.carpool("config", "apps.keys"); !strings.HasPrefix(out, "apps.keys = ***=Editor\n") {
			t.Errorf("got %q", out)
		}
	})
	t.Run("NamesTheLineOfAMistake", func(t *testing.T) {
		other := newInstance(t)
		if err := os.WriteFile(other.config, []byte("[adaptive]\nmax = 0\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if status, _, notes := other.carpool("config"); status != 1 || !strings.Contains(notes, "carpool.toml:2:1: adaptive.max: 0 is out of range") {
			t.Errorf("status %d, says %q", status, notes)
		}
	})
	t.Run("PrintsThePath", func(t *testing.T) {
		if _, out, _ := i.carpool("config", "path"); out != i.config+"\n" {
			t.Errorf("got %q", out)
		}
	})
	t.Run("FindsNoSuchKey", func(t *testing.T) {
		if status, _, notes := i.carpool("config", "adaptive.mx"); status != 1 || !strings.Contains(notes, "did you mean adaptive.max?") {
			t.Errorf("status %d, says %q", status, notes)
		}
	})
	t.Run("ShowsWhatIsInForceAsJSON", func(t *testing.T) {
		s := busy()
		s.Config.Batching.MaxBatchSize = 77
		i.serve(&fake{snapshot: s})
		_, out, _ := i.carpool("config", "max_batch_size", "--json")
		var got []settingValue
		if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 1 || got[0].Value != "77" || got[0].Default != "8" || got[0].Max != 8192 {
			t.Errorf("got %s, %v", out, err)
		}
	})
}

func TestHistory(t *testing.T) {
	i, f := newInstance(t), &fake{snapshot: busy()}
	i.serve(f)
	t.Run("ShowsRequests", func(t *testing.T) {
		before := time.Now().Add(-time.Hour)
		_, out, _ := i.carpool("history", "--since", "1h", "--limit", "5")
		golden(t, "history.txt", inUTC(out))
		if f.query.Limit != 5 || f.query.Since.Before(before) || f.query.Since.After(time.Now().Add(-time.Hour)) {
			t.Errorf("asked for %+v", f.query)
		}
	})
	t.Run("ShowsBatches", func(t *testing.T) {
		_, out, _ := i.carpool("history", "--batches")
		golden(t, "batches.txt", inUTC(out))
	})
	t.Run("ShowsDecisions", func(t *testing.T) {
		_, out, _ := i.carpool("history", "--decisions")
		golden(t, "decisions.txt", inUTC(out))
	})
	t.Run("ShowsApps", func(t *testing.T) {
		_, out, _ := i.carpool("history", "--apps", "--since", "7d")
		golden(t, "apps.txt", inUTC(out))
		if f.query.Since.After(time.Now().AddDate(0, 0, -7)) {
			t.Errorf("asked for %+v", f.query)
		}
	})
	t.Run("PrintsAppsAsCSV", func(t *testing.T) {
		_, out, _ := i.carpool("history", "--apps", "--csv")
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(rows) != 3 || rows[0][6] != "run_ns" || rows[1][6] != "5400000000000" || rows[2][0] != "'=cmd()" || rows[2][9] != "" {
			t.Errorf("got %q, %v", rows, err)
		}
	})
	t.Run("ShowsPoints", func(t *testing.T) {
		_, out, _ := i.carpool("history", "--points", "--limit", "24")
		golden(t, "points.txt", inUTC(out))
		if !slices.Contains(f.asked, "points 24") {
			t.Errorf("asked for %q", f.asked)
		}
	})
	t.Run("PrintsPointsAsCSVAndJSON", func(t *testing.T) {
		_, out, _ := i.carpool("history", "--points", "--csv", "--limit", "0")
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(rows) != 3 || rows[0][7] != "tokens_per_second" || rows[2][7] != "61.3" || rows[1][10] != "" {
			t.Errorf("got %q, %v", rows, err)
		}
		if !slices.Contains(f.asked, "points 10000") {
			t.Errorf("asked for %q", f.asked)
		}
		_, out, _ = i.carpool("history", "--points", "--json")
		var got struct {
			Step   float64    `json:"step_s"`
			Points []pointRow `json:"points"`
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || got.Step != 3600 || len(got.Points) != 2 || got.Points[1].MostWaiting != 31 {
			t.Errorf("got %s, %v", out, err)
		}
	})
	t.Run("WipesOnceItIsMeant", func(t *testing.T) {
		for _, tt := range []struct {
			answer string
			args   []string
			wiped  bool
		}{{"n\n", nil, false}, {"", nil, false}, {"y\n", nil, true}, {"", []string{"--yes"}, true}} {
			f.asked = nil
			i.stdin = tt.answer
			status, out, notes := i.carpool(append([]string{"history", "--wipe"}, tt.args...)...)
			if wiped := slices.Contains(f.asked, "wipe"); wiped != tt.wiped || (status == 0) != tt.wiped || wiped && out != "The history is empty.\n" {
				t.Errorf("%q %q: wiped %v, status %d, says %q and %q", tt.answer, tt.args, wiped, status, out, notes)
			}
			const question = "Delete the whole history, 1,200 requests and 90,000 seconds in 12 MiB since 2026-01-31? [y/N] "
			if asked := strings.HasPrefix(notes, question); asked != (tt.args == nil) {
				t.Errorf("%q: asks %q", tt.args, notes)
			}
		}
	})
	t.Run("Compacts", func(t *testing.T) {
		if _, out, _ := i.carpool("history", "--compact"); out != "3.0 MiB were given back; the history takes 12 MiB.\n" {
			t.Errorf("got %q", out)
		}
	})
	t.Run("PrintsDecisionsAsCSV", func(t *testing.T) {
		_, out, _ := i.carpool("history", "--decisions", "--csv")
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(rows) != 3 || rows[0][0] != "at" || rows[1][5] != "5" || rows[2][5] != "" {
			t.Errorf("got %q, %v", rows, err)
		}
	})
	t.Run("ShowsOneKindAtATime", func(t *testing.T) {
		if status, _, notes := i.carpool("history", "--decisions", "--batches"); status != 1 || !strings.Contains(notes, "batches decisions apps") {
			t.Errorf("status %d, says %q", status, notes)
		}
	})
	t.Run("PrintsCSVWithoutFormulas", func(t *testing.T) {
		_, out, _ := i.carpool("history", "--csv")
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(rows) != 3 || rows[0][0] != "id" || rows[1][0] != "r2" || rows[1][3] != "'=cmd()" || rows[2][1] != "" {
			t.Errorf("got %q, %v", rows, err)
		}
	})
	t.Run("PrintsJSONWithSums", func(t *testing.T) {
		_, out, _ := i.carpool("history", "--json")
		var got struct {
			Summary  storage.Summary   `json:"summary"`
			Requests []storage.Request `json:"requests"`
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || got.Summary.Requests != 1200 || len(got.Requests) != 2 || *got.Requests[0].OutputTokens != 40 {
			t.Errorf("got %s, %v", out, err)
		}
	})
	t.Run("SaysThatTheLimitCutsOff", func(t *testing.T) {
		if _, _, notes := i.carpool("history", "--limit", "2"); notes != "only the newest 2 are shown; --limit 0 shows more\n" {
			t.Errorf("got %q", notes)
		}
	})
	t.Run("ShowsEnergyByModelAndSize", func(t *testing.T) {
		f.uses = []storage.EnergyUse{
			{Engine: "ollama", Model: "embedder", Running: 2, Requests: 50, PromptTokens: 9000, Joules: 30},
			{Engine: "ollama", Model: "tiny", Running: 1, Requests: 12, PromptTokens: 1200, OutputTokens: 2000, Joules: 9000},
			{Engine: "ollama", Model: "tiny", Running: 8, Requests: 1600, PromptTokens: 160000, OutputTokens: 320000, Joules: 360000},
		}
		before := time.Now().AddDate(0, 0, -7)
		_, out, _ := i.carpool("history", "energy")
		golden(t, "energy.txt", out)
		if f.query.Since.Before(before) || f.query.Since.After(time.Now().AddDate(0, 0, -7)) {
			t.Errorf("asked for %+v", f.query)
		}
		f.snapshot.Config.Energy.Price = "0.35 EUR"
		_, out, _ = i.carpool("history", "energy", "--since", "1h")
		golden(t, "energy-cost.txt", out)
	})
	t.Run("PrintsEnergyAsCSVAndJSON", func(t *testing.T) {
		f.snapshot.Config.Energy.Price = "0.36 EUR"
		_, out, _ := i.carpool("history", "energy", "--csv")
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(rows) != 4 || rows[0][6] != "joules_per_1000_tokens" || rows[1][6] != "" || rows[2][6] != "4500" || rows[3][8] != "0.036" {
			t.Errorf("got %q, %v", rows, err)
		}
		_, out, _ = i.carpool("history", "energy", "--json")
		var got []energyRow
		if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 3 || got[0].JoulesPer1000 != nil || *got[2].JoulesPer1000 != 1125 ||
			got[2].WattHours != 100 || *got[2].Cost != 0.036 || got[2].Currency != "EUR" {
			t.Errorf("got %s, %v", out, err)
		}
	})
	t.Run("SaysWhenNoEnergyIsKnown", func(t *testing.T) {
		f.uses = nil
		if _, out, _ := i.carpool("history", "energy"); out != "No request of that time has its energy known.\n" {
			t.Errorf("got %q", out)
		}
		if _, out, _ := i.carpool("history", "energy", "--json"); out != "[]\n" {
			t.Errorf("got %q", out)
		}
	})
	t.Run("RefusesABadTime", func(t *testing.T) {
		if status, _, notes := i.carpool("history", "--since", "soon"); status != 1 || !strings.Contains(notes, `--since: "soon" is neither`) {
			t.Errorf("status %d, says %q", status, notes)
		}
	})
}

func TestMoment(t *testing.T) {
	for text, want := range map[string]time.Time{
		"90s":                  moment0.Add(-90 * time.Second),
		"7d":                   moment0.AddDate(0, 0, -7),
		"0s":                   moment0,
		"2026-01-30T18:00:00Z": time.Date(2026, 1, 30, 18, 0, 0, 0, time.UTC),
		"2026-01-30":           time.Date(2026, 1, 30, 0, 0, 0, 0, time.Local),
		"2026-01-30 18:30:00":  time.Date(2026, 1, 30, 18, 30, 0, 0, time.Local),
	} {
		if got, err := moment(text, moment0); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1h", "-3d", "yesterday", "2026-13-01"} {
		if got, err := moment(text, moment0); err == nil {
			t.Errorf("%s is taken as %v", text, got)
		}
	}
}

func TestQuitAndVersion(t *testing.T) {
	i, f := newInstance(t), &fake{snapshot: busy()}
	if status, _, notes := i.carpool("quit"); status != 1 || !strings.Contains(notes, `carpool is not running (state folder `+i.state+`); start it with "carpool" or "carpool serve"`) {
		t.Errorf("status %d, says %q", status, notes)
	}
	i.serve(f)
	if status, _, _ := i.carpool("quit"); status != 0 || strings.Join(f.asked, " ") != "quit" {
		t.Errorf("status %d, asked %v", status, f.asked)
	}
	if _, out, _ := i.carpool("version"); !strings.HasPrefix(out, "carpool 1.2.3 (go") {
		t.Errorf("got %q", out)
	}
	if _, out, _ := i.carpool("version", "--json"); !strings.Contains(out, `"version": "1.2.3"`) {
		t.Errorf("got %q", out)
	}
	if status, _, notes := i.carpool("statsu"); status != 1 || !strings.HasSuffix(notes, "\tstatus\n\n") {
		t.Errorf("status %d, says %q", status, notes)
	}
}

func TestPlace(t *testing.T) {
	i := newInstance(t)
	resolved := func(args ...string) place {
		t.Helper()
		c := &cli{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
		root := c.root()
		serve, rest, err := root.Find(append([]string{"serve"}, args...))
		if err != nil {
			t.Fatal(err)
		}
		if err := serve.ParseFlags(rest); err != nil {
			t.Fatal(err)
		}
		if err := c.place.resolve(serve); err != nil {
			t.Fatal(err)
		}
		return c.place
	}
	if got, want := resolved(), (place{config: config.DefaultFile(), state: config.DefaultState()}); got != want {
		t.Errorf("defaults: got %+v, want %+v", got, want)
	}
	t.Setenv("CARPOOL_CONFIG", i.config)
	t.Setenv("CARPOOL_STATE", i.state)
	t.Setenv("CARPOOL_LISTEN", "127.0.0.1:1")
	t.Setenv("CARPOOL_ENGINE", "demo")
	if got, want := resolved(), (place{i.config, i.state, "127.0.0.1:1", "demo"}); got != want {
		t.Errorf("environment: got %+v, want %+v", got, want)
	}
	if got, want := resolved("--config", "/c", "--state", "/s", "--listen", "[::1]:2", "--engine", "http://e"), (place{"/c", "/s", "[::1]:2", "http://e"}); got != want {
		t.Errorf("flags: got %+v, want %+v", got, want)
	}
	if got := resolved("--state", "here").state; !filepath.IsAbs(got) {
		t.Errorf("a path stays relative: %s", got)
	}
}

func TestWorkTellsOfBatchesWhereRequestsShareOne(t *testing.T) {
	var s app.Snapshot
	s.Batching.Requests, s.Batching.Batches, s.Batching.AvgBatchSize, s.Batching.AvgConcurrency, s.Batching.AvgBatchDuration = 535, 526, 1.02, 30.8, 1780
	if got := workRows(s); !strings.HasPrefix(got[0][1], "535 requests since ") || got[1][1] != "30.8 at once on average, 1780 ms each" {
		t.Errorf("%q", got)
	}
	s.Batching.Batches, s.Batching.AvgBatchSize = 200, 2.7
	if got := workRows(s); !strings.HasPrefix(got[0][1], "535 requests in 200 batches since ") || !strings.Contains(got[1][1], "mean batch size 2.7") {
		t.Errorf("%q", got)
	}
}
