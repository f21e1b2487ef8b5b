package storage

import (
	"database/sql"
	"time"
)

const (
	// writeEvery leaves half of the promised 100 ms to the transaction itself.
	writeEvery = 50 * time.Millisecond
	// retryEvery is the pause after a failed write.
	retryEvery = 10 * time.Second
	// keepRows is how many rows a transaction writes at most, and how many wait
	// in memory while the file cannot be written.
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
	rows   []row     // oldest first, at most keepRows
	oldest time.Time // when the first of rows came
	fails  int       // writes failed since the last success
	retry  time.Time // no write before then, after a failure
}

// add takes a row. While it is full the oldest makes room: lost tells so.
func (b *buffer) add(now time.Time, r row) (lost bool) {
	if len(b.rows) == 0 {
		b.oldest = now
	}
	if len(b.rows) == keepRows {
		b.rows = b.rows[1:]
		lost = true
	}
	b.rows = append(b.rows, r)
	return lost
}

// due is when to write next; false = nothing to write.
func (b *buffer) due() (time.Time, bool) {
	switch {
	case len(b.rows) == 0:
		return time.Time{}, false
	case b.fails > 0:
		return b.retry, true
	case len(b.rows) == keepRows:
		return b.oldest, true
	}
	return b.oldest.Add(writeEvery), true
}

// written forgets the rows: they are on disk.
func (b *buffer) written() {
	clear(b.rows) // lets go of what they point to
	b.rows = b.rows[:0]
	b.fails = 0
}

// failed keeps the rows for another try. A locked file is tried again at once;
// paused tells whether the history now waits for longer.
func (b *buffer) failed(now time.Time, locked bool) (paused bool) {
	b.fails++
	if locked && b.fails < busyTries {
		b.retry = now
		return false
	}
	b.retry = now.Add(retryEvery)
	return true
}
