package storage

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers the driver
)

const (
	// applicationID marks a file as a Carpool history: "Carp" in ASCII.
	applicationID = 0x43617270
	// schemaVersion is the highest migration this program knows.
	schemaVersion = 7
)

const (
	// In WAL mode readers and the writer do not wait for each other, and with
	// NORMAL a commit does not wait for the disk to be synced: a power cut may
	// lose the last rows, never the file. The log is cut to 8 MiB where a big change
	// or a long reader made it grow: SQLite would keep its size for ever.
	writerPragmas = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=journal_size_limit(8388608)&_txlock=immediate"
	readerPragmas = "_pragma=busy_timeout(5000)&_pragma=query_only(1)"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

func openPool(path, pragmas string) (*sql.DB, error) {
	if err := registerSketch(); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // file:///C:/…
	}
	return sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: pragmas}).String())
}

// openWriter opens the one connection that writes to a file that is ours or empty,
// and brings its schema up to date.
func openWriter(ctx context.Context, path string) (*sql.DB, error) {
	db, err := openPool(path, writerPragmas)
	if err != nil {
		return nil, err
	}
	// One connection: SQLite has one writer at a time, and waiting for it in a
	// pool is fairer and cheaper than waiting for its lock.
	db.SetMaxOpenConns(1)
	if err := migrate(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// migrate marks the file as ours and brings its schema up to date.
func migrate(ctx context.Context, db *sql.DB) error {
	var id int64
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if id != applicationID { // writes nothing to a file that has it: the disk may be full
		if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
	}
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// createPrivate makes an empty file at path if there is none, and sees to it
// that only its user may read it. It must come before SQLite, which gives its
// -wal and -shm the mode of the file.
func createPrivate(path string) (created bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if os.IsExist(err) {
		for _, suffix := range []string{"-wal", "-shm"} { // left by a kill
			if err := os.Chmod(path+suffix, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return false, err
			}
		}
		return false, os.Chmod(path, 0o600)
	}
	if err != nil {
		return false, err
	}
	return true, f.Close()
}
