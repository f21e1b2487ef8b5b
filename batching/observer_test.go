package batching_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"carpool/batching"
)

// notes is an observer that writes down what it hears.
type notes struct{ heard []string }

func (n *notes) note(format string, a ...any) { n.heard = append(n.heard, fmt.Sprintf(format, a...)) }

func (n *notes) Released(_ time.Time, r batching.Request) batching.Stream {
	n.note("released %s", r.ID)
	return &noted{n, r.ID}
}

type noted struct {
	*notes
	id string
}

func (n *noted) Tokens(_ time.Time, count int) { n.note("%s: %d tokens", n.id, count) }

func (n *noted) Ended(_ time.Time, o batching.Outcome, r batching.Report) {
	n.note("%s: ended %d, read %d", n.id, o, r.PromptTokens)
}

func TestSchedulerTellsWhatHappens(t *testing.T) {
	t.Run("ToTheObserverAndOnce", func(t *testing.T) {
		n := &notes{}
		bubble(t, fixed(1), batching.Options{Observer: n}, func(t *testing.T, s *batching.Scheduler) {
			r := request
			r.ID = "x"
			l, _ := s.Acquire(t.Context(), r)
			l.FirstToken()
			l.Tokens(3)
			l.Tokens(-1) // a correction is not a token
			l.Report(batching.Report{PromptTokens: 9})
			l.Release(batching.Overload)
			l.Release(batching.Served)
			want := []string{"released x", "x: 3 tokens", fmt.Sprintf("x: ended %d, read 9", batching.Overload)}
			if !slices.Equal(n.heard, want) {
				t.Fatalf("heard %q", n.heard)
			}
		})
	})
	t.Run("ByOneStreamForACall", func(t *testing.T) {
		n := &notes{}
		settings := fixed(1)
		settings.MergeTexts = 8
		bubble(t, settings, batching.Options{Observer: n}, func(t *testing.T, s *batching.Scheduler) {
			first, _ := s.Acquire(t.Context(), request)
			leases := make(chan *batching.Lease)
			for _, id := range []string{"a", "b"} {
				go func() {
					r := request
					r.ID, r.Merge = id, "word"
					l, _ := s.Acquire(t.Context(), r)
					leases <- l
				}()
			}
			synctest.Wait()
			first.Release(batching.Served)
			a, b := <-leases, <-leases
			if ride, _ := a.Ride(); ride == nil || a.Stream() == nil || a.Stream() != b.Stream() || a.Stream() == first.Stream() {
				t.Errorf("streams %v and %v", a.Stream(), b.Stream())
			}
			a.Release(batching.Served)
			b.Release(batching.Served)
		})
	})
	t.Run("AboutModelsThatTakeAnothersPlace", func(t *testing.T) {
		var got []batching.Switch
		o := batching.Options{Switched: func(w batching.Switch) { got = append(got, w) }}
		bubble(t, fixed(1), o, func(t *testing.T, s *batching.Scheduler) {
			for _, k := range []batching.Key{key, key, other} {
				l, _ := s.Acquire(t.Context(), batching.Request{Key: k})
				l.Release(batching.Served)
			}
			if len(got) != 1 || got[0] != (batching.Switch{Engine: "ollama", From: "m", To: "n", Reason: "m had nothing to do"}) {
				t.Fatalf("%+v", got)
			}
		})
	})
	t.Run("ToWhoeverIsSuperseded", func(t *testing.T) {
		bubble(t, fixed(1), batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			l, _ := s.Acquire(t.Context(), request)
			r := request
			r.Supersede = "main.go"
			older := make(chan error)
			go func() {
				_, err := s.Acquire(t.Context(), r)
				older <- err
			}()
			synctest.Wait()
			go func() {
				l, err := s.Acquire(t.Context(), r)
				if err == nil {
					l.Release(batching.Served)
				}
				older <- err
			}()
			if err := <-older; !errors.Is(err, batching.ErrSuperseded) {
				t.Fatalf("the older one got %v", err)
			}
			l.Release(batching.Served)
			if err := <-older; err != nil {
				t.Fatalf("the newer one got %v", err)
			}
		})
	})
	t.Run("ToAModelsWaitersWhenItsTurnComes", func(t *testing.T) {
		set := fixed(1)
		set.ModelMaxWait = 5 * time.Second
		bubble(t, set, batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			s.SetEngine("ollama", batching.EngineState{Loaded: []string{"m"}})
			done := make(chan time.Duration)
			l, _ := s.Acquire(t.Context(), request)
			go func() {
				l, _ := s.Acquire(t.Context(), batching.Request{Key: other})
				l.Release(batching.Served)
				done <- l.Waited()
			}()
			for range 60 { // one second each, and always one waiting
				next := make(chan *batching.Lease)
				go func() {
					l, _ := s.Acquire(t.Context(), request)
					next <- l
				}()
				time.Sleep(time.Second)
				l.FirstToken()
				l.Release(batching.Served)
				l = <-next
			}
			l.Release(batching.Served)
			// 6 s are taken for a load that was not measured, so the stay is 24 s.
			if waited := <-done; waited != 24*time.Second {
				t.Fatalf("waited %v", waited)
			}
		})
	})
}
