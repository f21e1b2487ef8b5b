package app

import (
	"context"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"carpool/app/advice"
	"carpool/app/gateway"
	"carpool/app/tuner"
	"carpool/batching"
	"carpool/storage"
)

func TestPacesAreMeansOfOneModelByHowManyRan(t *testing.T) {
	key := batching.Key{Engine: "ollama", Model: "tiny"}
	second := func(model string, running int, tokens int64) storage.CurveSecond {
		return storage.CurveSecond{Engine: "ollama", Model: model, Running: running, Tokens: tokens}
	}
	got := paces([]storage.CurveSecond{second("tiny", 4, 100), second("tiny", 4, 60), second("tiny", 1, 50),
		second("large", 4, 8), second("tiny", 2, 0)}, key)
	want := []advice.Pace{{Running: 1, Seconds: 1, Token: 20 * time.Millisecond}, {Running: 4, Seconds: 2, Token: 50 * time.Millisecond}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestReloadAdviceHasTheSettingThatEndsIt(t *testing.T) {
	got := reloads([]gateway.ReloadAdvice{
		{Key: batching.Key{Model: "tiny"}, Text: "why", Command: "carpool set models.num_ctx=other=default,tiny=8192"},
		{Key: batching.Key{Model: "large"}, Text: "keep_alive"},
	})
	want := []advice.Reload{{Model: "tiny", Text: "why", Key: "models.num_ctx", Value: "other=default,tiny=8192"}, {Model: "large", Text: "keep_alive"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestMostAskedIsTheOneThatMostWaitFor(t *testing.T) {
	a, b := batching.Key{Model: "a"}, batching.Key{Model: "b"}
	used := []tuner.State{{Key: a}, {Key: b}}
	if got, ok := mostAsked([]batching.Load{{Key: a, InFlight: 4}, {Key: b, Waiting: 1}}, used); !ok || got != b {
		t.Errorf("%v, %v", got, ok)
	}
	if got, ok := mostAsked(nil, used); !ok || got != a {
		t.Errorf("%v, %v", got, ok)
	}
	if _, ok := mostAsked(nil, nil); ok {
		t.Error("nothing was asked for")
	}
}

// TestAdviceForgetsWhatWasSeenUnderOtherRules has an app that does not run yet see ten
// minutes go by.
func TestAdviceForgetsWhatWasSeenUnderOtherRules(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(t.Context(), Options{ConfigFile: filepath.Join(dir, "carpool.toml"), StateDir: dir, Listen: "127.0.0.1:0", Engine: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Quit()
		if err := a.Run(context.Background()); err != nil {
			t.Error(err)
		}
	})
	now := time.Now()
	pass := func(seconds int) []advice.Advice {
		for range seconds {
			now = now.Add(time.Second)
			a.live.add(Sample{At: now, Running: 4, Waiting: 20})
			a.advise(now, nil)
		}
		return a.Snapshot().Advice
	}
	if err := a.Set(t.Context(), "batching.mode", "fixed"); err != nil {
		t.Fatal(err)
	}
	if got := pass(50); len(got) != 0 {
		t.Fatalf("on little evidence: %+v", got)
	}
	got := pass(30)
	if len(got) != 1 || got[0].Kind != "queue" || got[0].Key != "batching.max_batch_size" {
		t.Fatalf("%+v", got)
	}
	if err := a.Set(t.Context(), got[0].Key, got[0].Value); err != nil {
		t.Fatal(err)
	}
	if got := pass(50); len(got) != 0 {
		t.Errorf("asked for again at once: %+v", got)
	}
	if got := pass(30); len(got) != 1 || got[0].Value != "32" {
		t.Errorf("not asked for again although it still helps: %+v", got)
	}
}
