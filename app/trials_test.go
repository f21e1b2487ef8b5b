package app_test

import (
	"net/http"
	"strings"
	"testing"

	"carpool/app"
	"carpool/app/control"
	"carpool/backends/backendstest"
)

// stalled are the options of an app before an engine whose answers never end.
func stalled(t *testing.T) (app.Options, *backendstest.Engine) {
	o, engine := options(t), backendstest.New(t)
	engine.Always(backendstest.Script{Tokens: 3, End: backendstest.Stall, At: 3})
	o.Engine = engine.URL
	return o, engine
}

func TestOrders(t *testing.T) {
	t.Run("CancelsWhatRunsAndWhatWaits", func(t *testing.T) {
		o, _ := stalled(t)
		a := start(t, o)
		const slow = `{"model":"tiny","prompt":"hi"}`
		if err := a.Set(t.Context(), "batching.mode", "fixed"); err != nil {
			t.Fatal(err)
		}
		if err := a.Set(t.Context(), "batching.max_batch_size", "1"); err != nil {
			t.Fatal(err)
		}
		running := call(t.Context(), t, a, "/api/generate", slow)
		answer := make(chan *http.Response, 2)
		for range 2 {
			go func() { answer <- call(t.Context(), t, a, "/api/generate", slow) }()
		}
		s := until(t, a, "two wait", func(s app.Snapshot) bool { return s.Batching.QueueDepth == 2 && len(s.Queues[0].Running) == 1 })
		first, last, runs := s.Queues[0].Waiting[0].Ticket, s.Queues[0].Waiting[1].Ticket, s.Queues[0].Running[0].Ticket
		if err := a.MoveToFront(last); err != nil {
			t.Fatal(err)
		}
		s = until(t, a, "the last one is next", func(s app.Snapshot) bool { return s.Queues[0].Waiting[0].Ticket == last })
		if why := s.Queues[0].Waiting[0].Why; why != "next: moved to the front" {
			t.Errorf("it waits because %q", why)
		}
		for _, ticket := range []uint64{first, last, runs} {
			if err := a.CancelRequest(ticket); err != nil {
				t.Error(err)
			}
		}
		for range 2 {
			if res := <-answer; res.StatusCode != http.StatusConflict || !strings.Contains(text(t, res), "cancelled in Carpool") {
				t.Errorf("status %d", res.StatusCode)
			}
		}
		if got := text(t, running); !strings.Contains(got, "cancelled in Carpool") {
			t.Errorf("the running one got %q", got[max(0, len(got)-100):])
		}
		if err := a.CancelRequest(first); err == nil || !strings.Contains(err.Error(), "there is no such request any more") {
			t.Errorf("cancelled twice: %v", err)
		}
		for _, r := range history(t, a, 3) {
			if r.Outcome != "cancelled" || r.ErrorKind != "cancelled" {
				t.Errorf("row %+v", r)
			}
		}
	})
}

func TestTrial(t *testing.T) {
	t.Run("MeasuresTheDemoEngineBesideItsApps", func(t *testing.T) {
		a := start(t, options(t))
		if err := a.StartTrial(t.Context(), app.TrialWanted{Sizes: []int{1, 4}, Rounds: 1, Tokens: 30}); err != nil {
			t.Fatal(err)
		}
		if err := a.StartTrial(t.Context(), app.TrialWanted{}); err == nil || !strings.Contains(err.Error(), "runs already") {
			t.Errorf("a second one: %v", err)
		}
		if res := call(t.Context(), t, a, "/api/generate", short); res.StatusCode != http.StatusOK {
			t.Errorf("an app got %d", res.StatusCode)
		}
		s := until(t, a, "it has ended", func(s app.Snapshot) bool { return !s.Trial.Running && s.Trial.Done == 1 }).Trial
		got := s.Trial
		if s.Problem != "" || len(got.Rows) != 3 || !got.Simulated || got.Model != "carpool-demo:latest" || got.GPU != "" || got.Others != 1 {
			t.Errorf("%+v", s)
		}
		for i, size := range []int{0, 1, 4} {
			if r := got.Rows[i]; r.Size != size || r.TokensPS <= 0 || r.FirstP95 <= 0 || r.JoulesPer1000 != nil || r.Speedup <= 0 {
				t.Errorf("%+v", r)
			}
		}
		if n := a.Snapshot().Batching.Requests; n != 1 {
			t.Errorf("%d requests count as those of apps", n)
		}
	})
	t.Run("IsCancelledByTheUser", func(t *testing.T) {
		o, engine := stalled(t)
		a := start(t, o)
		if err := a.StartTrial(t.Context(), app.TrialWanted{Sizes: []int{8}}); err != nil {
			t.Fatal(err)
		}
		until(t, a, "it runs", func(s app.Snapshot) bool { return s.Trial.Running && engine.Running() > 0 })
		a.CancelTrial()
		s := until(t, a, "it has ended", func(s app.Snapshot) bool { return !s.Trial.Running }).Trial
		if s.Problem != "cancelled" || !s.Trial.Cancelled || len(s.Trial.Rows) != 0 || s.Trial.ID != 0 {
			t.Errorf("%+v", s)
		}
		until(t, a, "the engine is clear", func(app.Snapshot) bool { return engine.Running() == 0 })
	})
	t.Run("EndsWhenTheGPUIsGivenAway", func(t *testing.T) {
		o, engine := stalled(t)
		a := start(t, o)
		if err := a.StartTrial(t.Context(), app.TrialWanted{}); err != nil {
			t.Fatal(err)
		}
		until(t, a, "it runs", func(s app.Snapshot) bool { return s.Trial.Running && engine.Running() > 0 })
		if err := a.Yield(t.Context(), control.YieldOrder{}); err != nil {
			t.Fatal(err)
		}
		s := until(t, a, "it has ended", func(s app.Snapshot) bool { return !s.Trial.Running }).Trial
		if !strings.Contains(s.Problem, "the GPU is needed: GPU given away") {
			t.Errorf("%+v", s)
		}
		if err := a.StartTrial(t.Context(), app.TrialWanted{}); err == nil || !strings.Contains(err.Error(), "when the GPU is free") {
			t.Errorf("begun while the GPU is given away: %v", err)
		}
	})
	t.Run("EndsWithCarpool", func(t *testing.T) {
		a := start(t, options(t))
		if err := a.StartTrial(t.Context(), app.TrialWanted{}); err != nil {
			t.Fatal(err)
		}
		a.Quit() // start waits for the end
	})
}
