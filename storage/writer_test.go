package storage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"modernc.org/sqlite"
)

// fillDisk lets the file grow no further, which SQLite reports as a full disk.
func fillDisk(t *testing.T, s *Store) (free func()) {
	t.Helper()
	limit := func(pages int) {
		if _, err := s.writer.db.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // SQLite raises it to what the file has
	return func() { limit(1 << 30) }
}

// lockFile holds the write lock as another program would.
func lockFile(t *testing.T, s *Store) (unlock func()) {
	t.Helper()
	other, err := openPool(s.path, writerPragmas)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}
}

// countCommits counts the transactions of the writer from now on.
func countCommits(t *testing.T, s *Store) *atomic.Int64 {
	t.Helper()
	var n atomic.Int64
	conn, err := s.writer.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = conn.Raw(func(driver any) error {
		driver.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 { n.Add(1); return 0 })
		return nil
	})
	if err := errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
	return &n
}

func bigRows(s *Store, n int) {
	for range n {
		s.AddRequest(Request{Started: noon, ID: strings.Repeat("x", 2000)})
	}
}

func TestWriter(t *testing.T) {
	t.Run("IsAtMost100msBehind", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		synctest.Test(t, func(t *testing.T) {
			s := openStore(t, Options{Path: path})
			for n := 1; n <= 5; n++ {
				s.AddRequest(Request{Started: noon})
				time.Sleep(100 * time.Millisecond)
				if got := len(requests(t, s, Query{})); got != n {
					t.Fatalf("%d rows on disk after 100 ms, want %d", got, n)
				}
				time.Sleep(3 * time.Second)
			}
			closeStore(t, s)
		})
	})

	t.Run("WritesOncePer100msWhateverTheRate", func(t *testing.T) {
		for _, perMillisecond := range []int{1, 10, 60} {
			t.Run(fmt.Sprintf("%d rows a second", 1000*perMillisecond), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "history.db")
				synctest.Test(t, func(t *testing.T) {
					s := openStore(t, Options{Path: path})
					commits := countCommits(t, s)
					const length = time.Second
					rows := 0
					for range length / time.Millisecond {
						for range perMillisecond {
							s.AddRequest(Request{Started: noon, Outcome: "ok"})
							rows++
						}
						time.Sleep(time.Millisecond)
					}
					time.Sleep(writeEvery)
					synctest.Wait()
					if most := int64(length/(100*time.Millisecond) + 1); commits.Load() > most {
						t.Errorf("%d transactions in a second, want %d at most", commits.Load(), most)
					}
					if sum, err := s.Summary(t.Context(), Query{}); err != nil || sum.Requests != int64(rows) {
						t.Errorf("%d of %d rows on disk, %v", sum.Requests, rows, err)
					}
					closeStore(t, s)
				})
			})
		}
	})

	t.Run("CloseGivesUpWithItsContext", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		synctest.Test(t, func(t *testing.T) {
			s, err := Open(t.Context(), Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			unlock := lockFile(t, s)
			defer unlock()
			s.AddRequest(Request{Started: noon})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			began := time.Now()
			err = s.Close(ctx)
			if err == nil || !strings.Contains(err.Error(), "1 rows lost") {
				t.Errorf("close: %v", err)
			}
			if st := s.State(); st.Dropped != 1 {
				t.Errorf("state %+v", st)
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("close took %v", took)
			}
		})
	})

	t.Run("CountsWhatTheQueueCannotHold", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		s := openStore(t, Options{Path: path})
		unlock := lockFile(t, s) // the writer waits for the lock meanwhile
		const more = 100
		n := writeRows + queueLength + more
		for range n {
			s.AddRequest(Request{Started: noon})
		}
		unlock()
		closeStore(t, s)
		dropped := s.State().Dropped
		if dropped < more {
			t.Errorf("%d dropped, want %d or more", dropped, more)
		}
		s = openStore(t, Options{Path: path})
		if sum, err := s.Summary(t.Context(), Query{}); err != nil || sum.Requests+int64(dropped) != int64(n) {
			t.Errorf("%d on file, %d dropped of %d, %v", sum.Requests, dropped, n, err)
		}
	})
}

func Test22_FullDisk(t *testing.T) {
	t.Run("PausesWhileTheDiskIsFullAndCatchesUp", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		synctest.Test(t, func(t *testing.T) {
			s := openStore(t, Options{Path: path})
			s.AddRequest(Request{ID: "before", Started: noon.Add(-time.Hour)})
			flush(t, s)
			free := fillDisk(t, s)

			bigRows(s, keepRows+20)
			time.Sleep(time.Second)
			st := s.State()
			if st.OK || st.Problem != "history paused: disk full" || st.Dropped != 20 {
				t.Fatalf("state %+v", st)
			}
			if got := ids(requests(t, s, Query{})); len(got) != 1 || got[0] != "before" {
				t.Fatalf("read %d rows while paused", len(got))
			}
			if err := s.Flush(t.Context()); err == nil {
				t.Error("flush says that rows are on a full disk")
			}

			free()
			time.Sleep(10*time.Second + writeEvery)
			if st := s.State(); !st.OK || st.Problem != "" || st.Dropped != 20 {
				t.Fatalf("state %+v", st)
			}
			if got := len(requests(t, s, Query{})); got != 1+keepRows {
				t.Fatalf("%d rows, want %d", got, 1+keepRows)
			}
			closeStore(t, s)
		})
	})
}

func Test23_LockedFile(t *testing.T) {
	t.Run("PausesWhileTheFileIsLocked", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		synctest.Test(t, func(t *testing.T) {
			s := openStore(t, Options{Path: path})
			unlock := lockFile(t, s)
			s.AddRequest(Request{Started: noon})
			time.Sleep(14 * time.Second) // it waits 5 s for the lock, three times
			if st := s.State(); !st.OK {
				t.Errorf("paused too early: %+v", st)
			}
			time.Sleep(2 * time.Second)
			if st := s.State(); st.OK || st.Problem != "history paused: its file is locked by another program" {
				t.Errorf("state %+v", st)
			}
			unlock()
			time.Sleep(10 * time.Second)
			if st := s.State(); !st.OK || st.Dropped != 0 {
				t.Errorf("state %+v", st)
			}
			if got := len(requests(t, s, Query{})); got != 1 {
				t.Errorf("%d rows", got)
			}
			closeStore(t, s)
		})
	})
}

func TestRetention(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	const old = 2*purgeRows + 3
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, Options{Path: path})
		now := time.Now()
		for i := range old {
			s.AddRequest(Request{ID: "old", Started: now.Add(-25 * time.Hour)})
			s.AddBatch(Batch{ID: uint64(i + 1), Started: now.Add(-25 * time.Hour)})
			s.AddDecision(Decision{At: now.Add(-25 * time.Hour)})
		}
		s.AddRequest(Request{ID: "yesterday", Started: now.Add(-23*time.Hour - 30*time.Minute)})
		s.AddRequest(Request{ID: "new", Started: now})
		s.AddBatch(Batch{ID: old + 1, Started: now})
		s.AddDecision(Decision{At: now, Reason: "new"})
		closeStore(t, s)

		s = openStore(t, Options{Path: path})
		time.Sleep(2 * time.Hour)
		if sum, err := s.Summary(t.Context(), Query{}); err != nil || sum.Requests != old+2 {
			t.Fatalf("kept %d without a retention, %v", sum.Requests, err)
		}
		closeStore(t, s)

		s = openStore(t, Options{Path: path, Retention: Retention{Rows: 26 * time.Hour}})
		time.Sleep(time.Second)
		if got := ids(requests(t, s, Query{})); len(got) != 2 || got[1] != "yesterday" {
			t.Fatalf("at open: %d left", len(got))
		}
		if got := batches(t, s, Query{}); len(got) != 1 || got[0].ID != old+1 {
			t.Fatalf("at open: %d batches left", len(got))
		}
		if got := decisions(t, s, Query{}); len(got) != 1 || got[0].Reason != "new" {
			t.Fatalf("at open: %d decisions left", len(got))
		}
		time.Sleep(time.Hour)
		if got := ids(requests(t, s, Query{})); len(got) != 1 || got[0] != "new" {
			t.Fatalf("an hour later: %v left", got)
		}
		closeStore(t, s)
	})
}
