package storage

import (
	"context"
	"database/sql"
	"math"
	"time"
)

const (
	purgeEvery = time.Hour
	// purgeRows bounds one deletion, so that new rows never wait long for it.
	purgeRows = 500
)

var deleteOld = []string{
	`DELETE FROM request WHERE seq IN (SELECT seq FROM request WHERE started < ? ORDER BY started LIMIT ?)`,
	`DELETE FROM batch WHERE id IN (SELECT id FROM batch WHERE started < ? ORDER BY started LIMIT ?)`,
	`DELETE FROM decision WHERE seq IN (SELECT seq FROM decision WHERE at < ? ORDER BY at LIMIT ?)`,
}

// purge deletes rows older than the retention, at first and once an hour.
type purge struct {
	retention time.Duration
	next      time.Time
}

func newPurge(now time.Time, retention time.Duration) *purge {
	if retention <= 0 {
		return &purge{next: now.Add(math.MaxInt64)} // 292 years: never
	}
	return &purge{retention: retention, next: now}
}

// step deletes a few rows if it is time, and sets when to come again.
func (p *purge) step(ctx context.Context, now time.Time, db *sql.DB) {
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(purgeEvery)
	for _, statement := range deleteOld {
		res, err := db.ExecContext(ctx, statement, now.Add(-p.retention).UnixMilli(), purgeRows)
		if err != nil {
			// A file that cannot be written shows by the rows that are not.
			p.next = now.Add(retryEvery)
			return
		}
		if n, err := res.RowsAffected(); err == nil && n == purgeRows {
			p.next = now
		}
	}
}
