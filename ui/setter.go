package ui

import (
	"context"
	"sync"
	"time"
)

// settle is how long a slider that is being dragged collects values before one
// is set.
const settle = 100 * time.Millisecond

// setter sets settings off Fyne's goroutine, one at a time and in order. Of
// several values for one key only the last counts.
type setter struct {
	set  func(ctx context.Context, key, value string) error
	told func(key string, err error) // after each set, from the setter's goroutine

	mu      sync.Mutex
	waiting []change
	setting string               // the key being set; "" = none
	ended   map[string]time.Time // when a key was last set
	last    map[string]string    // what was put last, by key; none after one that was not taken
	wake    chan struct{}
}

type change struct {
	key, value string
	due        time.Time
}

func newSetter(set func(ctx context.Context, key, value string) error, told func(key string, err error)) *setter {
	return &setter{set: set, told: told, ended: map[string]time.Time{}, last: map[string]string{}, wake: make(chan struct{}, 1)}
}

// put has key set to value at the latest after delay.
func (s *setter) put(key, value string, delay time.Duration) {
	due := time.Now().Add(delay)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[key] = value
	for i := range s.waiting {
		if w := &s.waiting[i]; w.key == key {
			w.value = value
			if due.Before(w.due) {
				w.due = due
			}
			s.signal()
			return
		}
	}
	s.waiting = append(s.waiting, change{key, value, due})
	s.signal()
}

// busy says whether a snapshot taken at a time may not yet know what the user
// did to key.
func (s *setter) busy(key string, taken time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isBusy(key, taken)
}

// newer is what key becomes by what the user did, if a snapshot taken at a time may
// not yet know it.
func (s *setter) newer(key string, taken time.Time) (value string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok = s.last[key]
	return value, ok && s.isBusy(key, taken)
}

// isBusy is busy for callers that hold the lock.
func (s *setter) isBusy(key string, taken time.Time) bool {
	if s.setting == key || taken.Before(s.ended[key]) {
		return true
	}
	for _, w := range s.waiting {
		if w.key == key {
			return true
		}
	}
	return false
}

// run sets what is put until ctx ends, then what is still waiting.
func (s *setter) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		c, wait, ok := s.next(time.Now())
		if ok {
			s.apply(ctx, c)
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-due:
		}
	}
	for {
		c, _, ok := s.next(time.Now().Add(settle))
		if !ok {
			return
		}
		s.apply(context.WithoutCancel(ctx), c)
	}
}

// next takes the first change that is due; else it says how long until one is,
// 0 = none waits.
func (s *setter) next(now time.Time) (c change, wait time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.waiting {
		left := w.due.Sub(now)
		if left <= 0 {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			s.setting = w.key
			return w, 0, true
		}
		if wait == 0 || left < wait {
			wait = left
		}
	}
	return change{}, wait, false
}

func (s *setter) apply(ctx context.Context, c change) {
	err := s.set(ctx, c.key, c.value)
	s.mu.Lock()
	s.setting = ""
	s.ended[c.key] = time.Now()
	if err != nil && s.last[c.key] == c.value {
		delete(s.last, c.key)
	}
	s.mu.Unlock()
	s.told(c.key, err)
}

func (s *setter) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
