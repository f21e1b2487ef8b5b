package storage

import (
	"database/sql"
	"time"
)

const (
	// writeEvery is the least time from the begin of a write to that of the next, whatever
	// the rate of rows, and the most that a row waits for its write.
	writeEvery = 100 * time.Millisecond
	// gather is how long the first row after a while waits for others.
	gather = writeEvery / 2
	// retryEvery is the pause after a failed write.
	retryEvery = 10 * time.Second
	// writeRows is how many rows a transaction writes at most: about what a file takes
	// in writeEvery, so that only a burst fills it.
	writeRows = 8192
	// keepRows is how many rows wait in memory while the file cannot be written.
	keepRows = 1000
	// busyTries is how many times in a row the file may be locked before the
	// history pauses; each try has waited for the lock by itself.
	busyTries = 3
)

// row is a row of any table.
type row interface {
	// insert puts it on file, and what it adds to the roll-ups into in.sums; kept
	// tells whether its table took it.
	insert(in *inserts) (kept bool, err error)
}

// taken tells whether an INSERT OR IGNORE put its row into the table.
func taken(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// buffer holds the rows that are not on disk yet and decides when to write
// them. It is told the time and does nothing by itself.
type buffer struct {
	rows   []row     // oldest first, at most writeRows, after a failure keepRows
	oldest time.Time // when the first of rows came
	begun  time.Time // the last write that succeeded
	fails  int       // writes failed since the last success
	retry  time.Time // no write before then, after a failure
}

// add takes a row. While it is full the oldest makes room: lost tells so.
func (b *buffer) add(now time.Time, r row) (lost bool) {
	if len(b.rows) == 0 {
		b.oldest = now
	}
	if len(b.rows) == b.room() {
		b.rows = b.rows[1:]
		lost = true
	}
	b.rows = append(b.rows, r)
	return lost
}

// room is how many rows it holds at most.
func (b *buffer) room() int {
	if b.fails > 0 {
		return keepRows
	}
	return writeRows
}

// due is when to write next; false = nothing to write.
func (b *buffer) due() (time.Time, bool) {
	switch {
	case len(b.rows) == 0:
		return time.Time{}, false
	case b.fails > 0:
		return b.retry, true
	case len(b.rows) == writeRows:
		return b.oldest, true // waiting on would lose rows
	}
	due := b.oldest.Add(gather)
	if next := b.begun.Add(writeEvery); due.Before(next) {
		due = next
	}
	return due, true
}

// written forgets the rows: the write that began then has put them on disk.
func (b *buffer) written(begun time.Time) {
	clear(b.rows) // lets go of what they point to
	b.rows = b.rows[:0]
	b.fails = 0
	b.begun = begun
}

// failed keeps rows for another try, and tells how many there is no more room for. A
// locked file is tried again at once; paused tells whether the history now waits for
// longer.
func (b *buffer) failed(now time.Time, locked bool) (lost int, paused bool) {
	b.fails++
	if lost = max(0, len(b.rows)-b.room()); lost > 0 {
		b.rows = b.rows[lost:]
	}
	if locked && b.fails < busyTries {
		b.retry = now
		return lost, false
	}
	b.retry = now.Add(retryEvery)
	return lost, true
}
