package storage

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Batch is a row for one ended batch.
type Batch struct {
	ID             uint64    `json:"id"`
	Started        time.Time `json:"started"` // kept to the millisecond, read back in UTC
	Engine         string    `json:"engine"`
	Model          string    `json:"model"`
	Mode           string    `json:"mode"`
	Why            string    `json:"why"`
	Released       int       `json:"released"`
	Running        int       `json:"running"`
	Limit          int       `json:"limit"`
	MeanWaitMS     float64   `json:"mean_wait_ms"`
	MaxWaitMS      float64   `json:"max_wait_ms"`
	DurationMS     float64   `json:"duration_ms"`
	Tokens         int64     `json:"tokens"`
	GPUMemoryUsed  *int64    `json:"gpu_memory_used_bytes"` // at the start
	GPUMemoryTotal *int64    `json:"gpu_memory_total_bytes"`
	GPUUtilization *float64  `json:"gpu_utilization"` // 0..1

	// EnergyJ is the joules of its requests, added up when it is read: nil unless
	// those of all are known. AddBatch does not look at it.
	EnergyJ *float64 `json:"energy_j"`
}

const batchColumns = `id, started, engine, model, mode, why, released, running, in_flight_limit,
	mean_wait_ms, max_wait_ms, duration_ms, tokens, gpu_memory_used, gpu_memory_total, gpu_utilization`

const insertBatch = `INSERT OR IGNORE INTO batch (` + batchColumns + `)
	VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`

const batchEnergy = `(SELECT CASE count(energy_j) WHEN released THEN sum(energy_j) END FROM request WHERE request.batch = batch.id)`

const selectBatchesWhere = `SELECT ` + batchColumns + `, ` + batchEnergy + ` FROM batch WHERE `

const selectBatches = selectBatchesWhere + `started >= ? AND started < ? ORDER BY started DESC, id DESC LIMIT ?`

func (b Batch) insert(in *inserts) (bool, error) {
	kept, err := taken(in.batch.Exec( //nolint:noctx // see writer.insert
		int64(b.ID), b.Started.UnixMilli(), b.Engine, b.Model, b.Mode, b.Why, b.Released, b.Running, b.Limit,
		b.MeanWaitMS, b.MaxWaitMS, b.DurationMS, b.Tokens, b.GPUMemoryUsed, b.GPUMemoryTotal, b.GPUUtilization))
	if !kept || err != nil {
		return false, err
	}
	return true, in.curveOfBatch(b)
}

// Batches reads batch rows that are on disk.
func (s *Store) Batches(ctx context.Context, q Query) ([]Batch, error) {
	return readRows(ctx, &s.readers, "batches", selectBatches, q, scanBatch)
}

func scanBatch(rows *sql.Rows) (b Batch, err error) {
	var id, started int64
	err = rows.Scan(
		&id, &started, &b.Engine, &b.Model, &b.Mode, &b.Why, &b.Released, &b.Running, &b.Limit,
		&b.MeanWaitMS, &b.MaxWaitMS, &b.DurationMS, &b.Tokens, &b.GPUMemoryUsed, &b.GPUMemoryTotal, &b.GPUUtilization, &b.EnergyJ)
	b.ID, b.Started = uint64(id), time.UnixMilli(started).UTC()
	return b, err
}

const selectLastBatch = `SELECT max(
	coalesce((SELECT max(id) FROM batch), 0), coalesce((SELECT max(batch) FROM request), 0))`

// LastBatch is the highest batch id on file; 0 = none. A batch that never
// ended counts too if one of its requests did.
func (s *Store) LastBatch(ctx context.Context) (uint64, error) {
	var id int64
	if err := s.readers.QueryRowContext(ctx, selectLastBatch).Scan(&id); err != nil {
		return 0, fmt.Errorf("read last batch: %w", err)
	}
	return uint64(id), nil
}
