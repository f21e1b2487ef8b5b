package storage

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Sample is a row for one second. A nil pointer is SQL NULL: not known.
type Sample struct {
	At        time.Time `json:"at"` // kept to the second, read back in UTC; one row for each
	Running   int       `json:"running"`
	Waiting   int       `json:"waiting"`
	Limit     int       `json:"limit"`      // most in flight; 0 = no bound
	TokensOut int64     `json:"tokens_out"` // written in this second
	TokensIn  int64     `json:"tokens_in"`  // of prompts whose requests ended in it

	MemoryUsed   *int64   `json:"gpu_memory_used_bytes"`
	MemoryTotal  *int64   `json:"gpu_memory_total_bytes"`
	MemoryOurs   *int64   `json:"gpu_memory_ours_bytes"`
	MemoryOthers *int64   `json:"gpu_memory_others_bytes"`
	Utilization  *float64 `json:"gpu_utilization"` // 0..1
	Power        *float64 `json:"gpu_power_watts"`
}

const sampleColumns = `at, running, waiting, in_flight_limit, tokens_out, tokens_in,
	memory_used, memory_total, memory_ours, memory_others, utilization, power`

const insertSample = `INSERT OR IGNORE INTO sample (` + sampleColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`

const selectSamples = `SELECT ` + sampleColumns + ` FROM sample
	WHERE at >= ? AND at < ? ORDER BY at DESC LIMIT ?`

// AddSample queues a row; it never blocks. It is written at most 100 ms later. A
// second that has a row already keeps it: a clock that is set back, or a ticker
// that is early, brings two.
func (s *Store) AddSample(r Sample) { s.add(r) }

func (r Sample) insert(in *inserts) (bool, error) {
	kept, err := taken(in.sample.Exec( //nolint:noctx // see writer.insert
		r.At.Unix(), r.Running, r.Waiting, r.Limit, r.TokensOut, r.TokensIn,
		r.MemoryUsed, r.MemoryTotal, r.MemoryOurs, r.MemoryOthers, r.Utilization, r.Power))
	if kept {
		in.sums.sample(r)
	}
	return true, err // a second too many is no row lost
}

// Samples reads samples that are on disk, newest first.
func (s *Store) Samples(ctx context.Context, q Query) ([]Sample, error) {
	from, to := q.bounds()
	all, err := collect(ctx, &s.readers, scanSample, selectSamples, ceil(from, 1000)/1000, ceil(to, 1000)/1000, q.limit())
	if err != nil {
		return nil, fmt.Errorf("read samples: %w", err)
	}
	return all, nil
}

func scanSample(rows *sql.Rows) (r Sample, err error) {
	var at int64
	err = rows.Scan(&at, &r.Running, &r.Waiting, &r.Limit, &r.TokensOut, &r.TokensIn,
		&r.MemoryUsed, &r.MemoryTotal, &r.MemoryOurs, &r.MemoryOthers, &r.Utilization, &r.Power)
	r.At = time.Unix(at, 0).UTC()
	return r, err
}
