package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// finding is what a look at an existing file found.
type finding struct {
	unusable string // "damaged", "empty", "not a history"; "" = it is sound
	newer    bool   // its schema is newer than this program
}

// inspect looks at the file without changing what it holds; one of up to whole bytes
// is read whole. It fails where the file cannot be judged: no permission, or locked.
func inspect(ctx context.Context, path string, whole int64) (finding, error) {
	info, err := os.Stat(path)
	if err != nil {
		return finding{}, err
	}
	if !info.Mode().IsRegular() {
		return finding{}, fmt.Errorf("%s is not a file", path)
	}
	if info.Size() == 0 {
		return finding{unusable: "empty"}, nil
	}
	// Read-only also when it is closed: the last one to close a file folds the log
	// into it, which a damaged file would not survive as it was.
	db, err := openPool(path, "mode=ro&"+readerPragmas)
	if err != nil {
		return finding{}, err
	}
	found, err := examine(ctx, db, info.Size() <= whole)
	err = errors.Join(err, db.Close())
	switch code(err) {
	case sqlite3.SQLITE_NOTADB:
		return finding{unusable: "not a history"}, nil
	case sqlite3.SQLITE_CORRUPT:
		return finding{unusable: "damaged"}, nil
	}
	return found, err
}

// checkedWhole is how large a file may be, in bytes, to be read whole at each start
// in search of damage: that takes about 12 ms a megabyte. Damage in a larger one is
// met when its place is, and told then.
const checkedWhole = 32 << 20

func examine(ctx context.Context, db *sql.DB, whole bool) (finding, error) {
	var id, version int64
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return finding{}, err
	}
	if id != applicationID {
		return finding{unusable: "not a history"}, nil
	}
	if whole {
		var verdict string
		if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
			return finding{}, err
		}
		if verdict != "ok" {
			return finding{unusable: "damaged"}, nil
		}
	}
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return finding{}, err
	}
	return finding{newer: version > schemaVersion}, nil
}

// moveAside renames the file, with what SQLite keeps beside it, and returns the
// new name. The parts keep their suffixes, so that the old file can be opened.
func moveAside(path string, now time.Time) (string, error) {
	aside := path + ".corrupt-" + now.UTC().Format("20060102T150405.000Z")
	// The file goes last: a log left alone beside a new file would be harmless,
	// a file without its log would have lost rows.
	for _, suffix := range []string{"-wal", "-shm", ""} {
		err := os.Rename(path+suffix, aside+suffix)
		if suffix != "" && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
	}
	return aside, nil
}

// code is SQLite's primary result code of err; 0 = not an error of SQLite's.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// explain puts an error of the database in plain words.
func explain(err error) string {
	switch code(err) {
	case sqlite3.SQLITE_FULL:
		return "disk full"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "its file is locked by another program"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "its file is damaged"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		return "its file may not be written"
	case sqlite3.SQLITE_IOERR:
		return "the disk reports an error"
	}
	return err.Error()
}
