package storage

import (
	"testing"
	"time"
)

func TestChoose(t *testing.T) {
	const now = 1_800_000_000 - 1_800_000_000%day
	// A year of history: seconds of a week, minutes of 90 days.
	year := reach{{now - 7*day, now}, {now - 90*day, now}, {now - 365*day, now}, {now - 365*day, now}}
	for name, c := range map[string]struct {
		from, to   int64
		most       int
		tier, step int64
	}{
		"AQuarterOfAnHour":       {now - 900, now, 1000, second, second},
		"AnHourOnAWideScreen":    {now - hour, now, 4000, second, second},
		"AnHourOnANarrowOne":     {now - hour, now, 500, second, 10 * second},
		"AnHourOfAMonthAgo":      {now - 30*day, now - 30*day + hour, 1000, minute, minute},
		"AnHourOfHalfAYearAgo":   {now - 180*day, now - 180*day + hour, 1000, hour, hour},
		"NoMoreRowsThanMayBe":    {now - 6*hour, now, 10_000, minute, minute},
		"ADay":                   {now - day, now, 1000, minute, 2 * minute},
		"AWeekOnAWideScreen":     {now - 7*day, now, 10_000, hour, hour},
		"HalfAYear":              {now - 180*day, now, 1000, hour, 6 * hour},
		"Everything":             {-1 << 50, 1 << 50, 1000, day, day},
		"EverythingInFewPoints":  {-1 << 50, 1 << 50, 10, day, 41 * day},
		"ARangeAfterTheLastOne":  {now + hour, now + 2*hour, 1000, second, second},
		"ARangeThatHasNoRowsYet": {now - 800*day, now - 700*day, 1000, hour, hour},
	} {
		t.Run(name, func(t *testing.T) {
			p := year.choose(c.from, c.to, c.most)
			if p.tier != c.tier || p.step != c.step {
				t.Errorf("got steps of %d s from those of %d s, want %d from %d", p.step, p.tier, c.step, c.tier)
			}
			if n := (p.to - p.from) / p.step; n > int64(c.most) {
				t.Errorf("%d points, want %d at most", n, c.most)
			}
		})
	}
	if p := (reach{}).choose(-1<<50, 1<<50, 100); p.from != p.to {
		t.Errorf("of nothing: %+v", p)
	}
}

func TestPoints(t *testing.T) {
	t.Run("HaveGapsAndTheMinuteThatIsNotOver", func(t *testing.T) {
		s := openStore(t, Options{})
		at := noon.Truncate(time.Minute)
		for i := range 90 {
			s.AddSample(Sample{At: at.Add(time.Duration(i) * time.Second), Running: 2})
		}
		s.AddSample(Sample{At: at.Add(-3 * time.Hour), Running: 4})
		s.AddRequest(Request{Started: at.Add(70 * time.Second), FirstTokenMS: ptr(250.0)})
		s.AddRequest(Request{Started: at.Add(-time.Hour), FirstTokenMS: ptr(250.0)}) // nothing was sampled then
		flush(t, s)
		points, err := s.Points(t.Context(), Query{}, 200)
		if err != nil || points.Step != time.Minute || len(points.Points) != 3 {
			t.Fatalf("got %+v, %v", points, err)
		}
		first, last := points.Points[0], points.Points[2]
		if !first.At.Equal(at.Add(-3*time.Hour)) || first.Seconds != 1 || first.Running != 4 || first.FirstP50 != nil || first.MemoryUsed != nil {
			t.Errorf("first %+v", first)
		}
		if !last.At.Equal(at.Add(time.Minute)) || last.Seconds != 30 || last.Running != 2 || last.FirstTokens != 1 || !near(*last.FirstP95, 0.25, sketchError) {
			t.Errorf("last %+v", last)
		}
	})

	t.Run("OfNothingAreNone", func(t *testing.T) {
		s := openStore(t, Options{})
		if points, err := s.Points(t.Context(), Query{}, 100); err != nil || len(points.Points) != 0 || points.Step <= 0 {
			t.Errorf("got %+v, %v", points, err)
		}
	})
}
