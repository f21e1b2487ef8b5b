package app

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"carpool/app/gateway"
	"carpool/app/gpus"
	"carpool/app/metrics"
	"carpool/app/tuner"
	"carpool/batching"
	"carpool/gpu/gputest"
	"carpool/storage"
)

func TestRecorderKeepsEveryKindOfDecision(t *testing.T) {
	store, err := storage.Open(t.Context(), storage.Options{Path: filepath.Join(t.TempDir(), "history.db")})
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{store: store, metrics: metrics.New(metrics.Options{})}
	key := batching.Key{Engine: "ollama", Model: "m"}
	r.decision(tuner.Decision{At: time.Now(), Key: key, Kind: tuner.ByLimit, OldLimit: 4, Limit: 1, Slots: 1, SlotsBy: "engine wait", Reason: "engine runs 1 at once"})
	r.switched(batching.Switch{Engine: "ollama", From: "a", To: "m", Reason: "it has waited 8 s"})
	r.unmerged(gateway.Unmerged{Key: key, Reason: "slower"})
	r.reloaded(gateway.Reload{Key: key, Cause: gateway.ByOptions, Parameter: "num_ctx", Text: "Editor asked for more"})
	r.plain("memory", "ollama", "m", "2.0 GiB too much")
	if err := store.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	store, err = storage.Open(t.Context(), storage.Options{Path: store.State().Path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close(t.Context()) }()
	rows, err := store.Decisions(t.Context(), storage.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range rows {
		got = append(got, d.Kind+": "+d.Reason)
	}
	slices.Sort(got)
	want := []string{"limit: engine runs 1 at once", "memory: 2.0 GiB too much", "merge: off for a while: slower", "model: in the place of a: it has waited 8 s", "reload: Editor asked for more"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRecorderTakesTheGPUThatTheEngineRunsOn(t *testing.T) {
	store, err := storage.Open(t.Context(), storage.Options{Path: filepath.Join(t.TempDir(), "history.db")})
	if err != nil {
		t.Fatal(err)
	}
	device := ""
	r := &recorder{store: store, metrics: metrics.New(metrics.Options{}), device: func() string { return device }}
	states := []gpus.State{{Reading: gputest.Busy(1<<30, 24<<30, 0.1)}, {Reading: gputest.Busy(7<<30, 8<<30, 0.9), Engines: []string{"ollama"}}}
	states[1].Index = 1
	r.batch(batching.Batch{ID: 1, Started: time.Now(), Key: batching.Key{Engine: "ollama", Model: "m"}, Mark: states})
	device = "0"
	r.batch(batching.Batch{ID: 2, Started: time.Now(), Key: batching.Key{Engine: "ollama", Model: "m"}, Mark: states})
	if err := store.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	store, err = storage.Open(t.Context(), storage.Options{Path: store.State().Path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close(t.Context()) }()
	rows, err := store.Batches(t.Context(), storage.Query{})
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	for _, b := range rows {
		if want := map[uint64]int64{1: 7 << 30, 2: 1 << 30}[b.ID]; b.GPUMemoryUsed == nil || *b.GPUMemoryUsed != want {
			t.Errorf("batch %d: %v, want %d", b.ID, b.GPUMemoryUsed, want)
		}
	}
}

func TestFirstTokensOfTheLastSeconds(t *testing.T) {
	var r recorder
	begun := time.Now()
	for second := range 100 {
		now := begun.Add(time.Duration(second) * time.Second)
		r.first(now, time.Duration(second)*time.Second)
		seconds := r.firstTokens(now)
		if want := min(second, 10) + 1; len(seconds) != want || seconds[0] != float64(second+1-want) {
			t.Fatalf("after %d s: %v", second, seconds)
		}
	}
	if left := r.firstTokens(begun.Add(time.Hour)); len(left) != 0 {
		t.Errorf("an hour later: %v", left)
	}
}
