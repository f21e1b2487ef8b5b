package scheduling

import (
	"testing"
	"time"
)

func TestSettled(t *testing.T) {
	s := time.Second
	limits := []LimitAt{{0, 4}, {5 * s, 8}, {10 * s, 9}, {40 * s, 20}, {50 * s, 8}}
	for _, c := range []struct {
		name  string
		from  time.Duration
		least int
		stay  time.Duration
		end   time.Duration
		want  time.Duration
	}{
		{"two limits in the range count together", 0, 8, 20 * s, 100 * s, 5 * s},
		{"not before from", 15 * s, 8, 20 * s, 100 * s, 15 * s},
		{"a stay that is cut short does not count", 30 * s, 8, 20 * s, 100 * s, 50 * s},
		{"the end cuts it short", 30 * s, 8, 20 * s, 60 * s, never},
		{"from the start", 0, 4, 5 * s, 100 * s, 0},
		{"never there", 0, 15, s, 100 * s, never},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := settled(limits, c.from, c.least, c.least+1, c.stay, c.end); got != c.want {
				t.Errorf("settled at %v, want %v", got, c.want)
			}
		})
	}
}

func TestRecovered(t *testing.T) {
	perSecond := make([]int, 100)
	for i := range perSecond {
		perSecond[i] = 100
	}
	for i := 30; i < 50; i++ {
		perSecond[i] = 10
	}
	if got := recovered(perSecond, 30*time.Second, 90); got != 48*time.Second {
		t.Errorf("recovered at %v, want 48s: from then on 20 s hold 18 good ones", got)
	}
	if got := recovered(perSecond, 30*time.Second, 101); got != never {
		t.Errorf("recovered at %v, want never", got)
	}
	if got := since(never, time.Second); got != never {
		t.Errorf("since = %v, want never", got)
	}
}

func TestMiddle(t *testing.T) {
	if median, worst := middle([]time.Duration{never, 1, 3, 2}); median != 2 || worst != never {
		t.Errorf("median %v, worst %v", median, worst)
	}
}
