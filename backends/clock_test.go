package backends

import (
	"net/http"
	"testing"
	"time"

	"carpool/internal/clocktest"
)

// Test28_Clock has the engines' watcher live through sleep and a clock that is set.
func Test28_Clock(t *testing.T) {
	t.Run("LooksAtOnceAfterSleep", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			e := w.host(local)
			w.run()
			w.after(7 * time.Second) // the last look was 2 s ago, the next is 3 s away
			asked, dials := e.Hits("/api/tags"), w.dials.Load()
			w.Renew()
			w.after(0)
			if got := e.Hits("/api/tags"); got != asked+1 {
				t.Errorf("%d looks after sleep", got-asked)
			}
			if got := w.dials.Load(); got == dials {
				t.Error("it was asked over a connection of before")
			}
		})
	})

	t.Run("SeesAnEngineThatIsGone", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			e := w.host(local)
			w.run()
			w.after(2 * time.Second)
			e.Stop()
			w.mu.Lock()
			delete(w.hosts, local)
			w.mu.Unlock()
			w.Renew()
			w.after(0)
			if got := w.Snapshot()[0]; got.Health == Up {
				t.Errorf("it is %s", got.Health)
			}
		})
	})

	t.Run("LeavesWhatRunsAlone", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			w.host(local)
			w.run()
			target, err := w.Preferred()
			if err != nil {
				t.Fatal(err)
			}
			resp, err := target.Transport.RoundTrip(must(http.NewRequest("GET", target.Base.JoinPath("/api/version").String(), nil)))
			if err != nil {
				t.Fatal(err)
			}
			w.Renew() // while the answer is read
			w.after(time.Second)
			buf := make([]byte, 1<<10)
			if n, err := resp.Body.Read(buf); n == 0 {
				t.Errorf("the answer was broken off: %v", err)
			}
			_ = resp.Body.Close()
		})
	})

	t.Run("ARestIsAsLong", func(t *testing.T) {
		begun := time.Now()
		for _, by := range []time.Duration{0, 3 * time.Hour, -3 * time.Hour} {
			var b breaker
			for i := range breakAfter {
				b.fail(clocktest.Set(begun.Add(time.Duration(i)*time.Second), by*time.Duration(i%2)))
			}
			last := begun.Add((breakAfter - 1) * time.Second)
			if _, rests := b.rests(clocktest.Set(last.Add(breakFor-1), by)); !rests {
				t.Errorf("set by %v, the rest ends early", by)
			}
			if until, rests := b.rests(clocktest.Set(last.Add(breakFor), by)); rests {
				t.Errorf("set by %v, it rests until %v", by, until)
			}
		}
	})
}
