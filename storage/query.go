package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"
)

const defaultLimit = 10_000

// Query selects rows that started, or were decided, in [Since, Until), newest
// first. Times are kept to the millisecond: the bounds are widened to whole ones.
type Query struct {
	Since time.Time // zero = from the beginning
	Until time.Time // zero = to the end
	Limit int       // 0 = 10,000
}

// Summary adds up what a time range held.
type Summary struct {
	Requests     int64            `json:"requests"`
	Released     int64            `json:"released"` // requests that belong to a batch
	Batches      int64            `json:"batches"`
	Outcomes     map[string]int64 `json:"outcomes"`
	PromptTokens int64            `json:"prompt_tokens"`
	OutputTokens int64            `json:"output_tokens"`
}

// bounds are the query's start times in milliseconds: from <= started < to.
func (q Query) bounds() (from, to int64) {
	// Far beyond any clock, and not so far that rounding overflows.
	from, to = math.MinInt64/2, math.MaxInt64/2
	if !q.Since.IsZero() {
		from = q.Since.UnixMilli()
	}
	if !q.Until.IsZero() {
		to = q.Until.Add(time.Millisecond - 1).UnixMilli()
	}
	return from, to
}

// limit is how many rows are read at most.
func (q Query) limit() int {
	if q.Limit <= 0 {
		return defaultLimit
	}
	return q.Limit
}

// reader runs queries: a pool of connections, or a transaction of one.
type reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readRows[T any](ctx context.Context, db reader, what, query string, q Query, scan func(*sql.Rows) (T, error)) ([]T, error) {
	from, to := q.bounds()
	all, err := collect(ctx, db, scan, query, from, to, q.limit())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return all, nil
}

// collect reads every row of a query.
func collect[T any](ctx context.Context, db reader, scan func(*sql.Rows) (T, error), query string, args ...any) (_ []T, err error) {
	defer func() { met(db, err) }()
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all []T
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// met tells the pool, if it is one, of an error.
func met(db reader, err error) {
	if p, ok := db.(*pool); ok {
		p.met(err)
	}
}

// snapshot has several queries see one moment.
func (s *Store) snapshot(ctx context.Context, read func(tx *sql.Tx) error) (err error) {
	defer func() { s.readers.met(err) }()
	tx, err := s.readers.db.Load().BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	return read(tx)
}

const sumRequests = `SELECT outcome, count(*), count(batch),
	coalesce(sum(prompt_tokens), 0), coalesce(sum(output_tokens), 0)
	FROM request_row WHERE started >= ? AND started < ? GROUP BY outcome`

const countBatches = `SELECT count(*) FROM batch WHERE started >= ? AND started < ?`

// Summary adds up the rows of a range; q.Limit is ignored.
func (s *Store) Summary(ctx context.Context, q Query) (Summary, error) {
	sum := Summary{Outcomes: map[string]int64{}}
	from, to := q.bounds()
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		if _, err := collect(ctx, tx, sum.addOutcome, sumRequests, from, to); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, countBatches, from, to).Scan(&sum.Batches)
	})
	if err != nil {
		return Summary{}, fmt.Errorf("sum up history: %w", err)
	}
	return sum, nil
}

func (s *Summary) addOutcome(rows *sql.Rows) (outcome string, err error) {
	var requests, released, prompt, output int64
	if err := rows.Scan(&outcome, &requests, &released, &prompt, &output); err != nil {
		return "", err
	}
	s.Outcomes[outcome] = requests
	s.Requests += requests
	s.Released += released
	s.PromptTokens += prompt
	s.OutputTokens += output
	return outcome, nil
}
