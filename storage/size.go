package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

// Size is what the history takes on disk.
type Size struct {
	Bytes    int64     `json:"bytes"` // of the file and its log
	Requests int64     `json:"requests"`
	Samples  int64     `json:"samples"`
	Oldest   time.Time `json:"oldest"` // of any row or roll-up; zero without
}

// The samples of whole hours are counted by their roll-ups, those of the oldest one
// by themselves, as some of it may be deleted.
const selectSize = `SELECT
	(SELECT count(*) FROM sample WHERE at < oldest - oldest % 3600 + 3600) +
	(SELECT coalesce(sum(seconds), 0) FROM span WHERE step = 3600 AND at > oldest),
	(SELECT min(at) FROM (
		SELECT min(started) AS at FROM request UNION ALL
		SELECT min(started) FROM batch UNION ALL
		SELECT min(at) FROM decision UNION ALL
		SELECT oldest * 1000 UNION ALL
		SELECT min(at) * 1000 FROM span WHERE step = 3600 UNION ALL
		SELECT min(at) * 1000 FROM usage WHERE step = 3600))
	FROM (SELECT min(at) AS oldest FROM sample)`

// Size looks at the file, and counts by the roll-ups.
func (s *Store) Size(ctx context.Context) (Size, error) {
	var size Size
	var samples, oldest sql.NullInt64
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, selectSize).Scan(&samples, &oldest); err != nil {
			return err
		}
		kept, err := readKept(ctx, tx)
		if err != nil {
			return err
		}
		from, to := Query{}.bounds()
		size.Requests, err = Filter{}.countRequests(ctx, tx, max(from, kept), to)
		return err
	})
	if err != nil {
		return Size{}, fmt.Errorf("read size of history: %w", err)
	}
	size.Samples = samples.Int64
	if oldest.Valid {
		size.Oldest = time.UnixMilli(oldest.Int64).UTC()
	}
	bytes, err := s.bytes()
	if err != nil {
		return Size{}, fmt.Errorf("read size of history: %w", err)
	}
	size.Bytes = bytes
	return size, nil
}

// bytes are those of the file and its log.
func (s *Store) bytes() (sum int64, err error) {
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(s.path + suffix)
		if suffix != "" && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		sum += info.Size()
	}
	return sum, nil
}

var wiped = []string{
	`DELETE FROM request`, `DELETE FROM kind`, `DELETE FROM batch`, `DELETE FROM decision`, `DELETE FROM sample`, `DELETE FROM trial`,
	`DELETE FROM span`, `DELETE FROM first_token`, `DELETE FROM usage`, `DELETE FROM curve`,
	`UPDATE ledger SET filled = 0, fill_to = 0, kept_from = -9223372036854775808`,
}

// Wipe deletes every row that was added before, and gives the space back to the
// disk. If it fails, no row is gone, or all are and only their space is left.
func (s *Store) Wipe(ctx context.Context) error {
	return s.order(ctx, "wipe history", func(run context.Context) error {
		if err := s.writer.wipe(run); err != nil {
			return err
		}
		return vacuum(run, s.writer.db)
	})
}

func (w *writer) wipe(ctx context.Context) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, statement := range wiped {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	w.rows.written(time.Now())
	w.in.unfilled = unfilled{}
	return nil
}

// Compact gives the space of deleted rows back to the disk, and tells how many bytes
// that were. It needs free space for a copy of the file meanwhile. Rows that come
// wait in memory; beyond queueLength of them the newest are lost.
func (s *Store) Compact(ctx context.Context) (freed int64, err error) {
	var before, after int64
	if err := s.order(ctx, "compact history", func(run context.Context) (err error) {
		run, cancel := context.WithCancel(run)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		if before, err = s.bytes(); err != nil {
			return err
		}
		if err := vacuum(run, s.writer.db); err != nil {
			return err
		}
		after, err = s.bytes()
		return err
	}); err != nil {
		return 0, err
	}
	return max(0, before-after), nil
}

// vacuum rewrites the file, and empties its log, which has a copy of all that.
func vacuum(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, `VACUUM`); err != nil {
		return err
	}
	var busy, pages, moved int // readers of before may keep the log for a while
	return db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved)
}
