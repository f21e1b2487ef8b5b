package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// writer owns the only connection that changes the file. Its goroutine takes
// rows from the queue, writes them, and deletes what is older than retention.
type writer struct {
	db      *sql.DB
	in      inserts
	queue   chan row // closed by stop
	flushes chan chan<- error
	paused  atomic.Pointer[string] // why nothing is written; nil = all is well
	dropped *atomic.Uint64

	cancel context.CancelFunc // gives up what the goroutine waits for
	done   chan struct{}
	lost   error // rows left when the goroutine ended; read after done
}

// inserts are the prepared statements.
type inserts struct{ request, batch, decision, energy *sql.Stmt }

func startWriter(ctx context.Context, db *sql.DB, retention time.Duration, dropped *atomic.Uint64) (*writer, error) {
	w := &writer{
		db:      db,
		queue:   make(chan row, queueLength),
		flushes: make(chan chan<- error),
		dropped: dropped,
		done:    make(chan struct{}),
	}
	var err error
	if w.in.request, err = db.PrepareContext(ctx, insertRequest); err != nil {
		return nil, err
	}
	if w.in.batch, err = db.PrepareContext(ctx, insertBatch); err != nil {
		return nil, err
	}
	if w.in.decision, err = db.PrepareContext(ctx, insertDecision); err != nil {
		return nil, err
	}
	if w.in.energy, err = db.PrepareContext(ctx, updateEnergy); err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.cancel = cancel
	go w.run(run, retention)
	return w, nil
}

func (w *writer) run(ctx context.Context, retention time.Duration) {
	defer close(w.done)
	var rows buffer
	old := newPurge(time.Now(), retention)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case r, open := <-w.queue:
			if !open {
				w.lost = w.finish(ctx, &rows)
				return
			}
			w.keep(ctx, &rows, r)
		case written := <-w.flushes:
			for n := len(w.queue); n > 0; n-- {
				w.keep(ctx, &rows, <-w.queue)
			}
			written <- w.write(ctx, &rows)
		case <-timer.C:
			w.writeDue(ctx, &rows)
			old.step(ctx, time.Now(), w.db)
		}
		next := old.next
		if due, ok := rows.due(); ok && due.Before(next) {
			next = due
		}
		timer.Reset(time.Until(next))
	}
}

// finish writes what is left when the store closes.
func (w *writer) finish(ctx context.Context, rows *buffer) error {
	for {
		err := w.write(ctx, rows)
		if err == nil {
			return nil
		}
		if w.paused.Load() != nil || ctx.Err() != nil {
			n := len(rows.rows)
			w.dropped.Add(uint64(n))
			return fmt.Errorf("%d rows lost: %w", n, err)
		}
	}
}

func (w *writer) keep(ctx context.Context, rows *buffer, r row) {
	if rows.add(time.Now(), r) {
		w.dropped.Add(1)
	}
	w.writeDue(ctx, rows)
}

func (w *writer) writeDue(ctx context.Context, rows *buffer) {
	if due, ok := rows.due(); ok && !time.Now().Before(due) {
		_ = w.write(ctx, rows) // the rows are kept and State tells why
	}
}

// write puts the rows on disk in one transaction, or keeps them all.
func (w *writer) write(ctx context.Context, rows *buffer) error {
	if len(rows.rows) == 0 {
		return nil
	}
	refused, err := w.insert(ctx, rows.rows)
	if err != nil {
		c := code(err)
		if rows.failed(time.Now(), c == sqlite3.SQLITE_BUSY || c == sqlite3.SQLITE_LOCKED) {
			why := "history paused: " + explain(err)
			w.paused.Store(&why)
		}
		return err
	}
	rows.written()
	w.dropped.Add(refused)
	w.paused.Store(nil)
	return nil
}

// insert tells how many rows their table refused.
func (w *writer) insert(ctx context.Context, rows []row) (refused uint64, err error) {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	in := inserts{
		request:  tx.StmtContext(ctx, w.in.request),
		batch:    tx.StmtContext(ctx, w.in.batch),
		decision: tx.StmtContext(ctx, w.in.decision),
		energy:   tx.StmtContext(ctx, w.in.energy),
	}
	for _, r := range rows {
		// Only the beginning waits for other programs, so only it listens to
		// ctx: that costs the driver a goroutine a statement.
		res, err := r.insert(&in)
		if err != nil {
			return 0, errors.Join(err, tx.Rollback())
		}
		if n, err := res.RowsAffected(); err == nil && n == 0 {
			refused++
		}
	}
	return refused, tx.Commit()
}

func (w *writer) flush(ctx context.Context) error {
	written := make(chan error, 1)
	select {
	case w.flushes <- written:
	case <-w.done:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *writer) problem() string {
	if why := w.paused.Load(); why != nil {
		return *why
	}
	return ""
}

// stop writes what is queued and ends the goroutine. Nothing may be queued
// once it is called.
func (w *writer) stop(ctx context.Context) error {
	close(w.queue)
	select {
	case <-w.done:
	case <-ctx.Done():
	}
	w.cancel()
	<-w.done
	return w.lost
}
