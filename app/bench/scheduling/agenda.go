package scheduling

import (
	"container/heap"
	"time"
)

// agenda holds when each sender sends next. What was added first comes first
// among equal times, so that equal runs are equal.
type agenda struct {
	entries entries
	added   uint64
}

type entry struct {
	at     time.Duration
	number uint64
	sender *sender
}

func (a *agenda) add(at time.Duration, s *sender) {
	if at == never {
		return
	}
	a.added++
	heap.Push(&a.entries, entry{at, a.added, s})
}

// next is the earliest time on the agenda.
func (a *agenda) next() time.Duration {
	if len(a.entries) == 0 {
		return never
	}
	return a.entries[0].at
}

// take removes the earliest entry.
func (a *agenda) take() *sender { return heap.Pop(&a.entries).(entry).sender }

type entries []entry

func (e entries) Len() int { return len(e) }
func (e entries) Less(i, j int) bool {
	if e[i].at != e[j].at {
		return e[i].at < e[j].at
	}
	return e[i].number < e[j].number
}
func (e entries) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *entries) Push(x any)   { *e = append(*e, x.(entry)) }
func (e *entries) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}
