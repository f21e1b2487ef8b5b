package storage

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// pool is the connections that read. The file under them may be replaced; who reads
// at that moment gets an error. The zero value is of no use: set comes first.
type pool struct {
	db     atomic.Pointer[sql.DB]
	damage chan<- struct{} // hears of damage; nil = no one does
	left   []*sql.DB       // closed, but for connections that were in use; leave's own
}

// QueryContext is sql.DB's.
func (p *pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return p.db.Load().QueryContext(ctx, query, args...)
}

// QueryRowContext is sql.DB's.
func (p *pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return p.db.Load().QueryRowContext(ctx, query, args...)
}

// met tells of an error that reading met.
func (p *pool) met(err error) {
	if isDamage(err) {
		tell(p.damage)
	}
}

// open connects to the file at path, in the place of what was open before.
func (p *pool) open(path string) error {
	const atOnce = 4
	db, err := openPool(path, readerPragmas)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(atOnce)
	p.db.Store(db)
	return nil
}

// leave closes every connection, and waits for those that are in use: one that is
// closed later would delete the log of the file that has come to its file's place.
func (p *pool) leave(ctx context.Context) error {
	const patience, pause = 5 * time.Second, 10 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	db := p.db.Load()
	err := db.Close()
	p.left = append(p.left, db)
	for inUse := func(db *sql.DB) bool { return db.Stats().OpenConnections > 0 }; slices.ContainsFunc(p.left, inUse); {
		select {
		case <-ctx.Done():
			return errors.Join(err, errors.New("someone still reads it"))
		case <-time.After(pause):
		}
	}
	p.left = nil
	return err
}

// tell tells once of what may be told many times.
func tell(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
