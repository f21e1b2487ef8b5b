package app_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/app"
	"carpool/backends/backendstest"
	"carpool/gpu"
	"carpool/gpu/gputest"
	"carpool/storage"
)

// desk is an app before an Ollama, on a GPU that another program may take.
type desk struct {
	*app.App
	t      *testing.T
	engine *backendstest.Engine
	gpu    *gputest.Reader
	ended  <-chan error
	asked  sync.WaitGroup
}

func newDesk(t *testing.T, settings ...string) *desk {
	t.Helper()
	d := &desk{t: t, engine: backendstest.New(t), gpu: gputest.NewReader(used(0, 0))}
	d.engine.SetModels("tiny:latest")
	d.engine.SetLoaded("tiny:latest")
	o := options(t)
	o.Engine, o.GPU = d.engine.URL, d.gpu
	a, err := app.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	d.App = a
	settings = append([]string{"batching.mode=fixed", "batching.max_batch_size=4", "gpu.sample_ms=200", "yield.after_s=1", "yield.back_s=1"}, settings...)
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		if err := a.Set(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	d.ended = ended
	go func() { ended <- a.Run(context.Background()) }()
	t.Cleanup(func() {
		a.Quit()
		d.engine.Release()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		d.asked.Wait()
	})
	until(t, a, "an engine is up", serves)
	return d
}

// used is a reading of a card of 24 GiB of which blender has a part.
func used(gibibytes uint64, utilization float64) gpu.Reading {
	const nobody = 1<<22 + 1 // above all process ids
	memory := gibibytes << 30
	return gputest.Holding(gputest.Busy(1<<30+memory, 24<<30, utilization), gputest.Process(nobody, "/usr/bin/blender", memory, utilization))
}

// reply is what a client got.
type reply struct {
	status int
	body   string
	err    error
}

// ask has a client ask for an answer.
func (d *desk) ask(header ...string) <-chan reply {
	got := make(chan reply, 1)
	endpoint := d.Snapshot().Endpoint
	d.asked.Go(func() {
		defer close(got)
		req, err := http.NewRequest(http.MethodPost, endpoint+"/api/generate", strings.NewReader(`{"model":"tiny","prompt":"nonce:x"}`))
		if err != nil {
			got <- reply{err: err}
			return
		}
		if len(header) > 0 {
			req.Header.Set(header[0], header[1])
		}
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		res, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			got <- reply{err: err}
			return
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		got <- reply{res.StatusCode, string(body), err}
	})
	return got
}

// good checks that an answer is whole.
func (d *desk) good(got <-chan reply) {
	d.t.Helper()
	if r := <-got; r.err != nil || r.status != http.StatusOK || !strings.Contains(r.body, `"done":true`) {
		d.t.Errorf("%d %q, %v", r.status, r.body, r.err)
	}
}

func (d *desk) seen(what string, ok func(app.Snapshot) bool) app.Snapshot {
	d.t.Helper()
	return until(d.t, d.App, what, ok)
}

// load waits until so many run and wait.
func (d *desk) load(running, waiting int) app.Snapshot {
	d.t.Helper()
	return d.seen("requests run and wait", func(s app.Snapshot) bool {
		return s.Batching.InFlight == running && s.Batching.QueueDepth == waiting
	})
}

// limited waits until the model's limit is n.
func (d *desk) limited(n int) app.Snapshot {
	d.t.Helper()
	return d.seen("the limit", func(s app.Snapshot) bool { return len(s.Tuning) == 1 && s.Tuning[0].Limit == n })
}

// decided waits for a row of the history.
func (d *desk) decided(kind, reason string) storage.Decision {
	d.t.Helper()
	var rows []storage.Decision
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var err error
		if rows, err = d.Decisions(d.t.Context(), storage.Query{}); err != nil {
			d.t.Fatal(err)
		}
		for _, r := range rows {
			if r.Kind == kind && strings.HasPrefix(r.Reason, reason) {
				return r
			}
		}
	}
	d.t.Fatalf("no %s: %q in %+v", kind, reason, rows)
	panic("unreachable")
}

func TestYieldsToAnotherProgram(t *testing.T) {
	for name, tt := range map[string]struct {
		taken  gpu.Reading
		reason string // begins with
	}{
		"ThatTakesMemory":      {used(9, 0.1), "blender holds 9.0 GiB of the GPU's memory"},
		"ThatTakesTheGPUsTime": {used(0, 1), "blender uses "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.engine.Hold()
			var answers []<-chan reply
			for range 8 {
				answers = append(answers, d.ask())
			}
			d.load(4, 4)
			var running []*backendstest.Held
			for range 4 {
				running = append(running, d.engine.Next())
			}
			quick := d.ask("X-Carpool-Priority", "urgent")
			idle := d.ask("X-Carpool-Priority", "background")

			d.gpu.Then(tt.taken)
			s := d.limited(1)
			if !s.Yield.On || s.Yield.Manual || !strings.HasPrefix(s.Yield.Reason, tt.reason) || !strings.Contains(s.Tuning[0].Reason, tt.reason) {
				t.Errorf("yield %+v, limit %+v", s.Yield, s.Tuning[0])
			}
			if !strings.HasSuffix(s.Sentence, "; making way for blender: one at a time") || !strings.HasPrefix(s.Sentence, "4 running") {
				t.Errorf("sentence %q", s.Sentence)
			}
			if s.Batching.InFlight != 4 || d.engine.Canceled() != 0 {
				t.Errorf("%d in flight, %d ended", s.Batching.InFlight, d.engine.Canceled())
			}
			for _, r := range running {
				r.Release()
			}
			one := d.engine.Next()
			d.load(1, 5)
			d.engine.ResetPeak()
			for range 4 { // the urgent one, and three of the others
				one.Release()
				one = d.engine.Next()
			}
			s = d.load(1, 1)
			if d.engine.Peak() > 2 { // one that ends and one that begins may meet there
				t.Errorf("%d at once", d.engine.Peak())
			}
			if w := s.Queues[0].Waiting; len(w) != 1 || w[0].Why != "makes way for blender" {
				t.Errorf("waiting %+v", w)
			}
			one.Release()
			d.load(0, 1) // the one in the background waits for the GPU

			d.gpu.Then(used(0, 0))
			last := d.engine.Next()
			for range 3 {
				answers = append(answers, d.ask())
			}
			d.load(4, 0)
			s = d.limited(4)
			if s.Yield.On || s.Yield.Reason != "" || strings.Contains(s.Sentence, "way") {
				t.Errorf("sentence %q, yield %+v", s.Sentence, s.Yield)
			}
			d.engine.Release()
			last.Release()
			for _, a := range append(answers, quick, idle) {
				d.good(a)
			}
			if n := d.engine.Canceled(); n != 0 {
				t.Errorf("%d requests were ended", n)
			}
			begun := d.decided("yield", "makes way, one at a time: "+tt.reason)
			back := d.decided("yield", "comes back after ")
			if begun.Engine != "ollama" || back.Engine != "ollama" || !begun.At.Before(back.At) {
				t.Errorf("%+v, %+v", begun, back)
			}
			if down := d.decided("limit", "makes way: "+tt.reason); *down.OldLimit != 4 || *down.NewLimit != 1 {
				t.Errorf("%+v", down)
			}
			if up := d.decided("limit", "over: makes way: "+tt.reason); *up.OldLimit != 1 || *up.NewLimit != 4 {
				t.Errorf("%+v", up)
			}
		})
	}

	t.Run("AndHasIdleModelsLeave", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, "yield.mode=unload")
		d.gpu.Then(used(9, 0.1))
		d.seen("it makes way", func(s app.Snapshot) bool { return s.Yield.On })
		d.decided("yield", "left the GPU's memory")
		if loaded := d.engine.Loaded(); len(loaded) != 0 {
			t.Errorf("loaded %v", loaded)
		}
		d.good(d.ask())
	})

	t.Run("AndTellsOthersWithoutNames", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		d.gpu.Then(used(9, 0.1))
		s := d.seen("it makes way", func(s app.Snapshot) bool { return s.Yield.On })
		for path, want := range map[string]string{
			"/health": `"yield":{"on":true,"manual":false,"reason":"another program has taken the GPU"}`, "/metrics": "\ncarpool_yielding 1\n",
		} {
			res, err := client(t).Get(s.Endpoint + path)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, res); !strings.Contains(got, want) || strings.Contains(got, "blender") {
				t.Errorf("%s: %s", path, got)
			}
		}
	})
}

func TestYield(t *testing.T) {
	t.Run("LetsWhatRunsEndAndHoldsTheRest", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		d.engine.Hold()
		running := d.ask()
		held := d.engine.Next()
		if err := d.Yield(t.Context(), app.YieldOrder{For: time.Hour}); err != nil {
			t.Fatal(err)
		}
		waiting := []<-chan reply{d.ask(), d.ask("X-Carpool-Priority", "urgent")}
		s := d.load(1, 2)
		given := "GPU given away until " + s.Yield.Until.Local().Format("15:04")
		if s.Sentence != given+", 1 still running, 2 waiting" || !s.Yield.Manual || s.Queues[0].Waiting[0].Why != given {
			t.Errorf("%q, yield %+v, %+v", s.Sentence, s.Yield, s.Queues[0].Waiting)
		}
		if loaded := d.engine.Loaded(); len(loaded) != 1 {
			t.Errorf("the model left a request: %v", loaded)
		}
		held.Release()
		d.good(running)
		d.decided("yield", "left the GPU's memory")
		if loaded := d.engine.Loaded(); len(loaded) != 0 || d.engine.Hits() != 2 { // the unload is the second
			t.Errorf("loaded %v after %d requests", loaded, d.engine.Hits())
		}
		// It survives a change of the settings.
		if err := d.Set(t.Context(), "yield.mode", "off"); err != nil {
			t.Fatal(err)
		}
		if s = d.load(0, 2); !s.Yield.Manual {
			t.Errorf("yield %+v", s.Yield)
		}
		d.engine.Release()
		if err := d.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, w := range waiting {
			d.good(w)
		}
		if s = d.load(0, 0); s.Yield.On || s.Sentence != "Ready, nothing is running" {
			t.Errorf("%q, yield %+v", s.Sentence, s.Yield)
		}
		d.decided("yield", given)
		d.decided("yield", "comes back after ")
	})

	t.Run("InterruptsWhatRuns", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		d.engine.Hold()
		running := d.ask()
		d.engine.Next()
		if err := d.Yield(t.Context(), app.YieldOrder{Stop: true}); err != nil {
			t.Fatal(err)
		}
		if r := <-running; r.status != http.StatusServiceUnavailable || !strings.Contains(r.body, "the GPU was given to other programs") {
			t.Errorf("%+v", r)
		}
		if rows := history(t, d.App, 1); rows[0].Outcome != "interrupted" || rows[0].ErrorKind != "gpu_yielded" {
			t.Errorf("%+v", rows[0])
		}
		d.decided("yield", "left the GPU's memory")
		if s := d.Snapshot(); s.Engines[0].Health != "up" || s.Engines[0].Problem != "" {
			t.Errorf("the engine is blamed: %+v", s.Engines[0])
		}
	})

	t.Run("EndsWithItsTime", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		if err := d.Yield(t.Context(), app.YieldOrder{For: time.Second}); err != nil {
			t.Fatal(err)
		}
		d.good(d.ask())
		if s := d.Snapshot(); s.Yield.On {
			t.Errorf("%+v", s.Yield)
		}
	})

	t.Run("RefusesATimeOutOfRange", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		for _, wrong := range []time.Duration{-time.Second, time.Millisecond, 25 * time.Hour} {
			if err := d.Yield(t.Context(), app.YieldOrder{For: wrong}); err == nil || d.Snapshot().Yield.On {
				t.Errorf("%v: %v", wrong, err)
			}
		}
		if err := d.Resume(t.Context()); err != nil {
			t.Errorf("nothing to take back: %v", err)
		}
	})

	t.Run("EndsWithCarpool", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		if err := d.Yield(t.Context(), app.YieldOrder{}); err != nil {
			t.Fatal(err)
		}
		waiting := d.ask()
		d.load(0, 1)
		d.Quit()
		if r := <-waiting; r.status != http.StatusServiceUnavailable || !strings.Contains(r.body, "shutting down") {
			t.Errorf("%+v", r)
		}
	})
}
