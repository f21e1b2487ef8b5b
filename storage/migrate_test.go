package storage

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
)

// olderFile makes a file with rows of the first version of the schema, brought up
// to a later one.
func olderFile(t *testing.T, version int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	if _, err := createPrivate(path); err != nil {
		t.Fatal(err)
	}
	db, err := openPool(path, writerPragmas)
	if err != nil {
		t.Fatal(err)
	}
	p := provider(t, db)
	if _, err := p.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`PRAGMA application_id = 1130459760`, // "Carp"
		`INSERT INTO request VALUES (1,'r-1',7,1772625600123,'editor','ollama','tiny','/api/chat','ollama',1,'normal','ok','',200,200,12,34,5,6,0,1.5,2.5,3.5,0)`,
		`INSERT INTO batch VALUES (7,1772625600123,'ollama','tiny','fixed','free slot',1,1,8,1.5,1.5,3.5,6,NULL,NULL,NULL)`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func provider(t *testing.T, db *sql.DB) *goose.Provider {
	t.Helper()
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRequestsAreWholeInTheSchemaBeforeKinds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := openStore(t, Options{Path: path})
	want := fullRequest()
	want.ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
	s.AddRequest(want)
	closeStore(t, s)
	db, err := openPool(path, writerPragmas)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := provider(t, db).DownTo(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	got, err := collect(t.Context(), db, scanRequest, `SELECT `+requestColumns+` FROM request`)
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestOpenBringsAnOlderFileUpToDate(t *testing.T) {
	for version := int64(1); version < schemaVersion; version++ {
		t.Run(fmt.Sprintf("From%d", version), func(t *testing.T) { bringsUpToDate(t, olderFile(t, version)) })
	}
}

func bringsUpToDate(t *testing.T, path string) {
	s := openStore(t, Options{Path: path})
	if st := s.State(); !st.OK || st.Problem != "" || len(movedAside(t, path)) > 0 {
		t.Errorf("state %+v", st)
	}
	s.AddDecision(fullDecision())
	later := fullRequest()
	later.Started = noon.Add(time.Second)
	s.AddRequest(later)
	s.AddEnergy(7, "r-1", 9.5)
	flush(t, s)
	closeStore(t, s)

	s = openStore(t, Options{Path: path})
	if got := requests(t, s, Query{}); len(got) != 2 || got[0].Reload != later.Reload || *got[0].LoadMS != *later.LoadMS || *got[0].EnergyJ != *later.EnergyJ {
		t.Errorf("requests %+v", got)
	}
	if got := requests(t, s, Query{Until: later.Started}); len(got) != 1 || got[0].ID != "r-1" || !got[0].Started.Equal(noon) || *got[0].OutputTokens != 6 ||
		got[0].LoadMS != nil || got[0].Reload != "" || got[0].EnergyJ == nil || *got[0].EnergyJ != 9.5 {
		t.Errorf("requests %+v", got)
	}
	if got := batches(t, s, Query{}); len(got) != 1 || got[0].ID != 7 || got[0].Why != "free slot" {
		t.Errorf("batches %+v", got)
	}
	if got := decisions(t, s, Query{}); len(got) != 1 {
		t.Errorf("decisions %+v", got)
	}
	if use, err := s.AppUse(t.Context(), Query{}); err != nil || len(use) != 1 || use[0].App != "editor" || use[0].Requests != 2 || *use[0].Joules != 9.5+*later.EnergyJ {
		t.Errorf("use %+v, %v", use, err)
	}
	var version int
	if err := s.readers.db.Load().QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != schemaVersion {
		t.Errorf("version %d %v, want %d", version, err, schemaVersion)
	}
}
