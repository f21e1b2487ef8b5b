package ui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"carpool/app"
	"carpool/batching"
)

// laneQueue has requests that run, by their tickets.
func laneQueue(model string, limit int, tickets ...uint64) batching.QueueState {
	q := batching.QueueState{Key: batching.Key{Engine: "ollama", Model: model}, Limit: limit}
	for _, ticket := range tickets {
		q.Running = append(q.Running, batching.Running{Ticket: ticket, App: fmt.Sprint("app ", ticket)})
	}
	return q
}

func upTo(n uint64) (tickets []uint64) {
	for i := range n {
		tickets = append(tickets, i+1)
	}
	return tickets
}

// listing is each line in a word or two.
func listing(lines []lane) string {
	var all []string
	for _, l := range lines {
		all = append(all, strings.TrimSpace(l.number+" "+l.app))
	}
	return strings.Join(all, ", ")
}

func TestLanes(t *testing.T) {
	fixed := func(n int) batching.Limits { return batching.Limits{Mode: batching.Fixed, Size: n, Parallel: 1} }
	tests := []struct {
		name   string
		limits batching.Limits
		queues []batching.QueueState
		want   string
	}{
		{"idle shows its places", fixed(3), nil, "1 free, 2 free, 3 free"},
		{"many places share the last line", fixed(64), nil, "1 free, 2 free, 3 free, 4 free, 60 more free"},
		{"free places follow the running", fixed(4), []batching.QueueState{laneQueue("a", 4, 1, 2, 3)}, "1 app 1, 2 app 2, 3 app 3, 4 free"},
		{"as many free as there are", fixed(9), []batching.QueueState{laneQueue("a", 9, 1, 2, 3)}, "1 app 1, 2 app 2, 3 app 3, 4 free, 5 more free"},
		{"those that run before free ones", fixed(9), []batching.QueueState{laneQueue("a", 9, upTo(5)...)}, "1 app 1, 2 app 2, 3 app 3, 4 app 4, 5 app 5"},
		{"more than there are lines", fixed(9), []batching.QueueState{laneQueue("a", 9, upTo(6)...)}, "1 app 1, 2 app 2, 3 app 3, 4 app 4, and 2 more"},
		{"exactly full", fixed(5), []batching.QueueState{laneQueue("a", 5, upTo(5)...)}, "1 app 1, 2 app 2, 3 app 3, 4 app 4, 5 app 5"},
		{"models stand in groups", fixed(4), []batching.QueueState{laneQueue("a", 4, 1, 2), laneQueue("b:latest", 2, 3)},
			"a on ollama, 1 app 1, 2 app 2, b on ollama, 1 app 3"},
		{"a group's name does not count as one more", fixed(4), []batching.QueueState{laneQueue("a", 4, 1, 2, 3), laneQueue("b", 2, 4)},
			"a on ollama, 1 app 1, 2 app 2, 3 app 3, and 1 more"},
		{"no bound has no free places", batching.Limits{Mode: batching.Passthrough}, []batching.QueueState{laneQueue("a", 0, 1, 2)}, "1 app 1, 2 app 2"},
		{"one at a time has one place", batching.Limits{Mode: batching.Serial}, nil, "1 free"},
		{"off while requests still run", batching.Limits{Mode: batching.Serial}, []batching.QueueState{laneQueue("a", 1, 1, 2)}, "1 app 1, 2 app 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := new(lanes).show(app.Snapshot{At: now, Limits: tt.limits, Queues: tt.queues}, 5)
			if got := listing(lines); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestLanes_ARequestStaysInItsLane(t *testing.T) {
	var l lanes
	for _, step := range []struct {
		tickets []uint64
		want    string
	}{
		{[]uint64{1, 2, 3}, "1 app 1, 2 app 2, 3 app 3, 4 free"},
		{[]uint64{1, 3}, "1 app 1, 2 free, 3 app 3, 4 free"},
		{[]uint64{3, 4, 5}, "1 app 4, 2 app 5, 3 app 3, 4 free"},
		{[]uint64{5, 6, 7, 8}, "1 app 6, 2 app 5, 3 app 7, 4 app 8"},
		{nil, "1 free, 2 free, 3 free, 4 free"},
	} {
		s := app.Snapshot{At: now, Limits: batching.Limits{Mode: batching.Fixed, Size: 4, Parallel: 1}, Queues: []batching.QueueState{laneQueue("a", 4, step.tickets...)}}
		if got := listing(l.show(s, maxRows)); got != step.want {
			t.Errorf("got  %s\nwant %s", got, step.want)
		}
	}
}

func TestLanes_OneThatLeavesIsNotCancelledAgain(t *testing.T) {
	q := laneQueue("a", 4, 1, 2)
	q.Running[0].Leaving = true
	lines := new(lanes).show(app.Snapshot{At: now, Queues: []batching.QueueState{q}}, maxRows)
	if lines[0].cancel != (order{}) || lines[0].rate != "leaving" || lines[1].cancel.ticket != 2 {
		t.Errorf("got %+v", lines)
	}
}

func TestWaiters(t *testing.T) {
	queue := func(engine string, depth int, positions ...int) batching.QueueState {
		q := batching.QueueState{Key: batching.Key{Engine: engine, Model: engine + "'s"}, Depth: depth}
		for _, at := range positions {
			q.Waiting = append(q.Waiting, batching.Waiting{Ticket: uint64(at), App: fmt.Sprint(engine, at), Position: at})
		}
		return q
	}
	for _, tt := range []struct {
		name   string
		queues []batching.QueueState
		want   []string
	}{
		{"in their order", []batching.QueueState{queue("a", 3, 3, 1, 2)}, []string{"1 a1", "2 a2", "3 a3"}},
		{"engines take turns", []batching.QueueState{queue("a", 2, 1, 2), queue("b", 1, 1)}, []string{"1 a1", "2 b1", "3 a2"}},
		{"as many as there are lines", []batching.QueueState{queue("a", 4, 1, 2, 3, 4)}, []string{"1 a1", "2 a2", "3 a3", "4 a4"}},
		{"the last line stands for more", []batching.QueueState{queue("a", 5, 1, 2, 3, 4, 5)}, []string{"1 a1", "2 a2", "3 a3", " and 2 more"}},
		{"more than are listed", []batching.QueueState{queue("a", 50, 1, 2)}, []string{"1 a1", "2 a2", " and 48 more"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, w := range waiters(app.Snapshot{At: now, Queues: tt.queues}, 4) {
				got = append(got, w.number+" "+w.app)
				if front := w.position > 1; front != (w.front.deed == advanceRequest) || (w.position > 0) != (w.cancel.deed == cancelRequest) {
					t.Errorf("%s can be moved: %v, and cancelled: %v", w.app, w.front, w.cancel)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
func TestRate(t *testing.T) {
	tests := []struct {
		tokens int
		since  time.Duration
		want   string
	}{
		{1, time.Second, ""}, {2, time.Millisecond, ""}, {101, 2 * time.Second, "50 tok/s"}, {5, 2 * time.Second, "2.0 tok/s"},
	}
	for _, tt := range tests {
		if got := rate(tt.tokens, tt.since); got != tt.want {
			t.Errorf("rate(%d, %v) = %q, want %q", tt.tokens, tt.since, got, tt.want)
		}
	}
}

func TestBrief(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Second: "0 s", 1900 * time.Millisecond: "1 s", 99 * time.Second: "99 s",
		3 * time.Minute: "3 min", 200 * time.Minute: "3 h"} {
		if got := brief(d); got != want {
			t.Errorf("brief(%v) = %q, want %q", d, got, want)
		}
	}
}
