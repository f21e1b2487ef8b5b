package scheduling

import (
	"fmt"
	"slices"
	"time"
)

// settled is when the limit came into a range to stay there for a while, at
// from or later; never if it did not.
func settled(limits []LimitAt, from time.Duration, least, most int, stay, end time.Duration) time.Duration {
	since := never
	for i, l := range limits {
		until := end
		if i+1 < len(limits) {
			until = limits[i+1].At
		}
		switch {
		case until <= from:
			continue
		case l.Limit < least || l.Limit > most:
			since = never
			continue
		case since == never:
			since = max(l.At, from)
		}
		if until-since >= stay {
			return since
		}
	}
	return never
}

// recovered is when throughput was back at a rate, over the 20 s that follow.
func recovered(perSecond []int, from time.Duration, rate float64) time.Duration {
	const window = 20
	for at := int(from / time.Second); at+window < len(perSecond); at++ {
		sum := 0
		for _, n := range perSecond[at : at+window] {
			sum += n
		}
		if float64(sum) >= rate*window {
			return max(from, time.Duration(at)*time.Second)
		}
	}
	return never
}

// finishedBetween counts requests that ended in a span of time.
func finishedBetween(r Result, from, to time.Duration) int {
	first, _ := slices.BinarySearch(r.Finished, from)
	last, _ := slices.BinarySearch(r.Finished, to)
	return last - first
}

// middle is the median and the worst of several times.
func middle(times []time.Duration) (median, worst time.Duration) {
	times = sorted(slices.Clone(times))
	return times[(len(times)-1)/2], times[len(times)-1]
}

// span prints a time in seconds, or that it did not come.
func span(d time.Duration) string {
	if d == never {
		return "never"
	}
	return fmt.Sprintf("%.1f", d.Seconds())
}

// since is how long after a moment something happened; never stays never.
func since(at, moment time.Duration) time.Duration {
	if at == never {
		return never
	}
	return at - moment
}
