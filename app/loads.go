package app

import (
	"sync"
	"time"

	"carpool/batching"
)

// loadTakes is what an engine takes for a load at the least. It reports some
// milliseconds even where the model is there already.
const loadTakes = 250 * time.Millisecond

// mostLoads is how many models' last loads are known. Names come from clients, and
// what an engine takes for one model may have many.
const mostLoads = 1000

// loads counts how often engines had to load a model, by what they report of
// each request, and hands on all that it hears.
type loads struct {
	batching.Observer
	loaded func(k batching.Key, took time.Duration)

	mu    sync.Mutex
	ended map[batching.Key]time.Time // of the last load counted
}

func newLoads(o batching.Observer, loaded func(batching.Key, time.Duration)) *loads {
	return &loads{Observer: o, loaded: loaded, ended: map[batching.Key]time.Time{}}
}

// Released implements batching.Observer.
func (l *loads) Released(now time.Time, r batching.Request) batching.Stream {
	return &loadStream{Stream: l.Observer.Released(now, r), loads: l, key: r.Key, released: now}
}

type loadStream struct {
	batching.Stream
	loads    *loads
	key      batching.Key
	released time.Time
}

// Ended implements batching.Stream.
func (s *loadStream) Ended(now time.Time, o batching.Outcome, r batching.Report) {
	s.Stream.Ended(now, o, r)
	if r.Load >= loadTakes {
		s.loads.took(s.key, s.released, s.released.Add(r.Load))
	}
}

// took counts a load, unless it is one that another request waited for too.
func (l *loads) took(k batching.Key, begun, ended time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := l.ended[k]; begun.Before(last) {
		return
	}
	if len(l.ended) >= mostLoads {
		clear(l.ended) // at worst a load is told twice
	}
	l.ended[k] = ended
	l.loaded(k, ended.Sub(begun))
}
