package app

import (
	"context"
	"math"
	"testing"

	"carpool/batching"
)

// TestDraw has two chats of a benchmark run beside one of an app, which has its share.
func TestDraw(t *testing.T) {
	m := newMetering(t)
	d := &draw{meter: m.meter}
	key := batching.Key{Engine: "local", Model: "m"}
	m.draws(0, 90)
	app := m.Released(m.at(0), batching.Request{Key: key})
	ours := []batching.Stream{d.Released(m.at(0), batching.Request{Key: key}), d.Released(m.at(0), batching.Request{Key: key})}
	for _, s := range ours {
		s.Ended(m.at(2), batching.Served, batching.Report{OutputTokens: 30})
	}
	app.Ended(m.at(2), batching.Served, batching.Report{OutputTokens: 30})
	for second := range 3 {
		m.draws(float64(second+1), 90)
	}
	if j := d.Joules(t.Context()); j == nil || math.Abs(*j-120) > 1e-6 {
		t.Errorf("joules %v, want two of three parts of 180", j)
	}
	if n := m.tokens.Load(); n != 90 {
		t.Errorf("%d tokens are set against the joules", n)
	}

	d.Released(m.at(3), batching.Request{Key: batching.Key{Engine: "elsewhere"}}).Ended(m.at(4), batching.Served, batching.Untold())
	if j := d.Joules(t.Context()); j != nil {
		t.Errorf("an engine that is on no GPU here drew %v", *j)
	}

	d.Released(m.at(5), batching.Request{Key: key})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if j := d.Joules(ctx); j != nil {
		t.Errorf("one that runs has drawn %v", *j)
	}
}
