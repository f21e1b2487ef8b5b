package storage

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRequestIDs(t *testing.T) {
	const uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"
	t.Run("ReadBackAsTheyWere", func(t *testing.T) {
		s := openStore(t, Options{})
		want := []string{uuid, strings.ToUpper(uuid), "{" + uuid + "}", strings.ReplaceAll(uuid, "-", ""), "urn:uuid:" + uuid, "sixteen letters!", "", "42"}
		for i := range want {
			s.AddRequest(Request{ID: want[len(want)-1-i], Started: noon})
		}
		flush(t, s)
		if got := ids(requests(t, s, Query{})); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		if n := number64(t, s, `SELECT count(*) FROM request WHERE typeof(id) = 'blob' AND length(id) = 16`); n != 1 {
			t.Errorf("%d ids of 16 bytes", n)
		}
	})
	t.Run("FindTheRowOfTheirJoules", func(t *testing.T) {
		s := openStore(t, Options{})
		for _, id := range []string{uuid, "own"} {
			s.AddRequest(Request{ID: id, Batch: ptr(uint64(3)), Started: noon})
			s.AddEnergy(3, id, 7)
		}
		flush(t, s)
		for _, r := range requests(t, s, Query{}) {
			if r.EnergyJ == nil || *r.EnergyJ != 7 {
				t.Errorf("%+v", r)
			}
		}
	})
}

func TestKinds(t *testing.T) {
	t.Run("AreOnFileOnce", func(t *testing.T) {
		s := openStore(t, Options{})
		for range 2 {
			for _, app := range []string{"chat", "editor", "chat"} {
				s.AddRequest(Request{Started: noon, App: app, Status: 200})
			}
			flush(t, s)
		}
		if n := number64(t, s, `SELECT count(*) FROM kind`); n != 2 {
			t.Errorf("%d kinds", n)
		}
	})
	t.Run("AreNotMixedUp", func(t *testing.T) {
		s := openStore(t, Options{})
		full := fullRequest()
		plain := Request{ID: "plain", Started: noon, App: full.App}
		s.AddRequest(full)
		s.AddRequest(plain)
		flush(t, s)
		got := requests(t, s, Query{})
		if len(got) != 2 || got[0].ID != plain.ID || got[0].Engine != "" || got[0].Stream || got[0].Status != 0 ||
			got[1].Engine != full.Engine || got[1].Stream != full.Stream || got[1].Status != full.Status || got[1].Reload != full.Reload {
			t.Errorf("got %+v", got)
		}
	})
}

func TestLogShrinksAfterABigChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := openStore(t, Options{Path: path})
	if err := s.order(t.Context(), "grow", func(run context.Context) error {
		_, err := s.writer.db.ExecContext(run, `INSERT INTO trial (at, engine, model, figures) SELECT 0, '', '', hex(zeroblob(8000000))`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first moves the log into the file, the second begins it anew
		s.AddSample(Sample{At: noon})
		flush(t, s)
	}
	log, err := os.Stat(path + "-wal")
	if err != nil || log.Size() > 8<<20 {
		t.Errorf("a log of %d bytes, %v", log.Size(), err)
	}
}
