//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// TestLightAppGoesBetween: one app keeps 32 requests queued before an engine
// that runs one at a time; another one asks now and then.
func TestLightAppGoesBetween(t *testing.T) {
	const tokens, queued = 32, 32
	p := opened(t, "light", 1)
	flood := p.app("flood")
	var longest atomic.Int64 // of the requests, in the engine
	c := gather(t, queued+1, func(ctx context.Context, number int) error {
		r, err := ask(ctx, flood, medium, fmt.Sprintf("%d of very many", number), tokens)
		longest.Store(max(longest.Load(), int64(r.run)))
		return err
	})
	err := poll(t.Context(), detecting, func() error {
		now, err := p.tuned(t.Context(), medium)
		if err == nil && now.Slots != 1 {
			err = fmt.Errorf("%d slots by %q", now.Slots, now.SlotsBy)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := poll(t.Context(), 10*time.Second, depth(t.Context(), p, queued)); err != nil {
		t.Fatal(err)
	}

	light := p.app("light")
	longest.Store(0)
	begun, before := time.Now(), c.served()
	var firsts []time.Duration
	for i := range 7 {
		// Now and then: an app that asks without a pause has a half of the engine,
		// and then every other turn is the flood's.
		time.Sleep(time.Duration(500+50*i) * time.Millisecond)
		r, err := ask(t.Context(), light, medium, fmt.Sprintf("%d now and then", i), tokens)
		if err != nil {
			t.Fatal(err)
		}
		firsts = append(firsts, r.first)
	}
	one, most := time.Since(begun)/time.Duration(len(firsts)+c.served()-before), time.Duration(longest.Load())
	slices.Sort(firsts)

	p.do(t, "set", "queue.order=arrival")
	r, err := ask(t.Context(), light, medium, "in the order of arrival", tokens)
	if err != nil {
		t.Fatal(err)
	}
	c.disperse()
	t.Logf("a request takes %v, the longest %v in the engine; first tokens of the light app %v, in the order of arrival %v (%.1f ×)",
		one.Round(time.Millisecond), most.Round(time.Millisecond), rounded(firsts), r.first.Round(time.Millisecond), float64(r.first)/float64(one))
	// What runs must end first, and how long that takes varies on a busy machine.
	if median := firsts[len(firsts)/2]; median > 2*one {
		t.Errorf("a first token takes %v, %.1f times a request's %v", median, float64(median)/float64(one), one)
	}
	if worst := firsts[len(firsts)-1]; worst > 2*max(one, most) {
		t.Errorf("a first token took %v, %.1f times the longest request's %v", worst, float64(worst)/float64(most), most)
	}
}
