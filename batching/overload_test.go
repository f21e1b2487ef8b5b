package batching_test

import (
	"fmt"
	"testing"
	"time"

	"carpool/batching"
)

// crowd keeps one request each of so many apps, half of them for either of two
// models, before an engine of four slots that holds one model, for an hour. It
// returns how many were served.
func crowd(t *testing.T, apps int, guard time.Duration) (served int) {
	t.Helper()
	const service, load, tick = 10 * time.Second, 6 * time.Second, 200 * time.Millisecond
	set := fixed(4)
	set.Guard, set.MaxWaiting = guard, 1000
	c := batching.NewCore(set, batching.Options{})
	loaded := key
	c.SetEngine(start, key.Engine, batching.EngineState{Loaded: []string{key.Model}})
	now := start
	come := func(r batching.Request) {
		if _, err := c.Arrive(now, r); err != nil {
			t.Fatal(err)
		}
	}
	for i := range apps {
		come(batching.Request{Key: []batching.Key{key, other}[i%2], App: fmt.Sprint(i)})
	}
	first, ends := map[*batching.Ticket]time.Time{}, map[*batching.Ticket]time.Time{}
	for ; now.Sub(start) < time.Hour; now = now.Add(tick) {
		for r, at := range first {
			if !now.Before(at) {
				c.FirstToken(now, r)
				delete(first, r)
			}
		}
		for r, at := range ends {
			if !now.Before(at) {
				c.End(now, r, batching.Served, batching.Untold())
				delete(ends, r)
				come(r.Request)
				served++
			}
		}
		for _, r := range c.Step(now).Released {
			first[r] = now.Add(tick)
			if r.Request.Key != loaded {
				loaded = r.Request.Key
				first[r] = now.Add(load)
			}
			ends[r] = first[r].Add(service)
		}
	}
	return served
}

func TestGuardUnderOverload(t *testing.T) {
	t.Run("DoesNotMakeTheEngineLoadAllTheTime", func(t *testing.T) {
		with, without := crowd(t, 40, time.Minute), crowd(t, 40, time.Hour)
		if with < without*95/100 {
			t.Fatalf("%d requests served, %d without a guard", with, without)
		}
	})
}
