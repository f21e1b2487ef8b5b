package batching_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"carpool/batching"
)

// BenchmarkRunning is what one event costs while many run: each is decided under the
// scheduler's lock, and thousands of streams begin and end at about one time.
func BenchmarkRunning(b *testing.B) {
	for _, running := range []int{8, 1000, 5000} {
		b.Run(fmt.Sprintf("arrival+end/running=%d", running), func(b *testing.B) {
			c, now, all := streaming(b, running)
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Millisecond)
				if _, err := c.Arrive(now, request); err != nil {
					b.Fatal(err)
				}
				all = append(all, c.Step(now).Released...)
				c.End(now, all[0], batching.Served, batching.Untold())
				all = all[1:]
				c.Step(now)
			}
			if len(all) != running {
				b.Fatalf("%d run", len(all))
			}
		})
		b.Run(fmt.Sprintf("token/running=%d", running), func(b *testing.B) {
			c, now, all := streaming(b, running)
			b.ReportAllocs()
			for b.Loop() {
				c.FirstToken(now, all[0])
				c.Step(now)
			}
		})
		b.Run(fmt.Sprintf("token beside those who left/running=%d", running), func(b *testing.B) {
			c, now, all := streaming(b, running)
			for _, t := range all[running/2:] {
				c.End(now, t, batching.Canceled, batching.Untold())
			}
			b.ReportAllocs()
			for b.Loop() {
				c.FirstToken(now, all[0])
				c.Step(now)
			}
		})
		b.Run(fmt.Sprintf("look/running=%d", running), func(b *testing.B) { // what Scheduler.Snapshot holds the lock for
			c, now, _ := streaming(b, running)
			b.ReportAllocs()
			for b.Loop() {
				c.Look(now)
			}
		})
		b.Run(fmt.Sprintf("snapshot/running=%d", running), func(b *testing.B) {
			c, now, _ := streaming(b, running)
			b.ReportAllocs()
			for b.Loop() {
				if got := len(c.Snapshot(now)[0].Running); got != running {
					b.Fatalf("%d run", got)
				}
			}
		})
	}
}

// streaming is a core with so many running and room for one more.
func streaming(b *testing.B, running int) (*batching.Core, time.Time, []*batching.Ticket) {
	set := fixed(running + 1)
	set.CancelGrace = time.Hour
	c, now := batching.NewCore(set, batching.Options{}), time.Now()
	var all []*batching.Ticket
	for range running {
		if _, err := c.Arrive(now, request); err != nil {
			b.Fatal(err)
		}
		all = append(all, c.Step(now).Released...)
	}
	return c, now, all
}

// BenchmarkStorm is so many streams that come, have their first token and end at about
// one time, each on a goroutine of its own as in a gateway.
func BenchmarkStorm(b *testing.B) {
	for _, streams := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprint(streams), func(b *testing.B) {
			set := fixed(streams)
			set.MaxWaiting = streams
			s := batching.New(set, batching.Options{})
			for b.Loop() {
				var came, spoke, all sync.WaitGroup
				came.Add(streams)
				spoke.Add(streams)
				for range streams {
					all.Go(func() {
						l, err := s.Acquire(b.Context(), request)
						if err != nil {
							b.Error(err)
						}
						came.Done()
						came.Wait()
						l.FirstToken()
						spoke.Done()
						spoke.Wait()
						l.Release(batching.Served)
					})
				}
				all.Wait()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*streams), "µs/stream")
		})
	}
}
