package gateway

import (
	"sync"
	"time"

	"carpool/batching"
)

// merger makes one call for vectors of those that the scheduler has released as
// one, and gives each client its part of the answer.
type merger struct {
	unmerged func(Unmerged)

	mu    sync.Mutex
	rides map[*batching.Ride]*ride // those not complete yet
	paces map[batching.Key]*pace
	stats MergeStats
}

func newMerger(unmerged func(Unmerged)) *merger {
	if unmerged == nil {
		unmerged = func(Unmerged) {}
	}
	return &merger{unmerged: unmerged, rides: map[*batching.Ride]*ride{}, paces: map[batching.Key]*pace{}}
}

// maxMergeBody is the size up to which a body is merged, in bytes. Larger ones
// keep an engine busy by themselves.
const maxMergeBody = 256 << 10

// mergeWord is what the scheduler may merge c by; "" = c goes alone.
func (c *call) mergeWord(key batching.Key) string {
	if !c.policy.Merge || c.embed == nil || c.embed.form == legacyVector || len(c.body) > maxMergeBody {
		return ""
	}
	if !c.merger.pays(key, c.isMeasure(), time.Now()) {
		return ""
	}
	return wordOf(c.embed, tellingHeaders(c.in.Header))
}

// join takes c's seat in the ride of its lease. The last one to join starts it.
func (m *merger) join(c *call, b *batching.Ride, seat int) *passenger {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rides[b]
	if r == nil {
		r = &ride{merger: m, seats: make([]*passenger, b.Requests()), key: c.lease.Batch().Key, done: make(chan struct{}), baton: make(chan struct{}, 1)}
		r.baton <- struct{}{}
		m.rides[b] = r
	}
	p := &passenger{call: c, ride: r, left: c.ctx.Err() != nil}
	r.seats[seat] = p
	if r.taken++; r.taken == len(r.seats) {
		delete(m.rides, b)
		r.start()
	}
	return p
}
