package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// isDamage tells of an error that no other try will mend.
func isDamage(err error) bool {
	c := code(err)
	return c == sqlite3.SQLITE_CORRUPT || c == sqlite3.SQLITE_NOTADB
}

// place is what the writer needs of the file's owner.
type place interface {
	isDamaged(ctx context.Context) bool
	beginAnew(ctx context.Context) (*sql.DB, error)
}

// isDamaged reads the whole file, by a connection that has nothing of it in memory.
func (s *Store) isDamaged(ctx context.Context) bool {
	found, err := inspect(ctx, s.path, math.MaxInt64)
	return err == nil && found.unusable != ""
}

// beginAnew sets a file aside whose damage was met while it was in use, and connects
// to a new one. Only the writer calls it, which has left the old one. If it fails,
// the old one can be read still, and another try may succeed.
func (s *Store) beginAnew(ctx context.Context) (*sql.DB, error) {
	db, err := s.replaceFile(ctx)
	return db, errors.Join(err, s.readers.open(s.path))
}

func (s *Store) replaceFile(ctx context.Context) (*sql.DB, error) {
	if err := s.readers.leave(ctx); err != nil {
		return nil, err
	}
	// It is gone already where there was no space for a new one the last time.
	if err := s.setAside("damaged"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if _, err := createPrivate(s.path); err != nil {
		return nil, err
	}
	db, err := openWriter(ctx, s.path)
	if err != nil {
		return nil, errors.Join(err, os.Remove(s.path))
	}
	return db, nil
}

// setAside moves the file aside and has State tell.
func (s *Store) setAside(was string) error {
	aside, err := moveAside(s.path, time.Now())
	if err != nil {
		return err
	}
	notice := fmt.Sprintf("history was begun anew: the old file was %s and is now %s", was, aside)
	s.notice.Store(&notice)
	return nil
}

// check judges what someone has met: it may have been the file of before.
func (w *writer) check(ctx context.Context) {
	w.damaged = w.damaged || w.place.isDamaged(ctx)
	_ = w.sound(ctx) // or with the next rows, which then tell why not
}

// sound sees to it that there is a file that can be written.
func (w *writer) sound(ctx context.Context) error {
	if !w.damaged {
		return nil
	}
	_ = w.db.Close() // its log is folded in as far as that goes
	db, err := w.place.beginAnew(ctx)
	if err != nil {
		return fmt.Errorf("its file is damaged and cannot be set aside: %w", err)
	}
	if err := w.connect(ctx, db); err != nil {
		return errors.Join(err, db.Close())
	}
	w.damaged = false
	return nil
}
