package storage

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"
)

const (
	// purgeEvery is short enough for a size to be kept at hundreds of requests a
	// second, and a look costs a few pages.
	purgeEvery = time.Minute
	// purgeRows bounds one deletion, so that new rows never wait long for it.
	purgeRows = 500
	// purgeNever is how much of the newest history stays, whatever its size.
	purgeNever = time.Hour
)

// Retention says what is deleted, a few rows at a time. Zero is no bound. Age counts
// by a clock that follows the computer's one ahead only slowly: calendar.go says why.
type Retention struct {
	Rows    time.Duration // age of requests, batches and decisions
	Samples time.Duration // age of samples; their minutes stay
	Minutes time.Duration // age of the minutes of charts; their hours stay

	// Bytes is what the file may hold, without the space of deleted rows, which new
	// ones reuse: the file on disk does not grow further, and Compact makes it
	// smaller. Beyond it the oldest go: first seconds, then requests, batches and
	// decisions, then minutes, and hours last. The newest hour stays.
	Bytes int64
}

// SetRetention has other bounds than those of Open, from the next minute on.
func (s *Store) SetRetention(keep Retention) {
	if s.writer != nil {
		s.writer.old.keep.Store(&keep)
	}
}

// Statements that delete at most ?2 of the rows from before ?1 in UTC
// milliseconds since 1970, the oldest first.
var (
	deleteSeconds = []string{
		`DELETE FROM sample WHERE at IN (SELECT at FROM sample WHERE at < ?1 / 1000 ORDER BY at LIMIT ?2)`,
		deleteSteps("first_token", "1"),
	}
	deleteRows = []string{
		`UPDATE ledger SET kept_from = max(kept_from, (SELECT max(started) + 1 FROM
			(SELECT started FROM request WHERE started < ?1 ORDER BY started LIMIT ?2)))
			WHERE EXISTS (SELECT 1 FROM request WHERE started < ?1)`,
		// More than ?2 only if that many started in one millisecond.
		`DELETE FROM request WHERE started < (SELECT kept_from FROM ledger)`,
		`DELETE FROM batch WHERE id IN (SELECT id FROM batch WHERE started < ?1 ORDER BY started LIMIT ?2)`,
		`DELETE FROM decision WHERE seq IN (SELECT seq FROM decision WHERE at < ?1 ORDER BY at LIMIT ?2)`,
	}
	deleteMinutes = []string{deleteSteps("span", "60"), deleteSteps("first_token", "60")}
	deleteHours   = []string{
		deleteSteps("span", "3600"), deleteSteps("span", "86400"),
		deleteSteps("first_token", "3600"), deleteSteps("first_token", "86400"),
		deleteSteps("usage", "3600"), deleteSteps("usage", "86400"),
		`DELETE FROM curve WHERE at IN (SELECT DISTINCT at FROM curve WHERE at < ?1 / 1000 - 86400 ORDER BY at LIMIT ?2)`,
	}
)

func deleteSteps(table, step string) string {
	return `DELETE FROM ` + table + ` WHERE step = ` + step + ` AND at IN
		(SELECT DISTINCT at FROM ` + table + ` WHERE step = ` + step + ` AND at < ?1 / 1000 - ` + step + ` ORDER BY at LIMIT ?2)`
}

// purge deletes rows by age and by size.
type purge struct {
	keep     atomic.Pointer[Retention]
	calendar calendar
}

// step deletes a few rows; more tells whether others should go too.
func (p *purge) step(ctx context.Context, now time.Time, db *sql.DB) (more bool, err error) {
	keep := p.keep.Load()
	now = p.calendar.at(now)
	if err := p.calendar.keep(ctx, db); err != nil {
		return false, err
	}
	for _, c := range []struct {
		age        time.Duration
		statements []string
	}{
		{keep.Samples, deleteSeconds},
		{keep.Rows, deleteRows},
		{keep.Minutes, deleteMinutes},
	} {
		if c.age <= 0 {
			continue
		}
		n, err := deleteOld(ctx, db, c.statements, now.Add(-c.age))
		if err != nil {
			return false, err
		}
		more = more || n >= purgeRows
	}
	if more || keep.Bytes <= 0 {
		return more, nil
	}
	held, err := heldBytes(ctx, db)
	if err != nil || held <= keep.Bytes {
		return false, err
	}
	for _, statements := range [][]string{deleteSeconds, deleteRows, deleteMinutes, deleteHours} {
		n, err := deleteOld(ctx, db, statements, now.Add(-purgeNever))
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// deleteOld returns the most rows that one of the statements deleted.
func deleteOld(ctx context.Context, db *sql.DB, statements []string, before time.Time) (most int64, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // err says more
		}
	}()
	for _, statement := range statements {
		res, err := tx.ExecContext(ctx, statement, before.UnixMilli(), purgeRows)
		if err != nil {
			return 0, err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, tx.Commit()
}

// heldBytes is the size of the file without the space of deleted rows.
func heldBytes(ctx context.Context, db reader) (int64, error) {
	var bytes int64
	err := db.QueryRowContext(ctx, `SELECT (page_count - freelist_count) * page_size
		FROM pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&bytes)
	return bytes, err
}
