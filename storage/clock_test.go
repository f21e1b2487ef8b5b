package storage

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carpool/internal/clocktest"
)

const aDay = 24 * time.Hour

// Test28_Clock gives the history a clock that is wrong, and one of other zones.
func Test28_Clock(t *testing.T) {
	t.Run("CalendarIsSlowerThanAJump", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			begun := time.Now()
			c := calendar{reached: begun.Round(0), read: begun}
			now, last := begun, begun
			for range rapid.IntRange(1, 40).Draw(t, "steps") {
				took := time.Duration(rapid.IntRange(0, 600).Draw(t, "seconds")) * time.Second
				now = now.Add(took)
				reading := clocktest.Set(now, time.Duration(rapid.Int64Range(-20*365*86400, 20*365*86400).Draw(t, "set by"))*time.Second)
				before := c.reached
				got := c.at(reading)
				switch {
				case got.After(before.Add(catchUp * took)):
					t.Fatalf("in %v it went on by %v", took, got.Sub(before))
				case got.After(reading.Round(0)):
					t.Fatal("it is ahead of the clock")
				case c.reached.Before(before):
					t.Fatal("it went back")
				}
				last = now
			}
			// With a clock that is right again it catches up, however far behind it is.
			right := c.at(clocktest.Set(last, 30*365*aDay))
			behind := last.Add(30 * 365 * aDay).Round(0).Sub(right)
			if got := c.at(clocktest.Set(last.Add(behind/(catchUp-1)+time.Second), 30*365*aDay)); !got.Equal(last.Add(behind/(catchUp-1) + time.Second + 30*365*aDay).Round(0)) {
				t.Fatalf("it was %v behind and is at %v", behind, got)
			}
		})
	})

	t.Run("AJumpTo2038AndBackKeepsTheHistory", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		keep := Retention{Rows: 10 * aDay, Samples: 5 * aDay, Minutes: 8 * aDay}
		s := openStore(t, Options{Path: path, Retention: keep})
		begun := time.Now()
		for day := range 9 {
			at := begun.Add(-time.Duration(day) * aDay)
			s.AddRequest(Request{ID: fmt.Sprint(day), Started: at, App: "chat", Outcome: "ok"})
			s.AddBatch(Batch{ID: uint64(day + 1), Started: at})
			s.AddSample(Sample{At: at})
		}
		flush(t, s)
		rows := func() (requests, samples int64) {
			return number64(t, s, `SELECT count(*) FROM request`), number64(t, s, `SELECT count(*) FROM sample`)
		}
		// step has the writer purge by a clock, until there is no more to do.
		step := func(after, set time.Duration) {
			t.Helper()
			if err := s.writer.do(t.Context(), func(ctx context.Context) error {
				for {
					more, err := s.writer.old.step(ctx, clocktest.Set(begun.Add(after), set), s.writer.db)
					if err != nil || !more {
						return err
					}
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		step(time.Minute, 0)
		if requests, samples := rows(); requests != 9 || samples != 5 {
			t.Fatalf("%d requests and %d samples before the jump", requests, samples)
		}

		const years = 12 * 365 * aDay
		for minute := 2; minute <= 32; minute++ { // half an hour in 2038
			step(time.Duration(minute)*time.Minute, years)
		}
		if requests, samples := rows(); requests != 9 || samples != 5 {
			t.Errorf("%d requests and %d samples after half an hour in 2038", requests, samples)
		}
		s.AddRequest(Request{ID: "2038", Started: begun.Add(years), App: "chat", Outcome: "ok"})
		s.AddSample(Sample{At: begun.Add(years)})
		closeStore(t, s)

		s = openStore(t, Options{Path: path, Retention: keep}) // it is still 2038, and the newest row says so too
		defer closeStore(t, s)
		begun = time.Now()
		step(time.Minute, years)
		step(2*time.Minute, 0) // somebody has set it right
		if requests, samples := rows(); requests != 10 || samples != 6 {
			t.Errorf("%d requests and %d samples in the end", requests, samples)
		}
		s.AddRequest(Request{ID: "after", Started: begun, App: "chat", Outcome: "ok"})
		flush(t, s)
		found, n, err := s.FindRequests(t.Context(), Filter{Query: Query{Until: begun.Add(time.Hour)}})
		if err != nil || n != 10 || len(found) != 10 || found[0].ID != "after" {
			t.Errorf("%d of %d rows are shown, %v", len(found), n, err)
		}
		// After three days of sleep two requests are too old. They go, but not at once.
		step(3*time.Minute, 3*aDay)
		if requests, _ := rows(); requests != 11 {
			t.Errorf("%d requests right after three days of sleep", requests)
		}
		for hour := range 4 {
			step(time.Duration(hour+1)*time.Hour, 3*aDay)
		}
		if requests, _ := rows(); requests != 9 {
			t.Errorf("%d requests hours after three days of sleep", requests)
		}
	})

	t.Run("SetBackThreeHours", func(t *testing.T) {
		s := openStore(t, Options{Path: filepath.Join(t.TempDir(), "history.db")})
		defer closeStore(t, s)
		begun := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
		for second := range 6 * 3600 {
			at := begun.Add(time.Duration(second) * time.Second)
			if second >= 4*3600 {
				at = at.Add(-3 * time.Hour) // and so for two hours
			}
			s.AddSample(Sample{At: at, Running: 1, TokensOut: 1})
			if second%60 == 0 {
				s.AddRequest(Request{ID: fmt.Sprint(second), Started: at, App: "chat", Outcome: "ok", TotalMS: 10})
			}
			if second%1000 == 999 {
				flush(t, s)
			}
		}
		flush(t, s)
		if got := s.State(); !got.OK || got.Dropped != 0 {
			t.Errorf("%+v", got)
		}
		if n := number64(t, s, `SELECT count(*) FROM sample`); n != 4*3600 {
			t.Errorf("%d seconds on file, want the four hours that the clock showed", n)
		}
		points, err := s.Points(t.Context(), Query{}, 100)
		seconds := 0
		for i, p := range points.Points {
			seconds += p.Seconds
			if p.Seconds > int(points.Step/time.Second) || i > 0 && !p.At.After(points.Points[i-1].At) {
				t.Errorf("point %d: %d s of %v at %v", i, p.Seconds, points.Step, p.At)
			}
		}
		if err != nil || seconds != 4*3600 {
			t.Errorf("%d seconds in the chart, %v", seconds, err)
		}
		if _, n, err := s.FindRequests(t.Context(), Filter{}); err != nil || n != 360 {
			t.Errorf("%d requests, %v", n, err)
		}
		use, err := s.AppUse(t.Context(), Query{Since: begun, Until: begun.Add(24 * time.Hour)})
		if err != nil || len(use) != 1 || use[0].Requests != 360 {
			t.Errorf("use %+v, %v", use, err)
		}
	})

	t.Run("DaysOfEveryZoneHoldWhatWasInThem", func(t *testing.T) {
		s := openStore(t, Options{Path: filepath.Join(t.TempDir(), "history.db")})
		defer closeStore(t, s)
		var all []time.Time
		// Over a change to summer time and one back, of zones in both halves of the world.
		for _, from := range []time.Time{time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC)} {
			for at := from; at.Before(from.Add(5 * aDay)); at = at.Add(7 * time.Minute) {
				all = append(all, at)
				s.AddRequest(Request{ID: at.Format(time.RFC3339), Started: at, App: "chat", Outcome: "ok"})
			}
		}
		flush(t, s)
		lengths := map[time.Duration]int{}
		for _, name := range []string{"UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"} {
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Skip("needs the time zones of the system: " + err.Error())
			}
			for _, first := range []time.Time{time.Date(2026, 3, 28, 0, 0, 0, 0, zone), time.Date(2026, 10, 24, 0, 0, 0, 0, zone)} {
				for day := range 3 {
					from, to := first.AddDate(0, 0, day), first.AddDate(0, 0, day+1)
					lengths[to.Sub(from)]++
					want := int64(0)
					for _, at := range all {
						if !at.Before(from) && at.Before(to) {
							want++
						}
					}
					use, err := s.AppUse(t.Context(), Query{Since: from, Until: to})
					if err != nil || len(use) != 1 || use[0].Requests != want {
						t.Errorf("%s in %s: %+v, want %d, %v", from.Format(time.DateOnly), name, use, want, err)
					}
					if _, n, err := s.FindRequests(t.Context(), Filter{Query: Query{Since: from, Until: to}}); err != nil || n != want {
						t.Errorf("%s in %s: %d rows, want %d, %v", from.Format(time.DateOnly), name, n, want, err)
					}
				}
			}
		}
		if lengths[23*time.Hour] == 0 || lengths[25*time.Hour] == 0 {
			t.Errorf("no day of 23 or 25 hours: %v", lengths)
		}
	})
}
