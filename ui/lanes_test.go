package ui

import (
	"testing"
	"time"

	"carpool/app"
	"carpool/batching"
)

func TestPlaces(t *testing.T) {
	running := func(n int) []batching.Running {
		return make([]batching.Running, n)
	}
	queue := func(model string, n, limit int) batching.QueueState {
		return batching.QueueState{Key: batching.Key{Model: model}, Running: running(n), Limit: limit}
	}
	fixed := func(n int) batching.Limits { return batching.Limits{Mode: batching.Fixed, Size: n, Parallel: 1} }
	tests := []struct {
		name   string
		limits batching.Limits
		queues []batching.QueueState
		lines  int
		last   string
	}{
		{"idle shows its places", fixed(4), nil, 4, "free"},
		{"many places share the last line", fixed(64), nil, 8, "57 more free"},
		{"free places follow the running", fixed(4), []batching.QueueState{queue("a", 3, 4)}, 4, "free"},
		{"models have places of their own", fixed(4), []batching.QueueState{queue("a", 3, 4), queue("b", 1, 2)}, 6, "free"},
		{"more running than lines", fixed(64), []batching.QueueState{queue("a", 20, 64)}, 8, "and 13 more"},
		{"no bound has no free places", batching.Limits{Mode: batching.Passthrough}, []batching.QueueState{queue("a", 2, 0)}, 2, ""},
		{"one at a time has one place", batching.Limits{Mode: batching.Serial}, nil, 1, "free"},
		{"off while requests still run", batching.Limits{Mode: batching.Serial}, []batching.QueueState{queue("a", 3, 1)}, 3, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := places(app.Snapshot{At: now, Limits: tt.limits, Queues: tt.queues})
			if len(lines) != tt.lines {
				t.Fatalf("%d lines, want %d: %+v", len(lines), tt.lines, lines)
			}
			if got := lines[len(lines)-1].app; got != tt.last {
				t.Errorf("the last line is %q, want %q", got, tt.last)
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
