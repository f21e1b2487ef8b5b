package storage

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkSketch is what the histogram of first tokens costs: a value that is
// counted, a span of 100 values that is put on file, and one that is added to the sum.
func BenchmarkSketch(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	times := make([]float64, 100)
	for i := range times {
		times[i] = 100 * random.ExpFloat64()
	}
	b.Run("add", func(b *testing.B) {
		s := newSketch()
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			s.add(times[n%len(times)])
			n++
		}
	})
	b.Run("blob", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sketchOf(times)
		}
	})
	b.Run("merge", func(b *testing.B) {
		blob := sketchOf(times)
		sum := newSketch()
		b.ReportAllocs()
		for b.Loop() {
			if err := sum.take(blob); err != nil {
				b.Fatal(err)
			}
		}
	})
}
