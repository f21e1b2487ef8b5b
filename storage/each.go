package storage

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
)

// EachRequest reads the requests of a range, newest first, one after the other: none
// is held in memory. q.Limit 0 = all. The sequence ends after an error, and sees the
// history of the moment at which it begins.
func (s *Store) EachRequest(ctx context.Context, q Query) iter.Seq2[Request, error] {
	from, to := q.bounds()
	return each(ctx, &s.readers, "requests", scanRequest, selectRequests, from, to, q.all())
}

// EachBatch reads batches as EachRequest reads requests.
func (s *Store) EachBatch(ctx context.Context, q Query) iter.Seq2[Batch, error] {
	from, to := q.bounds()
	return each(ctx, &s.readers, "batches", scanBatch, selectBatches, from, to, q.all())
}

// EachDecision reads decisions as EachRequest reads requests.
func (s *Store) EachDecision(ctx context.Context, q Query) iter.Seq2[Decision, error] {
	from, to := q.bounds()
	return each(ctx, &s.readers, "decisions", scanDecision, selectDecisions, from, to, q.all())
}

// EachSample reads samples as EachRequest reads requests.
func (s *Store) EachSample(ctx context.Context, q Query) iter.Seq2[Sample, error] {
	from, to := q.bounds()
	return each(ctx, &s.readers, "samples", scanSample, selectSamples, ceil(from, 1000)/1000, ceil(to, 1000)/1000, q.all())
}

// all is how many rows are read where 0 is no bound: SQLite takes -1 for that.
func (q Query) all() int {
	if q.Limit <= 0 {
		return -1
	}
	return q.Limit
}

func each[T any](ctx context.Context, db reader, what string, scan func(*sql.Rows) (T, error), query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		rows, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			met(db, err)
			yield(none, fmt.Errorf("read %s: %w", what, err))
			return
		}
		defer func() { _ = rows.Close() }() // what it would say, Err has said
		for rows.Next() {
			row, err := scan(rows)
			if err != nil {
				met(db, err)
				yield(none, fmt.Errorf("read %s: %w", what, err))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			met(db, err)
			yield(none, fmt.Errorf("read %s: %w", what, err))
		}
	}
}
