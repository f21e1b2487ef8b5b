package app

import (
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"carpool/app/gpus"
	"carpool/app/yield"
	"carpool/gpu"
	"carpool/internal/clocktest"
	"carpool/storage"
)

// clockSteps are by how much a wall clock is wrong in each of some seconds.
var clockSteps = []time.Duration{0, 3 * time.Hour, 3 * time.Hour, -3 * time.Hour, -3 * time.Hour, 0, time.Second, 0, 12 * 365 * 24 * time.Hour, 0, 0}

// Test28_Clock has the parts of app that go by seconds live through a clock that is
// set, beside the same ones with a clock that nobody sets.
func Test28_Clock(t *testing.T) {
	begun := time.Now()
	at := func(seconds float64) time.Time { return begun.Add(time.Duration(seconds * float64(time.Second))) }

	t.Run("TellsSleepFromAClockSetBack", func(t *testing.T) {
		for _, tt := range []struct {
			name      string
			monotonic time.Duration // until the next tick
			set       time.Duration // the wall clock, meanwhile
			want      time.Duration
		}{
			{"a tick", time.Second, 0, 0},
			{"a late tick", 20 * time.Second, 0, 0},
			{"a clock that is corrected", time.Second, 28 * time.Second, 0},
			{"a clock that is set back", time.Second, -3 * time.Hour, 0},
			{"a short sleep", time.Second, 29 * time.Second, 30 * time.Second},
			{"a night", time.Second, 8 * time.Hour, 8*time.Hour + time.Second},
			{"a night on Windows", 8 * time.Hour, 0, 8 * time.Hour},
			{"a night in which the clock was set back", 8 * time.Hour, -time.Hour, 8 * time.Hour},
		} {
			var s sleep
			if got := s.since(begun); got != 0 {
				t.Fatalf("the first tick of all: %v", got)
			}
			woke := clocktest.Set(begun.Add(tt.monotonic), tt.set)
			if got := s.since(woke); got != tt.want {
				t.Errorf("%s: slept %v, want %v", tt.name, got, tt.want)
			}
			if got := s.since(woke.Add(time.Second)); got != 0 {
				t.Errorf("%s: the tick after: %v", tt.name, got)
			}
		}
	})

	t.Run("TokensPerSecondGoOn", func(t *testing.T) {
		var steady, set live
		for i, by := range clockSteps {
			now, total := at(float64(i)), uint64(10*i*i)
			want, _ := steady.rates(now, total, 0)
			if got, _ := set.rates(clocktest.Set(now, by), total, 0); got != want || got < 0 {
				t.Errorf("second %d, set by %v: %v tokens a second, want %v", i, by, got, want)
			}
			steady.add(Sample{At: now, Running: 1})
			set.add(Sample{At: clocktest.Set(now, by), Running: 1})
		}
		now := at(float64(len(clockSteps)))
		for back := range len(clockSteps) {
			since := now.Add(-time.Duration(back) * time.Second)
			want, _, _ := steady.load(since)
			if got, _, _ := set.load(since); got != want {
				t.Errorf("%d s back: %d busy seconds, want %d", back, got, want)
			}
		}
	})

	t.Run("YieldsAtTheSameMoments", func(t *testing.T) {
		total, free, others, busy := uint64(24<<30), uint64(4<<30), uint64(16<<30), 0.9
		taken := gpus.State{Reading: gpu.Reading{Available: true, UUID: "GPU-1", MemoryTotal: &total, MemoryFree: &free}, Engines: []string{"ollama"}}
		taken.Others.Memory, taken.Others.Utilization = &others, &busy
		room, none, idle := total, uint64(0), 0.0
		freed := gpus.State{Reading: gpu.Reading{Available: true, UUID: "GPU-1", MemoryTotal: &total, MemoryFree: &room}, Engines: []string{"ollama"}}
		freed.Others.Memory, freed.Others.Utilization = &none, &idle
		rules := yield.Settings{Memory: 2 << 30, Utilization: 0.3, After: 5 * time.Second, Back: 20 * time.Second, Size: 1, Engines: []string{"ollama"}}
		var steady, set yield.Decider
		yielded := 0
		for i := range 90 {
			state := taken
			if i < 10 || i > 40 {
				state = freed
			}
			now := at(float64(i))
			by := clockSteps[i%len(clockSteps)]
			want := steady.Decide(now, rules, []gpus.State{state}, "")
			got := set.Decide(clocktest.Set(now, by), rules, []gpus.State{state}, "")
			if got.On != want.On || got.Reason != want.Reason {
				t.Errorf("second %d, set by %v: %v %q, want %v %q", i, by, got.On, got.Reason, want.On, want.Reason)
			}
			if got.On {
				yielded++
			}
		}
		if yielded < 20 || yielded > 80 {
			t.Errorf("made way for %d s of 90", yielded)
		}
	})

	t.Run("JoulesAreRightOrNotKnown", func(t *testing.T) {
		m := newMetering(t)
		for i, by := range clockSteps[:6] {
			now, watts := clocktest.Set(m.at(float64(i)), by), 100.0
			m.read(now, time.Second, []gpu.Reading{{At: now, Available: true, UUID: "GPU-1", Power: &watts}})
			m.runs("local", float64(i)+0.25, float64(i)+0.75, 10, fmt.Sprint(i))
		}
		got := m.joules(t)
		for i, known := range []bool{false, true, true, true, false} { // unknown where it may have been sleep
			if joules := got[fmt.Sprint(i)]; known != is(joules, 50) || known == (joules == nil) {
				t.Errorf("request %d: %v J, known %v", i, joules, known)
			}
		}
		if m.spent != 150 {
			t.Errorf("%v J in all", m.spent)
		}
	})

	t.Run("ASecondIsWrittenOnce", func(t *testing.T) {
		store, err := storage.Open(t.Context(), storage.Options{Path: filepath.Join(t.TempDir(), "history.db")})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = store.Close(t.Context()) }()
		f := feed{store: store}
		want := map[int64]bool{}
		noon := begun.Truncate(time.Second).Sub(begun.Round(0)) // from begun to a whole second
		for i := range 200 {
			now := begun.Add(noon + time.Duration(i)*time.Second + 10*time.Millisecond)
			if i >= 100 {
				now = clocktest.Set(now, -90*time.Second) // these seconds were there before, but for the last
			}
			f.second(Sample{At: now, Running: 1}, uint64(i), 0, nil)
			want[now.Unix()] = true
		}
		if err := store.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows, err := store.Samples(t.Context(), storage.Query{Limit: 1000})
		got := map[int64]bool{}
		for _, r := range rows {
			got[r.At.Unix()] = true
			if r.TokensOut < 0 {
				t.Errorf("%d tokens", r.TokensOut)
			}
		}
		if err != nil || len(rows) != len(want) || !reflect.DeepEqual(got, want) {
			t.Errorf("%d rows of %d seconds, want %d, %v", len(rows), len(got), len(want), err)
		}
		if s := store.State(); s.Dropped != 0 || !s.OK {
			t.Errorf("%+v", s)
		}
	})
}
