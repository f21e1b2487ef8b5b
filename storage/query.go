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
	from, to = math.MinInt64, math.MaxInt64
	if !q.Since.IsZero() {
		from = q.Since.UnixMilli()
	}
	if !q.Until.IsZero() {
		to = q.Until.Add(time.Millisecond - 1).UnixMilli()
	}
	return from, to
}

func readRows[T any](ctx context.Context, db *sql.DB, what, query string, q Query, scan func(*sql.Rows) (T, error)) (_ []T, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read %s: %w", what, err)
		}
	}()
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	from, to := q.bounds()
	rows, err := db.QueryContext(ctx, query, from, to, limit)
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

const sumRequests = `SELECT outcome, count(*), count(batch),
	coalesce(sum(prompt_tokens), 0), coalesce(sum(output_tokens), 0)
	FROM request WHERE started >= ? AND started < ? GROUP BY outcome`

const countBatches = `SELECT count(*) FROM batch WHERE started >= ? AND started < ?`

// Summary adds up the rows of a range; q.Limit is ignored.
func (s *Store) Summary(ctx context.Context, q Query) (Summary, error) {
	sum, err := s.summary(ctx, q)
	if err != nil {
		return Summary{}, fmt.Errorf("sum up history: %w", err)
	}
	return sum, nil
}

func (s *Store) summary(ctx context.Context, q Query) (_ Summary, err error) {
	// One transaction, so that requests and batches are of the same moment.
	tx, err := s.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()

	sum := Summary{Outcomes: map[string]int64{}}
	from, to := q.bounds()
	rows, err := tx.QueryContext(ctx, sumRequests, from, to)
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var outcome string
		var requests, released, prompt, output int64
		if err := rows.Scan(&outcome, &requests, &released, &prompt, &output); err != nil {
			return Summary{}, err
		}
		sum.Outcomes[outcome] = requests
		sum.Requests += requests
		sum.Released += released
		sum.PromptTokens += prompt
		sum.OutputTokens += output
	}
	if err := rows.Err(); err != nil {
		return Summary{}, err
	}
	return sum, tx.QueryRowContext(ctx, countBatches, from, to).Scan(&sum.Batches)
}
