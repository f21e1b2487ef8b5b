package app

import (
	"sync"
	"time"

	"carpool/app/gateway"
	"carpool/app/wedge"
	"carpool/batching"
)

// pulses follow whether each model of each engine shows signs of life. They hand on
// all that they hear.
type pulses struct {
	batching.Observer

	mu  sync.Mutex
	all map[batching.Key]*wedge.Pulse
}

func newPulses(o batching.Observer) *pulses {
	return &pulses{Observer: o, all: map[batching.Key]*wedge.Pulse{}}
}

// Released implements batching.Observer.
func (p *pulses) Released(now time.Time, r batching.Request) batching.Stream {
	s := &pulseStream{Stream: p.Observer.Released(now, r), pulses: p, key: r.Key,
		witness: r.Streams && !r.Embedding && !r.Withheld}
	p.of(r.Key, func(w *wedge.Pulse) { w.Released(now, r.PromptTokens, s.witness) })
	return s
}

// of has what is seen of a model at hand.
func (p *pulses) of(k batching.Key, f func(*wedge.Pulse)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.all[k]
	if w == nil {
		w = &wedge.Pulse{}
		p.all[k] = w
	}
	f(w)
}

// maxPulses bounds how many models are followed: names come from clients. What was
// learned of one that is idle can be learned again.
const maxPulses = 256

// each has all models at hand, one after the other.
func (p *pulses) each(f func(batching.Key, *wedge.Pulse)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, w := range p.all {
		f(k, w)
		if len(p.all) > maxPulses && w.Idle() {
			delete(p.all, k)
		}
	}
}

// recorded takes note of a request that had no first token in time.
func (p *pulses) recorded(r gateway.Record) {
	if r.Silent {
		p.of(r.Line, func(w *wedge.Pulse) { w.Missed(time.Now()) })
	}
}

type pulseStream struct {
	batching.Stream
	pulses  *pulses
	key     batching.Key
	witness bool
}

// Tokens implements batching.Stream.
func (s *pulseStream) Tokens(now time.Time, n int) {
	s.Stream.Tokens(now, n)
	s.pulses.of(s.key, func(w *wedge.Pulse) { w.Alive(now) })
}

// Ended implements batching.Stream.
func (s *pulseStream) Ended(now time.Time, o batching.Outcome, r batching.Report) {
	s.Stream.Ended(now, o, r)
	s.pulses.of(s.key, func(w *wedge.Pulse) {
		w.Ended(now, s.witness)
		if o != batching.Canceled {
			w.Alive(now)
		}
		if r.Prompt > 0 {
			w.Read(r.PromptTokens-max(r.CachedTokens, 0), r.Prompt)
		}
		if r.Load >= loadTakes {
			w.Loaded(r.Load)
		}
	})
}
