package batching_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"carpool/batching"
)

// waits are how many requests wait before full places.
var waits = []int{1, 10, 100, 1000, 10_000}

// BenchmarkTurn is one request that ends and the next that has its turn, while one
// more comes, before 8 places.
func BenchmarkTurn(b *testing.B) {
	for _, waiting := range waits {
		b.Run(fmt.Sprintf("core/waiting=%d", waiting), func(b *testing.B) { turnOfCore(b, waiting) })
	}
	for _, waiting := range waits {
		b.Run(fmt.Sprintf("shell/waiting=%d", waiting), func(b *testing.B) { turnOfShell(b, waiting) })
	}
}

func turnOfCore(b *testing.B, waiting int) {
	c, now, running := crowded(b, waiting, mixed(10))
	next := mixed(10)(0)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		if _, err := c.Arrive(now, next); err != nil {
			b.Fatal(err)
		}
		c.End(now, running[0], batching.Served, batching.Report{PromptTokens: 120, CachedTokens: -1, OutputTokens: -1})
		running = append(running[1:], c.Step(now).Released...)
	}
	if len(running) != 8 {
		b.Fatalf("%d run", len(running))
	}
}

// turnOfShell has a goroutine for each request, as a gateway has.
func turnOfShell(b *testing.B, waiting int) {
	const places = 8
	set := fixed(places)
	set.MaxWaiting = waiting + 2*places
	s := batching.New(set, batching.Options{})
	ctx, cancel := context.WithCancel(b.Context())
	turns := make(chan *batching.Lease)
	var all sync.WaitGroup
	for n := range waiting + places {
		all.Go(func() {
			r := mixed(10)(n)
			for {
				l, err := s.Acquire(ctx, r)
				if err != nil {
					return // the end
				}
				select {
				case turns <- l:
				case <-ctx.Done():
					l.Release(batching.Canceled)
					return
				}
			}
		})
	}
	defer func() {
		cancel()
		all.Wait()
		if err := s.Shutdown(b.Context()); err != nil {
			b.Error(err)
		}
	}()
	for queued := 0; queued < waiting; { // they have all come
		queued = 0
		for _, q := range s.Snapshot() {
			queued += q.Depth
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		(<-turns).Release(batching.Served)
	}
}

// BenchmarkLone is a request that finds a free place, with no one before it.
func BenchmarkLone(b *testing.B) {
	s := batching.New(fixed(8), batching.Options{})
	b.ReportAllocs()
	for b.Loop() {
		l, err := s.Acquire(b.Context(), request)
		if err != nil {
			b.Fatal(err)
		}
		l.Release(batching.Served)
	}
	if err := s.Shutdown(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkBatch is a batch of 8 that fills, is released at one moment and ends.
func BenchmarkBatch(b *testing.B) {
	const size = 8
	for _, m := range []struct {
		name string
		set  batching.Settings
	}{{"static", static(size, 50, 1)}, {"fixed", fixed(size)}} {
		b.Run(m.name, func(b *testing.B) {
			c := batching.NewCore(m.set, batching.Options{})
			now := time.Now()
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Millisecond)
				for range size {
					if _, err := c.Arrive(now, request); err != nil {
						b.Fatal(err)
					}
				}
				released := c.Step(now).Released
				if len(released) != size {
					b.Fatalf("a batch of %d", len(released))
				}
				for _, t := range released {
					c.End(now, t, batching.Served, batching.Report{PromptTokens: -1, CachedTokens: -1, OutputTokens: -1})
				}
			}
		})
	}
}
