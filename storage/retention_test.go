package storage

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func number64(t *testing.T, s *Store, query string) (n int64) {
	t.Helper()
	if err := s.readers.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// hours adds an hour's worth of everything in each of the last n hours.
func hours(s *Store, n int, now time.Time) {
	for i := range n {
		at := now.Add(-time.Duration(i) * time.Hour)
		for second := range 60 {
			s.AddSample(Sample{At: at.Add(-time.Duration(second) * time.Second), Running: 1})
		}
		s.AddRequest(Request{Started: at, App: "chat", Outcome: "ok", FirstTokenMS: ptr(100.0)})
		s.AddDecision(Decision{At: at})
	}
}

func TestRetentionOfRollUps(t *testing.T) {
	const days = 4
	open := func(t *testing.T, path string, keep Retention) *Store {
		return openStore(t, Options{Path: path, Retention: keep})
	}

	t.Run("KeepsHoursOfWhatIsGone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		synctest.Test(t, func(t *testing.T) {
			s := open(t, path, Retention{Rows: 3 * 24 * time.Hour, Samples: 24 * time.Hour, Minutes: 48 * time.Hour})
			now := time.Now()
			hours(s, days*24, now)
			flush(t, s)
			time.Sleep(10 * time.Minute)

			cut := now.Add(10*time.Minute - 24*time.Hour).Unix()
			if n := number64(t, s, fmt.Sprint(`SELECT count(*) FROM sample WHERE at < `, cut)); n != 0 {
				t.Errorf("%d samples older than a day", n)
			}
			if n := number64(t, s, `SELECT count(*) FROM sample`); n != 23*60+60 {
				t.Errorf("%d samples", n)
			}
			if n := number64(t, s, `SELECT count(DISTINCT at / 3600) FROM span WHERE step = 60`); n < 47 || n > 49 {
				t.Errorf("minutes of %d hours", n)
			}
			if n := number64(t, s, `SELECT sum(seconds) FROM span WHERE step = 3600`); n != days*24*60 {
				t.Errorf("%d seconds in the hours", n)
			}
			points, err := s.Points(t.Context(), Query{}, 10_000)
			if err != nil || points.Step != time.Hour || len(points.Points) < days*24 {
				t.Errorf("%d points of %v, %v", len(points.Points), points.Step, err)
			}
			points, err = s.Points(t.Context(), Query{Since: now.Add(-time.Hour)}, 10_000)
			if err != nil || points.Step != time.Second {
				t.Errorf("the last hour in steps of %v, %v", points.Step, err)
			}
			// Of each of the last 72 hours a request is left; all are in the use.
			if _, n, err := s.FindRequests(t.Context(), Filter{}); err != nil || n != 72 {
				t.Errorf("%d requests, %v", n, err)
			}
			use, err := s.AppUse(t.Context(), Query{})
			if err != nil || len(use) != 1 || use[0].Requests != days*24 {
				t.Errorf("use %+v, %v", use, err)
			}
			// Of the hour in which the range begins no request is left: all of it counts.
			use, err = s.AppUse(t.Context(), Query{Since: now.Add(-90*time.Hour - time.Minute)})
			if err != nil || len(use) != 1 || use[0].Requests != 92 {
				t.Errorf("use %+v, %v", use, err)
			}
			closeStore(t, s)
		})
	})

	t.Run("FindsNoRequestThatComesTooLate", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		synctest.Test(t, func(t *testing.T) {
			s := open(t, path, Retention{Rows: 24 * time.Hour})
			old := Request{Started: time.Now().Add(-48 * time.Hour), App: "chat"}
			s.AddRequest(old)
			flush(t, s)
			time.Sleep(2 * time.Minute)
			s.AddRequest(old)
			flush(t, s)
			if rows, n, err := s.FindRequests(t.Context(), Filter{}); err != nil || n != 0 || len(rows) != 0 {
				t.Errorf("%d rows, %d in all, %v", len(rows), n, err)
			}
			if use, err := s.AppUse(t.Context(), Query{}); err != nil || len(use) != 1 || use[0].Requests != 2 {
				t.Errorf("use %+v, %v", use, err)
			}
			closeStore(t, s)
		})
	})

	t.Run("ActsOnNewBoundsWithoutARestart", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		synctest.Test(t, func(t *testing.T) {
			s := open(t, path, Retention{})
			hours(s, 48, time.Now())
			flush(t, s)
			time.Sleep(time.Hour)
			if n := number64(t, s, `SELECT count(*) FROM sample`); n != 48*60 {
				t.Fatalf("%d samples without a bound", n)
			}
			s.SetRetention(Retention{Samples: 24 * time.Hour})
			time.Sleep(2 * time.Minute)
			if n := number64(t, s, `SELECT count(*) FROM sample`); n >= 24*60 || n == 0 {
				t.Errorf("%d samples with a bound", n)
			}
			closeStore(t, s)
		})
	})

	t.Run("KeepsToASizeSecondsFirst", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		synctest.Test(t, func(t *testing.T) {
			s := open(t, path, Retention{})
			now := time.Now()
			for i := range 20_000 {
				s.AddSample(Sample{At: now.Add(-2*time.Hour - time.Duration(i)*time.Second)})
				if i%1000 == 999 {
					flush(t, s)
				}
			}
			hours(s, 2, now)
			flush(t, s)
			held := func() int64 {
				n, err := heldBytes(t.Context(), &s.readers)
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			before := held()
			s.SetRetention(Retention{Bytes: before - 200<<10})
			time.Sleep(5 * time.Minute)
			if n := held(); n > before-200<<10 || n < before-300<<10 {
				t.Errorf("%d bytes of %d", n, before)
			}
			if n := number64(t, s, `SELECT count(*) FROM request`); n != 2 {
				t.Errorf("%d requests", n)
			}
			s.SetRetention(Retention{Bytes: 1})
			time.Sleep(5 * time.Minute)
			if n := number64(t, s, `SELECT count(*) FROM sample`); n != 60 {
				t.Errorf("%d samples, want those of the last hour", n)
			}
			if n := number64(t, s, `SELECT count(*) FROM request`); n != 1 {
				t.Errorf("%d requests, want that of the last hour", n)
			}
			if n := number64(t, s, `SELECT count(*) FROM span WHERE step = 3600`); n > 2 {
				t.Errorf("%d hours", n)
			}
			closeStore(t, s)
		})
	})
}

func TestOldRequestsAreAddedUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	const n = 12*fillRows + 7                              // takes longer than a write waits
	then := time.Date(1999, 12, 31, 12, 0, 0, 0, time.UTC) // half a day before a bubble's clock
	s := openStore(t, Options{Path: path})
	s.AddBatch(Batch{ID: 1, Started: then, Engine: "a", Model: "m", Running: 2})
	for i := range n {
		s.AddRequest(Request{ID: fmt.Sprint(i), Batch: ptr(uint64(1)), Started: then.Add(-time.Duration(i) * time.Second), App: "chat", Outcome: "ok", FirstTokenMS: ptr(50.0)})
	}
	closeStore(t, s)
	// As if they were written by a version without roll-ups.
	for _, table := range []string{"usage", "first_token", "curve"} {
		execute(t, path, "DELETE FROM "+table)
	}
	execute(t, path, "UPDATE ledger SET filled = 0, fill_to = (SELECT max(seq) FROM request)")

	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, Options{Path: path})
		s.AddEnergy(1, fmt.Sprint(n-1), 7) // of a request that may not be added up yet
		s.AddRequest(Request{Started: time.Now(), App: "chat", Outcome: "ok"})
		flush(t, s)
		s.SetRetention(Retention{Rows: time.Hour}) // only now: joules of a row that is gone have no place
		check := func(when string) {
			use, err := s.AppUse(t.Context(), Query{})
			if err != nil || len(use) != 1 || use[0].Requests != n+1 || use[0].Joules == nil || *use[0].Joules != 7 {
				t.Errorf("%s: use %+v, %v", when, use, err)
			}
		}
		time.Sleep(time.Hour)
		check("afterwards")
		if got := number64(t, s, `SELECT count(*) FROM request`); got != 1 {
			t.Errorf("%d requests left", got)
		}
		points, err := s.Curve(t.Context(), "a", "m", time.Time{})
		if err != nil || len(points) != 1 || points[0].FirstP50 == nil || !near(*points[0].FirstP50, 0.05, sketchError) {
			t.Errorf("curve %+v, %v", points, err)
		}
		var count int64
		if err := s.readers.db.Load().QueryRow(`SELECT sum(requests) FROM usage WHERE step = 86400`).Scan(&count); err != nil || count != n+1 {
			t.Errorf("%d in the days, %v", count, err)
		}
		closeStore(t, s)
	})
}
