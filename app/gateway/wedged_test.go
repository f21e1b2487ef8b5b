package gateway

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"carpool/backends"
	"carpool/batching"
)

// TestWedgedWaits is about the calls that wait for a model of an engine that has
// stopped answering for it.
func TestWedgedWaits(t *testing.T) {
	key := batching.Key{Engine: "one", Model: "m"}
	// waits has a call wait for it, in virtual time, whose limit of the first token is
	// ten seconds, with another engine that has the model or without.
	waits := func(t *testing.T, other bool, moves int, test func(g *Gateway, queue context.Context)) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			two := targetOf(t, "http://two")
			two.Name, two.Active, two.Health = "two", true, backends.Up
			all := &engines{target: two}
			if !other {
				all.target = nil
			}
			g := New(Options{Scheduler: batching.New(batching.Settings{}, batching.Options{}), Engines: all, Listen: "127.0.0.1:11435"}, Limits{FirstToken: 10 * time.Second})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			c := &call{Gateway: g, policy: g.policy.Load(), ctx: ctx, sketch: sketch{model: "m"}, target: backends.Target{Info: backends.Info{Name: "one"}}, moves: moves}
			c.queue(key, cancel)
			defer g.wedged.exit(c)
			test(g, ctx)
		})
	}
	wedged := map[batching.Key]bool{key: true}

	t.Run("GoElsewhere", func(t *testing.T) {
		waits(t, true, maxMoves-1, func(g *Gateway, queue context.Context) {
			g.SetWedged(wedged)
			if err := context.Cause(queue); !errors.Is(err, errEngineGone) {
				t.Errorf("%v", err)
			}
		})
	})
	t.Run("StayAfterTheLastMove", func(t *testing.T) {
		waits(t, true, maxMoves, func(g *Gateway, queue context.Context) {
			g.SetWedged(wedged)
			if err := context.Cause(queue); err != nil {
				t.Errorf("%v", err)
			}
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if err := context.Cause(queue); !errors.Is(err, errSilent) {
				t.Errorf("%v", err)
			}
		})
	})
	t.Run("HaveALimitAtEachWedge", func(t *testing.T) {
		waits(t, false, 0, func(g *Gateway, queue context.Context) {
			g.SetWedged(wedged)
			g.SetWedged(nil)
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if err := context.Cause(queue); err != nil {
				t.Errorf("it is well, and the call is told %v", err)
			}
			g.SetWedged(wedged)
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if err := context.Cause(queue); !errors.Is(err, errSilent) {
				t.Errorf("%v", err)
			}
		})
	})
}
