package backends

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	rests := func(t *testing.T, b *breaker, second int, want bool) {
		t.Helper()
		if _, got := b.rests(at(second)); got != want {
			t.Errorf("at %d s it rests: %v, want %v", second, got, want)
		}
	}
	broken := func(t *testing.T) *breaker {
		t.Helper()
		b := &breaker{}
		for i := range breakAfter {
			if opens := b.fail(at(i)); opens != (i == breakAfter-1) {
				t.Fatalf("failure %d opens it: %v", i+1, opens)
			}
		}
		return b
	}

	t.Run("RestsAfterFiveFailuresInARow", func(t *testing.T) {
		b := broken(t)
		rests(t, b, 4, true)
		rests(t, b, 13, true)
		rests(t, b, 14, false)
	})
	t.Run("AGoodAnswerBetweenThemCounts", func(t *testing.T) {
		b := &breaker{}
		for i := range 20 {
			if b.fail(at(i)) {
				t.Fatal("it rests")
			}
			if i%3 == 2 {
				b.serve()
			}
		}
	})
	t.Run("OldFailuresDoNotCount", func(t *testing.T) {
		b := &breaker{}
		for i := range 20 {
			if b.fail(at(10 * i)) {
				t.Fatal("it rests for five failures in 40 s")
			}
		}
	})
	t.Run("OneTriesAndTheOthersWaitForItsEnd", func(t *testing.T) {
		b := broken(t)
		b.enter(at(15))
		rests(t, b, 16, true)
		rests(t, b, 26, false) // it may never end
	})
	t.Run("AGoodTrialOpensTheWay", func(t *testing.T) {
		b := broken(t)
		b.enter(at(15))
		b.serve()
		rests(t, b, 15, false)
		if b.fail(at(16)) {
			t.Error("one failure breaks it again")
		}
	})
	t.Run("ABadTrialBeginsAnotherRest", func(t *testing.T) {
		b := broken(t)
		b.enter(at(15))
		if !b.fail(at(16)) {
			t.Error("a bad trial does not count")
		}
		rests(t, b, 25, true)
		rests(t, b, 26, false)
	})
	t.Run("WhoHadEnteredBeforeTheRestIsNoTrial", func(t *testing.T) {
		b := broken(t)
		if b.fail(at(6)) {
			t.Error("the rest begins again")
		}
		rests(t, b, 14, false)
	})
}

func TestChoose(t *testing.T) {
	const loaded, cold = true, false
	load := func(running, waiting int) Load { return Load{InFlight: running, Waiting: waiting, Limit: 4} }
	for name, tc := range map[string]struct {
		all  []contender
		want int
	}{
		"the only one":                                   {[]contender{{cold, load(4, 9)}}, 0},
		"the preferred one of equals":                    {[]contender{{loaded, load(1, 0)}, {loaded, load(1, 0)}}, 0},
		"the emptier of two that have it loaded":         {[]contender{{loaded, load(2, 0)}, {loaded, load(1, 0)}}, 1},
		"one that has it loaded before one that has not": {[]contender{{cold, load(0, 0)}, {loaded, load(3, 0)}}, 1},
		"one that has it loaded, though it is full":      {[]contender{{loaded, load(4, 3)}, {cold, load(0, 0)}}, 0},
		"a cold one once a whole turn waits":             {[]contender{{loaded, load(4, 4)}, {cold, load(0, 0)}}, 1},
		"a cold one, asked in the other order":           {[]contender{{cold, load(0, 0)}, {loaded, load(4, 4)}}, 0},
		"the shortest line where nothing is free":        {[]contender{{loaded, load(4, 6)}, {loaded, load(4, 5)}}, 1},
		"the larger one for its size":                    {[]contender{{loaded, Load{InFlight: 2, Limit: 4}}, {loaded, Load{InFlight: 3, Limit: 16}}}, 1},
		"the preferred one where nothing is loaded":      {[]contender{{cold, load(0, 0)}, {cold, load(0, 0)}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got, why := choose(tc.all); got != tc.want || why == "" {
				t.Errorf("chose %d (%s), want %d", got, why, tc.want)
			}
		})
	}
}
