package wedge

import (
	"testing"
	"time"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(seconds float64) time.Time { return begin.Add(time.Duration(seconds * float64(time.Second))) }

const stall = time.Minute

// watch judges each second and returns the second at which it is called wedged; -1 =
// until then it is not.
func watch(p *Pulse, from, until int) (second int, v Verdict) {
	for s := from; s <= until; s++ {
		if v = p.Judge(at(float64(s)), stall); v.Wedged {
			return s, v
		}
	}
	return -1, v
}

func TestPulse(t *testing.T) {
	// warm is a model that loads in 5 s and reads 1000 tokens a second.
	warm := func() *Pulse {
		p := &Pulse{}
		p.Loaded(5 * time.Second)
		p.Read(1000, time.Second)
		p.Alive(at(0))
		return p
	}
	expect := func(t *testing.T, p *Pulse, until, want int) {
		t.Helper()
		if s, v := watch(p, 1, until); s != want || (want > 0) != (v.Reason != "") {
			t.Errorf("wedged at %d s, want %d: %+v", s, want, v)
		}
	}
	t.Run("SilenceBeyondAllThatTakesTimeIsAWedge", func(t *testing.T) {
		p := warm()
		p.Released(at(0), 1000, true)
		expect(t, p, 1000, 60+2*5+4)
	})
	t.Run("ATokenOfAnyRequestIsLife", func(t *testing.T) {
		p := warm()
		for range 8 {
			p.Released(at(0), 100, true)
		}
		for s := 1; s < 1000; s++ {
			if s%70 == 0 {
				p.Alive(at(float64(s)))
			}
			if v := p.Judge(at(float64(s)), stall); v.Wedged {
				t.Fatalf("%d s: %+v", s, v)
			}
		}
	})
	t.Run("EveryPromptThatCameIsAllowedFor", func(t *testing.T) {
		p := warm()
		for range 8 {
			p.Released(at(0), 10_000, true)
		}
		expect(t, p, 1000, 60+10+4*80)
	})
	t.Run("TheSlowestRateCounts", func(t *testing.T) {
		p := warm()
		p.Read(100, 10*time.Second)
		p.Read(100_000, time.Second)
		p.Released(at(0), 100, true)
		expect(t, p, 1000, 60+10+40)
	})
	t.Run("AModelOfWhichNothingIsKnownGetsLonger", func(t *testing.T) {
		p := &Pulse{}
		p.Released(at(0), 100, true)
		expect(t, p, 1000, 60+120+20)
	})
	t.Run("WhatMayBeSilentProvesNothing", func(t *testing.T) {
		p := warm()
		p.Released(at(0), 100, false)
		expect(t, p, 10_000, -1)
	})
	t.Run("ClientsThatGiveUpProveItTogether", func(t *testing.T) {
		p := warm()
		for s := range 1000 {
			switch s % 15 {
			case 0:
				p.Released(at(float64(s)), 10, true)
			case 10: // it leaves
				p.Ended(at(float64(s)), true)
			}
			if v := p.Judge(at(float64(s)), stall); v.Wedged {
				if s < 100 || s > 120 {
					t.Errorf("at %d s", s)
				}
				return
			}
		}
		t.Error("never")
	})
	t.Run("TimeInWhichNothingIsAskedProvesNothing", func(t *testing.T) {
		p := warm()
		p.Released(at(0), 10, true)
		p.Ended(at(5), true)
		expect(t, p, 10_000, -1)
	})
	t.Run("WhatIsNotLoadedIsNotWedged", func(t *testing.T) {
		p := warm()
		p.Released(at(0), 10, true)
		for s := 1; s < 1000; s++ {
			p.Excuse(at(float64(s)))
			if v := p.Judge(at(float64(s)), stall); v.Wedged {
				t.Fatal(v)
			}
		}
	})
	t.Run("ATimeInWhichCarpoolStoodStillProvesNothing", func(t *testing.T) {
		p := warm()
		p.Released(at(0), 10, true)
		p.Judge(at(1), stall)
		if v := p.Judge(at(3600), stall); v.Wedged {
			t.Error(v)
		}
	})
	t.Run("TwoThatMissTheirLimitInARowProveIt", func(t *testing.T) {
		p := warm()
		p.Released(at(0), 10, false)
		p.Missed(at(300))
		if v := p.Judge(at(301), stall); v.Wedged || v.Partial {
			t.Error(v)
		}
		p.Missed(at(600))
		if v := p.Judge(at(601), stall); !v.Wedged {
			t.Error(v)
		}
		p.Alive(at(602))
		if v := p.Judge(at(603), stall); v != (Verdict{}) {
			t.Error(v)
		}
	})
	t.Run("SomeThatMissItWhileOthersFlowAreSaid", func(t *testing.T) {
		p := warm()
		p.Missed(at(300))
		p.Alive(at(301))
		p.Missed(at(302))
		p.Alive(at(303))
		if v := p.Judge(at(304), stall); v.Wedged || !v.Partial {
			t.Error(v)
		}
		if v := p.Judge(at(1000), stall); v != (Verdict{}) {
			t.Error(v)
		}
	})
}

func TestCare(t *testing.T) {
	c := &Care{}
	var tries []int
	for s := range 4 * 3600 {
		if c.Due(at(float64(s))) {
			c.Tried(at(float64(s)))
			tries = append(tries, s)
		}
	}
	want := []int{0, 60, 180, 420, 900, 1860, 3660, 5460}
	for i, s := range want {
		if i >= len(tries) || tries[i] != s {
			t.Fatalf("tried at %v", tries)
		}
	}
	c.Tried(at(6 * 3600))
	if !c.Due(at(6*3600 + 60)) {
		t.Error("after a long time in health it is not a first one again")
	}
}
