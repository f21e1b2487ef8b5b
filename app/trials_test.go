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
		kept, err := a.Trials(t.Context())
		if err != nil || len(kept) != 1 || kept[0].ID == 0 || kept[0].ID != got.ID || len(kept[0].Rows) != 3 ||
			kept[0].Rows[2] != got.Rows[2] || !kept[0].At.Equal(got.At) || kept[0].Model != got.Model {
			t.Errorf("read back %+v, %v", kept, err)
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
