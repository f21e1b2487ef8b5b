package scheduling

import (
	"math"
	"testing"
	"time"

	"carpool/batching/adaptive"
)

func TestMemoryTable(t *testing.T) {
	for _, c := range []struct {
		used float64
		want int
	}{{0, 16}, {9, 16}, {10, 8}, {50, 8}, {51, 4}, {100, 4}} {
		m := &table{size: 8}
		m.memory(0, adaptive.Memory{Used: c.used, Total: 100})
		if got := m.limits(0, 0, 0).Size; got != c.want {
			t.Errorf("with %v %% used the limit is %d, want %d", c.used, got, c.want)
		}
	}
	m := &table{size: 8}
	m.memory(0, adaptive.Memory{})
	if got := m.limits(0, 0, 0).Size; got != 8 {
		t.Errorf("without a reading the limit is %d, want 8", got)
	}
}

func TestAIMD(t *testing.T) {
	took := func(waited, ran time.Duration, at time.Duration) *request {
		return &request{arrived: at - waited - ran, released: at - ran}
	}
	a := &aimd{limit: start}
	step := func(at time.Duration, inFlight int, r *request) int {
		a.ended(at, r)
		return a.limits(at, 0, inFlight).Size
	}
	if got := step(time.Minute, 4, took(0, time.Second, time.Minute)); got != 5 {
		t.Errorf("limit %d after a quick window, want 5", got)
	}
	if got := step(time.Minute+time.Second, 5, took(0, time.Second, time.Minute)); got != 5 {
		t.Errorf("limit %d within the window, want 5", got)
	}
	a.latencies = nil
	if got := step(2*time.Minute, 2, took(0, time.Second, 2*time.Minute)); got != 5 {
		t.Errorf("limit %d although less than half is used, want 5", got)
	}
	if got := step(3*time.Minute, 5, took(9*time.Second, 2*time.Second, 3*time.Minute)); got != 4 {
		t.Errorf("limit %d after a slow window, want 4 (4.5)", got)
	}
	e := &aimd{limit: start, engineTime: true}
	e.ended(time.Minute, took(time.Hour, time.Second, time.Minute))
	if got := e.limits(time.Minute, 0, 4).Size; got != 5 {
		t.Errorf("engine time counts our own queue: limit %d, want 5", got)
	}
}

func TestGradient2(t *testing.T) {
	end := func(g *gradient2, took float64, beside int) float64 {
		g.ended(seconds(took), &request{beside: beside})
		return g.limit
	}
	g := &gradient2{limit: start}
	// Steady latency: slope 1, so the limit grows by smoothing times the queue.
	if got := end(g, 1, 4); math.Abs(got-4.8) > 1e-9 {
		t.Errorf("limit %v, want 4.8", got)
	}
	if got := end(g, 1, 2); math.Abs(got-4.8) > 1e-9 {
		t.Errorf("limit %v although less than half is used, want 4.8", got)
	}
	// Long average (1+1+4)/3 = 2; slope max(.5, 1.5*2/4) = .75.
	if got, want := end(g, 4, 4), 4.8*.8+(4.8*.75+4)*.2; math.Abs(got-want) > 1e-9 {
		t.Errorf("limit %v, want %v", got, want)
	}
	// The long average falls by a twentieth when it is more than twice the sample.
	before := (6 + .5) / 4.
	if end(g, .5, 0); math.Abs(g.long.value-before*.95) > 1e-9 {
		t.Errorf("long average %v, want %v", g.long.value, before*.95)
	}
	for range 1000 {
		end(g, 1, 32)
	}
	if g.limit != ceiling {
		t.Errorf("limit %v, want the ceiling", g.limit)
	}
}
