package app

import (
	"sync"
	"sync/atomic"
	"time"

	"carpool/batching"
	"carpool/storage"
)

// steadyShare is how much of a second its number of requests must have held, and how
// much of their time must lie after the first token: what fills a place again at
// once, and a short prompt, leave it what it was.
const steadyShare = 0.9

// steady finds the seconds in which an engine worked on a number of requests of one
// model that did not change: what is written then is what so many at once give. It
// hands on all that it hears.
//
// A second in which prompts were read for long tells of prompts, and one with a
// request whose tokens come at its end only tells of fewer than there are: neither
// counts.
type steady struct {
	batching.Observer

	mu     sync.Mutex
	last   time.Time // the end of the second before
	crowds map[batching.Key]*crowd
}

// crowd are the requests of one model on one engine.
type crowd struct {
	running int
	silent  int // of those, before their first token
	blind   int // of those, whose tokens are not told as they come
	since   time.Time

	// Of this second.
	first int           // running at its beginning
	off   time.Duration // with another number, or with a blind one
	quiet time.Duration // before a first token, of all requests together
	wrote atomic.Int64
}

func newSteady(o batching.Observer) *steady {
	return &steady{Observer: o, crowds: map[batching.Key]*crowd{}}
}

// Released implements batching.Observer.
func (s *steady) Released(now time.Time, r batching.Request) batching.Stream {
	st := &steadyStream{Stream: s.Observer.Released(now, r), steady: s, blind: !r.Streams || r.Embedding}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.crowd = s.crowds[r.Key]; st.crowd == nil {
		st.crowd = &crowd{since: now}
		s.crowds[r.Key] = st.crowd
	}
	st.crowd.pass(now)
	st.crowd.running++
	if st.blind {
		st.crowd.blind++
	} else {
		st.crowd.silent++
	}
	return st
}

// steadyStream is one request that an engine works on.
type steadyStream struct {
	batching.Stream
	steady *steady
	crowd  *crowd
	blind  bool
	spoke  atomic.Bool // its first token was told
}

// Tokens implements batching.Stream.
func (s *steadyStream) Tokens(now time.Time, n int) {
	s.Stream.Tokens(now, n)
	s.crowd.wrote.Add(int64(n))
	if !s.blind && s.spoke.CompareAndSwap(false, true) {
		s.steady.mu.Lock()
		defer s.steady.mu.Unlock()
		s.crowd.pass(now)
		s.crowd.silent--
	}
}

// Ended implements batching.Stream. What the engine counts besides what was told as
// it came belongs to no second.
func (s *steadyStream) Ended(now time.Time, o batching.Outcome, r batching.Report) {
	s.Stream.Ended(now, o, r)
	s.steady.mu.Lock()
	defer s.steady.mu.Unlock()
	s.crowd.pass(now)
	s.crowd.running--
	switch {
	case s.blind:
		s.crowd.blind--
	case s.spoke.CompareAndSwap(false, true):
		s.crowd.silent--
	}
}

// second ends a second at now and returns what was steady in it. A tick that came
// late or early measured another time: it returns nothing.
func (s *steady) second(now time.Time) []storage.CurveSecond {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := now.Sub(s.last)
	s.last = now
	whole := took > 900*time.Millisecond && took < 1100*time.Millisecond
	var all []storage.CurveSecond
	for k, c := range s.crowds {
		if tokens, ok := c.second(now, took); ok && whole {
			all = append(all, storage.CurveSecond{At: now, Engine: k.Engine, Model: k.Model, Running: c.running, Tokens: tokens})
		}
		if c.running == 0 { // names come from clients, so there is no end to them
			delete(s.crowds, k)
		}
	}
	return all
}

// pass accounts for the time until now, before something changes. The caller holds
// the lock.
func (c *crowd) pass(now time.Time) {
	// Streams tell the time without the lock, so one may be late.
	d := max(now.Sub(c.since), 0)
	if c.running != c.first || c.blind > 0 {
		c.off += d
	}
	c.quiet += time.Duration(c.silent) * d
	if d > 0 {
		c.since = now
	}
}

// second begins the next second and tells what the one before wrote, and whether it
// was steady.
func (c *crowd) second(now time.Time, took time.Duration) (tokens int64, ok bool) {
	c.pass(now)
	most := time.Duration((1 - steadyShare) * float64(took))
	ok = c.running > 0 && c.running == c.first && c.off <= most && c.quiet <= time.Duration(c.running)*most
	c.first, c.off, c.quiet = c.running, 0, 0
	return c.wrote.Swap(0), ok
}
