package adaptive_test

import (
	"strconv"
	"testing"
	"time"

	"carpool/batching/adaptive"
)

// busy returns a governor with n streams.
func busy(n int) *adaptive.Governor {
	g := adaptive.New(start, adaptive.Config{Max: 8192, Start: n})
	g.Tell(start, adaptive.Facts{Preallocated: true})
	for id := range uint64(n) {
		g.Released(start, id, adaptive.Work{Prompt: 100, Streams: true})
	}
	for id := range uint64(n) {
		g.Tokens(start, id, 1)
	}
	return g
}

func BenchmarkTokens(b *testing.B) {
	for _, n := range []int{8, 32, 5000} {
		b.Run(strconv.Itoa(n)+" streams", func(b *testing.B) {
			g, now := busy(n), start
			b.ReportAllocs()
			for i := range b.N {
				if i%n == 0 {
					now = now.Add(10 * time.Millisecond)
				}
				g.Tokens(now, uint64(i%n), 1)
			}
		})
	}
}

func BenchmarkTick(b *testing.B) {
	for _, n := range []int{8, 32, 5000} {
		b.Run(strconv.Itoa(n)+" streams", func(b *testing.B) {
			g, now := busy(n), start
			b.ReportAllocs()
			for range b.N {
				now = now.Add(100 * time.Millisecond)
				g.Tick(now, 10, n)
			}
		})
	}
}

// BenchmarkTurn is a stream that ends and one that comes in its place: the scheduler
// tells of both under its lock. One more waits for its first token all the time.
func BenchmarkTurn(b *testing.B) {
	for _, n := range []int{8, 1000, 5000} {
		b.Run(strconv.Itoa(n)+" streams", func(b *testing.B) {
			g, now, first, next := busy(n), start, uint64(0), uint64(n)
			come := func() {
				g.Released(now, next, adaptive.Work{Prompt: 100, Streams: true})
				next++
			}
			come()
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Millisecond)
				g.Ended(now, first, adaptive.End{Outcome: adaptive.Served, Prompt: -1, Cached: -1, Output: int(first % 7)})
				first++
				g.Tokens(now, next-1, 1)
				come()
			}
		})
	}
}

// BenchmarkWalks are what looks at all that runs: ten times a second while a request
// has no first token, and with each reading of the GPU.
func BenchmarkWalks(b *testing.B) {
	for _, n := range []int{8, 5000} {
		g, now := busy(n), start
		g.Released(now, uint64(n), adaptive.Work{Prompt: 100, Streams: true})
		b.Run("tick/"+strconv.Itoa(n)+" streams", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Tick(now, 10, n)
			}
		})
		b.Run("reading/"+strconv.Itoa(n)+" streams", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Memory(now, adaptive.Memory{Used: 1000, Total: 24000, Utilization: -1, Others: -1})
			}
		})
	}
}

func TestTokensAllocateNothing(t *testing.T) {
	g, now := busy(8), start
	i := 0
	token := func() {
		if i++; i%8 == 0 {
			now = now.Add(10 * time.Millisecond)
		}
		g.Tokens(now, uint64(i%8), 1)
	}
	for range 1000 {
		token()
	}
	if n := testing.AllocsPerRun(1000, token); n != 0 {
		t.Errorf("%v allocations per token", n)
	}
}
