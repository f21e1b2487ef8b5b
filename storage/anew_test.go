package storage

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// damagedLarge makes a history that is too large to be read whole at a start, in
// which no request can be found or added.
func damagedLarge(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	s := openStore(t, Options{Path: path})
	s.AddRequest(Request{ID: "old", Started: noon})
	s.AddDecision(fullDecision())
	closeStore(t, s)
	execute(t, path, `INSERT INTO trial (at, engine, model, figures) SELECT 0, '', '', hex(zeroblob(17000000))`)
	db, err := openPool(path, readerPragmas)
	if err != nil {
		t.Fatal(err)
	}
	var root, size int
	if err := db.QueryRow("SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'request'").Scan(&root, &size); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(b []byte) []byte {
		if len(b) <= checkedWhole {
			t.Fatalf("only %d bytes", len(b))
		}
		clear(b[(root-1)*size : root*size])
		return b
	})
	return path
}

func Test21_DamageMetLater(t *testing.T) {
	anew := func(t *testing.T, s *Store, path string) {
		t.Helper()
		aside := movedAside(t, path)
		if len(aside) != 1 {
			t.Fatalf("moved aside: %v", aside)
		}
		if st := s.State(); !st.OK || st.Problem != "history was begun anew: the old file was damaged and is now "+aside[0] || st.Dropped != 0 {
			t.Errorf("state %+v", st)
		}
		if info, err := os.Stat(aside[0]); err != nil || info.Size() <= checkedWhole {
			t.Errorf("moved aside: %v, %v", info, err)
		}
		s.AddRequest(Request{ID: "new", Started: noon})
		flush(t, s)
		if got := ids(requests(t, s, Query{})); !slices.Contains(got, "new") || slices.Contains(got, "old") {
			t.Errorf("rows %v", got)
		}
		closeStore(t, s)
		s = openStore(t, Options{Path: path})
		if st := s.State(); !st.OK || st.Problem != "" || len(movedAside(t, path)) != 1 {
			t.Errorf("after a restart: %+v", st)
		}
	}

	t.Run("ByTheWriter", func(t *testing.T) {
		path := damagedLarge(t)
		s := openStore(t, Options{Path: path})
		if st := s.State(); !st.OK || st.Problem != "" {
			t.Fatalf("state %+v", st)
		}
		s.AddRequest(Request{ID: "first", Started: noon})
		flush(t, s)
		if got := ids(requests(t, s, Query{})); len(got) != 1 || got[0] != "first" {
			t.Errorf("rows %v", got)
		}
		anew(t, s, path)
	})

	t.Run("ByAReader", func(t *testing.T) {
		path := damagedLarge(t)
		s := openStore(t, Options{Path: path})
		if rows, err := s.Requests(t.Context(), Query{}); err == nil || !strings.Contains(explain(err), "damaged") {
			t.Fatalf("read %v, %v", rows, err)
		}
		const patience, pause = 30 * time.Second, 10 * time.Millisecond
		for end := time.Now().Add(patience); s.State().Problem == "" && time.Now().Before(end); {
			time.Sleep(pause)
		}
		anew(t, s, path)
	})

	t.Run("AWordOfDamageIsChecked", func(t *testing.T) {
		path := history(t)
		s := openStore(t, Options{Path: path})
		tell(s.writer.damage)
		for len(s.writer.damage) > 0 {
			flush(t, s)
		}
		flush(t, s)
		if st := s.State(); !st.OK || st.Problem != "" || len(movedAside(t, path)) > 0 || len(requests(t, s, Query{})) != 500 {
			t.Errorf("state %+v", st)
		}
	})

	t.Run("WhatCannotBeSetAsidePausesTheHistory", func(t *testing.T) {
		path := damagedLarge(t)
		s := openStore(t, Options{Path: path})
		tx, err := s.readers.db.Load().Begin() // someone reads, for longer than is waited
		if err != nil {
			t.Fatal(err)
		}
		s.AddRequest(Request{ID: "first", Started: noon})
		if err := s.Flush(t.Context()); err == nil {
			t.Error("flush says that a row is on file")
		}
		if st := s.State(); st.OK || !strings.Contains(st.Problem, "history paused: its file is damaged and cannot be set aside: ") || len(movedAside(t, path)) > 0 {
			t.Errorf("state %+v", st)
		}
		if got := len(decisions(t, s, Query{})); got != 1 {
			t.Errorf("%d decisions can still be read", got)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		flush(t, s)
		if got := ids(requests(t, s, Query{})); len(got) != 1 || got[0] != "first" {
			t.Errorf("rows %v", got)
		}
		anew(t, s, path)
	})
}
