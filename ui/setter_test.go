package ui

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type settings struct {
	mu   sync.Mutex
	got  []string
	told []error
	err  error
	slow time.Duration
}

func (s *settings) set(_ context.Context, key, value string) error {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, key+"="+value)
	return s.err
}

func (s *settings) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// inBubble runs a setter for the time of f.
func inBubble(t *testing.T, fake *settings, f func(*setter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSetter(fake.set, func(_ string, err error) { fake.told = append(fake.told, err) })
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.run(ctx) })
		f(s)
		cancel()
		wg.Wait()
	})
}

func TestSetter_SetsAtOnceWithoutDelay(t *testing.T) {
	var fake settings
	inBubble(t, &fake, func(s *setter) {
		s.put("a", "1", 0)
		synctest.Wait()
		if got := fake.all(); !slices.Equal(got, []string{"a=1"}) {
			t.Errorf("set %v", got)
		}
	})
}

func TestSetter_SetsOnlyTheLastOfADrag(t *testing.T) {
	var fake settings
	inBubble(t, &fake, func(s *setter) {
		for i := range 5 {
			s.put("a", string(rune('1'+i)), settle)
			time.Sleep(15 * time.Millisecond)
		}
		time.Sleep(settle)
		if got := fake.all(); !slices.Equal(got, []string{"a=5"}) {
			t.Errorf("set %v", got)
		}
	})
}

func TestSetter_SetsWhileALongDragGoesOn(t *testing.T) {
	var fake settings
	inBubble(t, &fake, func(s *setter) {
		for i := range 50 {
			s.put("a", string(rune('0'+i)), settle)
			time.Sleep(10 * time.Millisecond)
		}
		if n := len(fake.all()); n < 4 || n > 5 {
			t.Errorf("set %d times in half a second", n)
		}
	})
}

func TestSetter_LettingGoSetsAtOnce(t *testing.T) {
	var fake settings
	inBubble(t, &fake, func(s *setter) {
		s.put("a", "1", settle)
		s.put("a", "2", 0)
		synctest.Wait()
		if got := fake.all(); !slices.Equal(got, []string{"a=2"}) {
			t.Errorf("set %v", got)
		}
	})
}

func TestSetter_IsBusyUntilASnapshotCanKnow(t *testing.T) {
	fake := settings{slow: time.Second}
	inBubble(t, &fake, func(s *setter) {
		s.put("a", "1", 0)
		taken := time.Now()
		time.Sleep(500 * time.Millisecond)
		if !s.busy("a", time.Now()) {
			t.Error("not busy while it sets")
		}
		if s.busy("b", time.Now()) {
			t.Error("busy with a key that nobody set")
		}
		time.Sleep(time.Second)
		if !s.busy("a", taken) {
			t.Error("trusts a snapshot from before the change")
		}
		if s.busy("a", time.Now()) {
			t.Error("busy after the change")
		}
	})
}

func TestSetter_TellsAFailure(t *testing.T) {
	fake := settings{err: errors.New("out of range")}
	inBubble(t, &fake, func(s *setter) {
		s.put("a", "1", 0)
	})
	if len(fake.told) != 1 || fake.told[0] == nil {
		t.Errorf("told %v", fake.told)
	}
}

func TestSetter_SetsWhatWaitsWhenItEnds(t *testing.T) {
	var fake settings
	inBubble(t, &fake, func(s *setter) {
		s.put("a", "1", settle)
	})
	if got := fake.all(); !slices.Equal(got, []string{"a=1"}) {
		t.Errorf("set %v", got)
	}
}
