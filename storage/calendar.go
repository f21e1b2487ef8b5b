package storage

import (
	"context"
	"database/sql"
	"time"
)

// catchUp is how many times as fast as time itself rows may grow old.
const catchUp = 30

// calendar tells by which time rows are too old. It is the computer's clock, but one
// that jumps ahead is followed at catchUp times the pace of time: a clock that is
// wrong by years for an hour costs the oldest 30 hours, and a Carpool that did not
// run for a month has caught up within a day. A clock that is set back makes rows
// younger at once, which deletes nothing.
type calendar struct {
	reached time.Time // by the wall clock; it never goes back
	read    time.Time // of the reading before, with the monotonic clock
	kept    time.Time // what is on file of reached
}

// openCalendar goes on where the one of the run before stopped. The first of all
// believes the clock.
func openCalendar(ctx context.Context, db *sql.DB, now time.Time) (calendar, error) {
	var at sql.NullInt64
	if err := db.QueryRowContext(ctx, `SELECT aged_to FROM ledger`).Scan(&at); err != nil {
		return calendar{}, err
	}
	if at.Valid {
		reached := time.UnixMilli(at.Int64)
		return calendar{reached: reached, read: now, kept: reached}, nil
	}
	c := calendar{reached: now.Round(0), read: now}
	return c, c.keep(ctx, db)
}

// at is the time by which rows are old at a reading of the clock.
func (c *calendar) at(now time.Time) time.Time {
	reach := c.reached.Add(catchUp * max(now.Sub(c.read), 0))
	c.read = now
	wall := now.Round(0)
	if wall.After(reach) {
		wall = reach
	}
	if wall.After(c.reached) {
		c.reached = wall
	}
	return wall
}

// keep puts on file how far it has come, once an hour: a crash makes rows younger by
// that much, and a file that another program has locked is not waited for each time.
func (c *calendar) keep(ctx context.Context, db *sql.DB) error {
	if c.reached.Sub(c.kept) < time.Hour {
		return nil
	}
	_, err := db.ExecContext(ctx, `UPDATE ledger SET aged_to = ?`, c.reached.UnixMilli())
	if err == nil {
		c.kept = c.reached
	}
	return err
}
