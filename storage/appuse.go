package storage

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// AppUse is what one app had of the GPU in a range.
type AppUse struct {
	App          string        `json:"app"`
	Requests     int64         `json:"requests"`
	Failed       int64         `json:"failed"` // error, interrupted or rejected
	Cancelled    int64         `json:"cancelled"`
	PromptTokens int64         `json:"prompt_tokens"`
	OutputTokens int64         `json:"output_tokens"`
	Run          time.Duration `json:"run_ns"`  // in the engine, added up
	Wait         time.Duration `json:"wait_ns"` // in the queue, added up
	LongestWait  time.Duration `json:"longest_wait_ns"`
	FirstP50     *float64      `json:"first_token_p50_s"` // 1 % off at most
	FirstP95     *float64      `json:"first_token_p95_s"`
	Joules       *float64      `json:"energy_j"` // of the requests of which they are known; nil = of none
	Last         time.Time     `json:"last"`     // began the last of them
}

// AppUse adds up a range by app, the one with the most time in the engine first;
// q.Limit is ignored. It reads the roll-ups of whole days and hours, and requests for
// the rest. Where these are deleted already, the range's ends count by whole hours.
func (s *Store) AppUse(ctx context.Context, q Query) ([]AppUse, error) {
	var all []AppUse
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		from, to := q.bounds()
		pieces, err := usagePieces(ctx, tx, from, to)
		if err != nil {
			return err
		}
		table, args := usageOf(pieces)
		all, err = collect(ctx, tx, scanAppUse, `SELECT app, sum(requests),
			sum(requests) FILTER (WHERE outcome IN ('error', 'interrupted', 'rejected')),
			sum(requests) FILTER (WHERE outcome = 'cancelled'),
			sum(prompt_tokens), sum(output_tokens), sum(run_ms), sum(wait_ms), max(most_wait_ms),
			sketch(first_tokens), sum(metered), sum(energy_j), max(last)
			FROM `+table+` GROUP BY app ORDER BY sum(run_ms) DESC, app`, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read use by app: %w", err)
	}
	return all, nil
}

// usagePieces covers a range: while old requests are not added up yet, by the
// requests themselves.
func usagePieces(ctx context.Context, tx *sql.Tx, from, to int64) ([]piece, error) {
	kept, err := readKept(ctx, tx)
	if err != nil {
		return nil, err
	}
	if u, err := readUnfilled(ctx, tx); err != nil || u.any() {
		return []piece{{0, from, to}}, err
	}
	return cover(from, to, kept), nil
}

// readKept is when the oldest requests may have started that are not deleted.
func readKept(ctx context.Context, tx *sql.Tx) (kept int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT kept_from FROM ledger`).Scan(&kept)
	return kept, err
}

func scanAppUse(rows *sql.Rows) (u AppUse, err error) {
	var failed, cancelled sql.NullInt64
	var run, wait, longest, joules float64
	var firsts []byte
	var metered, last int64
	if err := rows.Scan(&u.App, &u.Requests, &failed, &cancelled, &u.PromptTokens, &u.OutputTokens,
		&run, &wait, &longest, &firsts, &metered, &joules, &last); err != nil {
		return u, err
	}
	u.Failed, u.Cancelled = failed.Int64, cancelled.Int64
	u.Run, u.Wait, u.LongestWait = duration(run), duration(wait), duration(longest)
	u.Last = time.UnixMilli(last).UTC()
	if metered > 0 {
		u.Joules = &joules
	}
	u.FirstP50, u.FirstP95, err = percentiles(firsts)
	return u, err
}

func duration(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
