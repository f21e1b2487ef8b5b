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
// rows from the queue and writes them. In between it adds up what was written
// before there were roll-ups, and deletes what is too old or too much, a few rows
// at a time.
type writer struct {
	db      *sql.DB
	in      inserts
	queue   chan row                   // closed by stop
	orders  chan func(context.Context) // for the goroutine, which calls them
	paused  atomic.Pointer[string]     // why nothing is written; nil = all is well
	dropped *atomic.Uint64
	damage  chan struct{} // someone has met damage in the file
	place   place

	// The goroutine's own.
	damaged bool // the file is to be set aside
	rows    buffer
	old     purge
	chore   time.Time // when to fill or purge next

	cancel context.CancelFunc // gives up what the goroutine waits for
	done   chan struct{}
	lost   error // rows left when the goroutine ended; read after done
}

func startWriter(ctx context.Context, db *sql.DB, keep Retention, dropped *atomic.Uint64, at place) (*writer, error) {
	w := &writer{
		queue:   make(chan row, queueLength),
		orders:  make(chan func(context.Context)),
		dropped: dropped,
		damage:  make(chan struct{}, 1),
		place:   at,
		done:    make(chan struct{}),
	}
	w.old.keep.Store(&keep)
	if err := w.connect(ctx, db); err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.cancel = cancel
	go w.run(run)
	return w, nil
}

// connect has it write to a file that is sound.
func (w *writer) connect(ctx context.Context, db *sql.DB) (err error) {
	w.in = inserts{}
	if err := w.in.each(func(statement **sql.Stmt, text string) (err error) {
		*statement, err = db.PrepareContext(ctx, text)
		return err
	}); err != nil {
		return err
	}
	w.db = db
	if w.in.unfilled, err = readUnfilled(ctx, db); err != nil {
		return err
	}
	w.old.calendar, err = openCalendar(ctx, db, time.Now())
	return err
}

func (w *writer) run(ctx context.Context) {
	defer close(w.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case r, open := <-w.queue:
			if !open {
				w.lost = w.finish(ctx)
				return
			}
			w.keep(ctx, r)
		case order := <-w.orders:
			w.drain(ctx)
			order(ctx)
		case <-w.damage:
			w.check(ctx)
		case <-timer.C:
			w.drain(ctx) // a step is much longer than a row's
			w.step(ctx)
		}
		timer.Reset(time.Until(w.next()))
	}
}

// step does a bit of what can wait.
func (w *writer) step(ctx context.Context) {
	now := time.Now()
	if now.Before(w.chore) {
		return
	}
	if w.damaged {
		w.chore = now.Add(retryEvery) // rows come first
		return
	}
	// What is not added up yet must not be deleted.
	more, err := w.fill(ctx)
	if err == nil && !more {
		more, err = w.old.step(ctx, now, w.db)
	}
	if isDamage(err) {
		tell(w.damage)
	}
	switch {
	case err != nil:
		w.chore = now.Add(retryEvery) // a file that cannot be written shows by the rows that are not
	case more:
		w.chore = now
	default:
		w.chore = now.Add(purgeEvery)
	}
}

// next is when there is something to do.
func (w *writer) next() time.Time {
	if due, ok := w.rows.due(); ok && due.Before(w.chore) {
		return due
	}
	return w.chore
}

// drain takes what is in the queue, and writes what is due.
func (w *writer) drain(ctx context.Context) {
	for n := len(w.queue); n > 0; n-- {
		r, open := <-w.queue
		if !open {
			break
		}
		w.keep(ctx, r)
	}
	w.writeDue(ctx)
}

// finish writes what is left when the store closes.
func (w *writer) finish(ctx context.Context) error {
	for {
		err := w.write(ctx)
		if err == nil {
			return nil
		}
		if w.paused.Load() != nil || ctx.Err() != nil {
			n := len(w.rows.rows)
			w.dropped.Add(uint64(n))
			return fmt.Errorf("%d rows lost: %w", n, err)
		}
	}
}

func (w *writer) keep(ctx context.Context, r row) {
	if w.rows.add(time.Now(), r) {
		w.dropped.Add(1)
	}
	w.writeDue(ctx)
}

func (w *writer) writeDue(ctx context.Context) {
	if due, ok := w.rows.due(); ok && !time.Now().Before(due) {
		_ = w.write(ctx) // the rows are kept and State tells why
	}
}

// write puts the rows on disk in one transaction, or keeps them all.
func (w *writer) write(ctx context.Context) error {
	if len(w.rows.rows) == 0 {
		return nil
	}
	begun := time.Now()
	refused, err := w.insert(ctx, w.rows.rows)
	if isDamage(err) {
		w.damaged = true
		refused, err = w.insert(ctx, w.rows.rows)
	}
	if err != nil {
		c := code(err)
		lost, paused := w.rows.failed(time.Now(), c == sqlite3.SQLITE_BUSY || c == sqlite3.SQLITE_LOCKED)
		w.dropped.Add(uint64(lost))
		if paused {
			why := "history paused: " + explain(err)
			w.paused.Store(&why)
		}
		return err
	}
	w.rows.written(begun)
	w.dropped.Add(refused)
	w.paused.Store(nil)
	return nil
}

// insert tells how many rows their table refused.
func (w *writer) insert(ctx context.Context, rows []row) (refused uint64, err error) {
	err = w.transact(ctx, func(_ *sql.Tx, in *inserts) error {
		for _, r := range rows {
			// Only the beginning waits for other programs, so only it listens to
			// ctx: that costs the driver a goroutine a statement.
			kept, err := r.insert(in)
			if err != nil {
				return err
			}
			if !kept {
				refused++
			}
		}
		return nil
	})
	return refused, err
}

// transact does something in one transaction, with what it adds to the roll-ups.
func (w *writer) transact(ctx context.Context, do func(*sql.Tx, *inserts) error) error {
	if err := w.sound(ctx); err != nil {
		return err
	}
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	in := w.in
	_ = in.each(func(statement **sql.Stmt, _ string) error {
		*statement = tx.StmtContext(ctx, *statement)
		return nil
	})
	err = do(tx, &in)
	if err == nil {
		err = in.sums.write(&in)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// do has the goroutine do something, once what was added before is taken from the
// queue. What do changes may be read only if it succeeds: ctx bounds the waiting.
// The context that do gets ends when the store gives up.
func (w *writer) do(ctx context.Context, do func(context.Context) error) error {
	done := make(chan error, 1)
	order := func(run context.Context) { done <- do(run) }
	select {
	case w.orders <- order:
	case <-w.done:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-done:
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
