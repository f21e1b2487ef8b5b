package storage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fill adds requests, a minute apart, and returns the file's size.
func fill(t *testing.T, s *Store, n int) int64 {
	t.Helper()
	for i := range n {
		s.AddRequest(Request{Started: noon.Add(time.Duration(i) * time.Minute), ID: strings.Repeat("x", 500), App: "chat"})
		if i%1000 == 999 {
			flush(t, s)
		}
	}
	flush(t, s)
	size, err := s.Size(t.Context())
	if err != nil || size.Requests != int64(n) {
		t.Fatalf("size %+v, %v", size, err)
	}
	return size.Bytes
}

func TestSize(t *testing.T) {
	t.Run("IsThatOfTheFileAndItsOldestRow", func(t *testing.T) {
		s := openStore(t, Options{})
		size, err := s.Size(t.Context())
		if err != nil || !size.Oldest.IsZero() || size.Bytes == 0 || size.Requests+size.Samples != 0 {
			t.Errorf("empty: %+v, %v", size, err)
		}
		s.AddRequest(Request{Started: noon})
		s.AddSample(Sample{At: noon.Add(-90 * time.Minute)})
		flush(t, s)
		size, err = s.Size(t.Context())
		if want := noon.Add(-90 * time.Minute).Truncate(time.Hour); err != nil || !size.Oldest.Equal(want) || size.Requests != 1 || size.Samples != 1 {
			t.Errorf("%+v, %v", size, err)
		}
	})

	t.Run("CountsWhatIsLeft", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := openStore(t, Options{Retention: Retention{Rows: 90 * time.Minute, Samples: 90 * time.Minute}})
			hours(s, 5, time.Now().Truncate(time.Hour).Add(10*time.Minute))
			flush(t, s)
			time.Sleep(10 * time.Minute)
			size, err := s.Size(t.Context())
			if n := number64(t, s, `SELECT count(*) FROM sample`); err != nil || size.Samples != n || n == 0 || n == 5*60 {
				t.Errorf("%d samples, want %d, %v", size.Samples, n, err)
			}
			if n := number64(t, s, `SELECT count(*) FROM request`); size.Requests != n || n == 0 || n == 5 {
				t.Errorf("%d requests, want %d", size.Requests, n)
			}
			closeStore(t, s)
		})
	})

	t.Run("ShrinksByCompact", func(t *testing.T) {
		s := openStore(t, Options{})
		before := fill(t, s, 4000)
		execute(t, s.path, `DELETE FROM request WHERE seq > 100`)
		freed, err := s.Compact(t.Context())
		size, _ := s.Size(t.Context())
		if n := len(requests(t, s, Query{})); err != nil || freed < before/2 || size.Bytes > before/2 || n != 100 {
			t.Errorf("freed %d of %d, %v; %d rows in %d left", freed, before, err, n, size.Bytes)
		}
	})

	t.Run("CompactGivesUpWithItsContext", func(t *testing.T) {
		s := openStore(t, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Compact(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWipe(t *testing.T) {
	t.Run("LeavesNothing", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		s := openStore(t, Options{Path: path})
		before := fill(t, s, 4000)
		s.AddSample(fullSample())
		s.AddBatch(fullBatch())
		s.AddDecision(fullDecision())
		s.AddCurve(CurveSecond{At: noon, Engine: "e", Model: "m", Running: 1})
		if _, err := s.AddTrial(t.Context(), Trial{At: noon}); err != nil {
			t.Fatal(err)
		}
		if err := s.Wipe(t.Context()); err != nil {
			t.Fatal(err)
		}
		size, err := s.Size(t.Context())
		if err != nil || !size.Oldest.IsZero() || size.Bytes > before/4 {
			t.Errorf("%+v of %d bytes, %v", size, before, err)
		}
		for _, table := range []string{"request", "batch", "decision", "sample", "trial", "span", "first_token", "usage", "curve"} {
			if n := number64(t, s, `SELECT count(*) FROM `+table); n != 0 {
				t.Errorf("%d rows in %s", n, table)
			}
		}
		closeStore(t, s)
		content, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(content), "xxxxx") || strings.Contains(string(content), "editor") {
			t.Errorf("the file still has what was wiped, %v", err)
		}
	})

	t.Run("TakesRowsMeanwhile", func(t *testing.T) {
		s := openStore(t, Options{})
		fill(t, s, 2000)
		var adding sync.WaitGroup
		stop := make(chan struct{})
		var added int64
		adding.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				s.AddRequest(Request{Started: noon.Add(time.Duration(i) * time.Second), App: "chat"})
				added++
				time.Sleep(10 * time.Microsecond)
			}
		})
		for range 5 {
			if err := s.Wipe(t.Context()); err != nil {
				t.Error(err)
			}
		}
		close(stop)
		adding.Wait()
		flush(t, s)
		size, err := s.Size(t.Context())
		use, useErr := s.AppUse(t.Context(), Query{})
		var used int64
		for _, u := range use {
			used += u.Requests
		}
		if err != nil || useErr != nil || size.Requests > added || used != size.Requests || s.State().Dropped != 0 {
			t.Errorf("%d on file, %d in use, of %d; %v %v; %+v", size.Requests, used, added, err, useErr, s.State())
		}
	})

	t.Run("IsForTheWriterOnly", func(t *testing.T) {
		path := history(t)
		execute(t, path, "PRAGMA user_version = 99")
		s := openStore(t, Options{Path: path})
		if err := s.Wipe(t.Context()); !errors.Is(err, ErrReadOnly) {
			t.Errorf("wipe: %v", err)
		}
		if _, err := s.Compact(t.Context()); !errors.Is(err, ErrReadOnly) {
			t.Errorf("compact: %v", err)
		}
		if _, err := s.AddTrial(t.Context(), Trial{At: noon}); !errors.Is(err, ErrReadOnly) {
			t.Errorf("trial: %v", err)
		}
		s.SetRetention(Retention{Rows: time.Hour})
		s.AddSample(Sample{At: noon})
		if use, err := s.AppUse(t.Context(), Query{}); err != nil || len(use) != 1 || use[0].Requests != 500 {
			t.Errorf("use %+v, %v", use, err)
		}
	})
}
