package scheduling

import (
	"math"
	"time"
)

// histogram counts durations in buckets that are at most 0.8 % wide, so that
// millions of token gaps need no sorting.
type histogram struct {
	counts []uint32
	total  uint64
}

// A float's exponent and the first seven bits of its fraction number its bucket.
const bucketShift = 52 - 7

func (h *histogram) add(d time.Duration) {
	i := int(math.Float64bits(float64(max(d, 1))) >> bucketShift)
	i -= int(math.Float64bits(1) >> bucketShift)
	if i >= len(h.counts) {
		h.counts = append(h.counts, make([]uint32, i+1-len(h.counts))...)
	}
	h.counts[i]++
	h.total++
}

// quantile returns the lower end of the bucket that holds the q-th part, 0 if
// nothing was added.
func (h *histogram) quantile(q float64) time.Duration {
	want, seen := uint64(math.Ceil(q*float64(h.total))), uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); n > 0 && seen >= want {
			bits := uint64(i)<<bucketShift + math.Float64bits(1)
			return time.Duration(math.Float64frombits(bits))
		}
	}
	return 0
}
