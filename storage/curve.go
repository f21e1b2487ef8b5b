package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// CurveSecond is one second in which an engine worked on a number of requests of
// one model that did not change.
type CurveSecond struct {
	At            time.Time
	Engine, Model string
	Running       int
	Tokens        int64 // written
}

// CurvePoint is what a number of requests at once gave.
type CurvePoint struct {
	Running  int       `json:"running"`
	Seconds  int       `json:"seconds"` // that it rests on
	TokensPS float64   `json:"tokens_per_second"`
	FirstP50 *float64  `json:"first_token_p50_s"` // of requests that were released into so many; nil = of none
	FirstP95 *float64  `json:"first_token_p95_s"`
	Last     time.Time `json:"last"` // when it was seen last
}

// AddCurve queues a second for Curve; it never blocks. It is on disk at most
// 100 ms later, as a part of its day.
func (s *Store) AddCurve(c CurveSecond) { s.add(c) }

func (c CurveSecond) insert(in *inserts) (bool, error) {
	p := in.sums.curve(c.Engine, c.Model, int64(c.Running), c.At)
	p.seconds++
	p.tokens += c.Tokens
	return true, nil
}

func (s *sums) curve(engine, model string, running int64, at time.Time) *curve {
	p := entry(&s.curves, curveKey{engine, model, floor(at.Unix(), day), running})
	p.last = max(p.last, at.UnixMilli())
	return p
}

const selectBatchOf = `SELECT engine, model, running FROM batch WHERE id = ?`

// Requests that are not added up yet find their batch when they are.
const selectFirstsOf = `SELECT started, first_token_ms FROM request
	WHERE batch = ? AND first_token_ms IS NOT NULL AND NOT (seq > ? AND seq <= ?)`

// addUp adds a request to the roll-ups, and to the curve if its batch is on file:
// else the batch does that, which is written when its last request has ended.
func (in *inserts) addUp(r Request) error {
	in.sums.request(r)
	if r.Batch == nil || r.FirstTokenMS == nil {
		return nil
	}
	var engine, model string
	var running int64
	err := in.batchOf.QueryRow(int64(*r.Batch)).Scan(&engine, &model, &running) //nolint:noctx // see writer.insert
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	p := in.sums.curve(engine, model, running, r.Started)
	p.firsts = append(p.firsts, *r.FirstTokenMS)
	return nil
}

// curveOfBatch adds the requests of a batch that are on file to the curve.
func (in *inserts) curveOfBatch(b Batch) (err error) {
	rows, err := in.firstsOf.Query(int64(b.ID), in.unfilled.done, in.unfilled.last) //nolint:noctx // see writer.insert
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var started int64
		var first float64
		if err := rows.Scan(&started, &first); err != nil {
			return err
		}
		p := in.sums.curve(b.Engine, b.Model, int64(b.Running), time.UnixMilli(started))
		p.firsts = append(p.firsts, first)
	}
	return rows.Err()
}

const selectCurve = `SELECT running, sum(seconds), sum(tokens), sketch(first_tokens), max(last) FROM curve
	WHERE engine = ? AND model = ? AND at >= ? GROUP BY running ORDER BY running`

// Curve reads what an engine gave with a model since a time's day (UTC), by how
// many requests ran at once, the fewest first.
func (s *Store) Curve(ctx context.Context, engine, model string, since time.Time) ([]CurvePoint, error) {
	all, err := collect(ctx, &s.readers, scanCurve, selectCurve, engine, model, floor(since.Unix(), day))
	if err != nil {
		return nil, fmt.Errorf("read curve: %w", err)
	}
	return all, nil
}

func scanCurve(rows *sql.Rows) (p CurvePoint, err error) {
	var tokens, last int64
	var firsts []byte
	if err := rows.Scan(&p.Running, &p.Seconds, &tokens, &firsts, &last); err != nil {
		return p, err
	}
	if p.Seconds > 0 {
		p.TokensPS = float64(tokens) / float64(p.Seconds)
	}
	p.FirstP50, p.FirstP95, err = percentiles(firsts)
	p.Last = time.UnixMilli(last).UTC()
	return p, err
}
