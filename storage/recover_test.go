package storage

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := openPool(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// history makes a closed, sound file with some rows.
func history(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	s := openStore(t, Options{Path: path})
	for i := range 500 {
		s.AddRequest(fullRequest())
		s.AddBatch(Batch{ID: uint64(i + 1), Started: noon})
		s.AddDecision(fullDecision())
	}
	closeStore(t, s)
	return path
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// movedAside are the files, without what SQLite keeps beside them.
func movedAside(t *testing.T, path string) []string {
	t.Helper()
	found, err := filepath.Glob(path + ".corrupt-*Z")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestOpenMovesAsideWhatItCannotUse(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, path string)
		why    string
	}{
		"AnEmptyFile": {func(t *testing.T, path string) {
			edit(t, path, func([]byte) []byte { return nil })
		}, "empty"},
		"ATruncatedFile": {func(t *testing.T, path string) {
			edit(t, path, func(b []byte) []byte { return b[:len(b)/2] })
		}, "damaged"},
		"ATextFile": {func(t *testing.T, path string) {
			edit(t, path, func([]byte) []byte { return []byte(strings.Repeat("my shopping list\n", 300)) })
		}, "not a history"},
		"AShortTextFile": {func(t *testing.T, path string) {
			edit(t, path, func([]byte) []byte { return []byte("hello") })
		}, "not a history"},
		"ADamagedHeader": {func(t *testing.T, path string) {
			edit(t, path, func(b []byte) []byte { copy(b, "SQLite ruined"); return b })
		}, "not a history"},
		"ADamagedPage": {func(t *testing.T, path string) {
			edit(t, path, func(b []byte) []byte {
				clear(b[len(b)/2 : len(b)/2+8192])
				return b
			})
		}, "damaged"},
		"AnotherProgramsDatabase": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			execute(t, path, "CREATE TABLE bookmark (url TEXT)")
		}, "not a history"},
	} {
		t.Run(name, func(t *testing.T) {
			path := history(t)
			c.damage(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}

			s := openStore(t, Options{Path: path})
			st := s.State()
			aside := movedAside(t, path)
			if len(aside) != 1 {
				t.Fatalf("moved aside: %v", aside)
			}
			if want := "history was begun anew: the old file was " + c.why + " and is now " + aside[0]; !st.OK || st.Problem != want {
				t.Errorf("state %+v, want %q", st, want)
			}
			if after, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the old file was changed, %v", err)
			}
			if got := len(requests(t, s, Query{})); got != 0 {
				t.Errorf("%d rows in a new history", got)
			}
			s.AddRequest(fullRequest())
			s.AddDecision(fullDecision())
			flush(t, s)
			closeStore(t, s)

			s = openStore(t, Options{Path: path})
			if got := len(requests(t, s, Query{})); got != 1 {
				t.Errorf("%d rows after a restart", got)
			}
			if got := len(decisions(t, s, Query{})); got != 1 {
				t.Errorf("%d decisions after a restart", got)
			}
			if st := s.State(); !st.OK || st.Problem != "" || len(movedAside(t, path)) != 1 {
				t.Errorf("not sound after a restart: %+v", st)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	t.Run("MovesTheLogWithItsFile", func(t *testing.T) {
		path := history(t)
		edit(t, path, func([]byte) []byte { return nil })
		for _, suffix := range []string{"-wal", "-shm"} {
			if err := os.WriteFile(path+suffix, []byte("left"+suffix), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		openStore(t, Options{Path: path})
		aside := movedAside(t, path)
		if len(aside) != 1 {
			t.Fatalf("moved aside: %v", aside)
		}
		for _, suffix := range []string{"-shm", "-wal"} {
			if b, err := os.ReadFile(aside[0] + suffix); err != nil || string(b) != "left"+suffix {
				t.Errorf("%s: %q %v", suffix, b, err)
			}
		}
	})

	t.Run("ReadsANewerSchemaAndLeavesItAlone", func(t *testing.T) {
		path := history(t)
		execute(t, path, fmt.Sprintf("PRAGMA user_version = %d", schemaVersion+1))
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := openStore(t, Options{Path: path})
		s.AddRequest(fullRequest())
		if st := s.State(); st.OK || st.Problem != "history is read-only: it was written by a newer Carpool" || st.Dropped != 1 {
			t.Errorf("state %+v", st)
		}
		if err := s.Flush(t.Context()); err == nil {
			t.Error("flush says that a row is on file")
		}
		if got := len(requests(t, s, Query{})); got != 500 {
			t.Errorf("read %d rows", got)
		}
		if got := len(decisions(t, s, Query{})); got != 500 {
			t.Errorf("read %d decisions", got)
		}
		if last, err := s.LastBatch(t.Context()); err != nil || last != 500 {
			t.Errorf("last batch %d %v", last, err)
		}
		closeStore(t, s)
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) || len(movedAside(t, path)) > 0 {
			t.Errorf("the file was changed, %v", err)
		}
	})

	t.Run("FailsWhereThereIsNoFileToBeHad", func(t *testing.T) {
		folder := t.TempDir()
		if s, err := Open(t.Context(), Options{Path: folder}); err == nil {
			t.Errorf("opened a folder: %+v", s.State())
		}
		file := filepath.Join(folder, "file")
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(t.Context(), Options{Path: filepath.Join(file, "history.db")}); err == nil {
			t.Errorf("opened below a file: %+v", s.State())
		}
	})

	t.Run("LeavesNothingBehindWhenANewFileFails", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		// SQLite cannot open its log where a folder stands.
		if err := os.MkdirAll(filepath.Join(path+"-wal", "full"), 0o700); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(t.Context(), Options{Path: path}); err == nil {
			t.Fatalf("opened: %+v", s.State())
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("left an empty file")
		}
	})

	t.Run("MarksTheFileAndItsSchema", func(t *testing.T) {
		s := openStore(t, Options{})
		for pragma, want := range map[string]any{
			"application_id": int64(applicationID), "user_version": int64(schemaVersion),
			"journal_mode": "wal", "synchronous": int64(1), "busy_timeout": int64(5000),
		} {
			var got any
			if err := s.writer.db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %v %v, want %v", pragma, got, err, want)
			}
		}
		var last int64
		if err := s.readers.db.Load().QueryRow("SELECT max(version_id) FROM goose_db_version").Scan(&last); err != nil || last != schemaVersion {
			t.Errorf("migrated to %d %v, want %d", last, err, schemaVersion)
		}
	})

	t.Run("ReadsByItsIndexes", func(t *testing.T) {
		s := openStore(t, Options{})
		var a, b, c int
		var plan string
		if err := s.readers.db.Load().QueryRow("EXPLAIN QUERY PLAN "+sumRequests, 0, 1).Scan(&a, &b, &c, &plan); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plan, "USING COVERING INDEX request_started (started>? AND started<?)") {
			t.Errorf("plan: %s", plan)
		}
		rows, err := s.readers.db.Load().Query("EXPLAIN QUERY PLAN " + selectLastBatch)
		if err != nil {
			t.Fatal(err)
		}
		if plans := planOf(t, rows); !strings.Contains(plans, "SEARCH request USING COVERING INDEX request_batch") {
			t.Errorf("plan: %s", plans)
		}
		rows, err = s.readers.db.Load().Query("EXPLAIN QUERY PLAN "+selectRequests, 0, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		if plans := planOf(t, rows); !strings.Contains(plans, "USING INDEX request_started") || strings.Contains(plans, "TEMP B-TREE FOR ORDER BY") {
			t.Errorf("plan: %s", plans)
		}
		rows, err = s.readers.db.Load().Query("EXPLAIN QUERY PLAN "+selectDecisions, 0, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		if plans := planOf(t, rows); !strings.Contains(plans, "USING INDEX decision_at") || strings.Contains(plans, "TEMP B-TREE FOR ORDER BY") {
			t.Errorf("plan: %s", plans)
		}
	})
}

func planOf(t *testing.T, rows *sql.Rows) string {
	t.Helper()
	var all []string
	for rows.Next() {
		var a, b, c int
		var plan string
		if err := rows.Scan(&a, &b, &c, &plan); err != nil {
			t.Fatal(err)
		}
		all = append(all, plan)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "; ")
}
