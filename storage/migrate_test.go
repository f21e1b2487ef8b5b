package storage

import (
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
)

// versionOne makes the file that the first version of the schema had, with rows.
func versionOne(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	if _, err := createPrivate(path); err != nil {
		t.Fatal(err)
	}
	db, err := openPool(path, writerPragmas)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
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
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenBringsAnOlderFileUpToDate(t *testing.T) {
	path := versionOne(t)
	s := openStore(t, Options{Path: path})
	if st := s.State(); !st.OK || st.Problem != "" || len(movedAside(t, path)) > 0 {
		t.Errorf("state %+v", st)
	}
	s.AddDecision(fullDecision())
	later := fullRequest()
	later.Started = noon.Add(time.Second)
	s.AddRequest(later)
	flush(t, s)
	closeStore(t, s)

	s = openStore(t, Options{Path: path})
	if got := requests(t, s, Query{}); len(got) != 2 || got[0].Reload != later.Reload || *got[0].LoadMS != *later.LoadMS {
		t.Errorf("requests %+v", got)
	}
	if got := requests(t, s, Query{Until: later.Started}); len(got) != 1 || got[0].ID != "r-1" || !got[0].Started.Equal(noon) || *got[0].OutputTokens != 6 ||
		got[0].LoadMS != nil || got[0].Reload != "" {
		t.Errorf("requests %+v", got)
	}
	if got := batches(t, s, Query{}); len(got) != 1 || got[0].ID != 7 || got[0].Why != "free slot" {
		t.Errorf("batches %+v", got)
	}
	if got := decisions(t, s, Query{}); len(got) != 1 {
		t.Errorf("decisions %+v", got)
	}
	var version int
	if err := s.readers.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != schemaVersion {
		t.Errorf("version %d %v, want %d", version, err, schemaVersion)
	}
}
