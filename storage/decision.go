package storage

import (
	"context"
	"database/sql"
	"time"
)

// Decision is a row for one thing that Carpool decided by itself, and why. A
// nil pointer is SQL NULL: not known, or of no meaning for its kind.
type Decision struct {
	At             time.Time `json:"at"` // kept to the millisecond, read back in UTC
	Engine         string    `json:"engine"`
	Model          string    `json:"model"`
	Kind           string    `json:"kind"`      // what it is about: limit, slots, budget, merge, model, …
	OldLimit       *int64    `json:"old_limit"` // requests in flight
	NewLimit       *int64    `json:"new_limit"`
	Slots          *int64    `json:"slots"`                 // requests the engine runs at once
	SlotsBy        string    `json:"slots_by"`              // how they are known: told, engine wait, first tokens; "" = they are not
	TokenBudget    *int64    `json:"token_budget"`          // tokens in flight
	Reason         string    `json:"reason"`                // for people
	InFlight       *int64    `json:"in_flight"`             // of the model, at the time
	Waiting        *int64    `json:"waiting"`               // of the model, at the time
	GPUMemoryUsed  *int64    `json:"gpu_memory_used_bytes"` // at the time
	GPUMemoryTotal *int64    `json:"gpu_memory_total_bytes"`
	GPUUtilization *float64  `json:"gpu_utilization"` // 0..1
}

const decisionColumns = `at, engine, model, kind, old_limit, new_limit, slots, slots_by, token_budget,
	reason, in_flight, waiting, gpu_memory_used, gpu_memory_total, gpu_utilization`

const insertDecision = `INSERT OR IGNORE INTO decision (` + decisionColumns + `)
	VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`

const selectDecisions = `SELECT ` + decisionColumns + ` FROM decision
	WHERE at >= ? AND at < ? ORDER BY at DESC, seq DESC LIMIT ?`

func (d Decision) insert(in *inserts) (bool, error) {
	return taken(in.decision.Exec( //nolint:noctx // see writer.insert
		d.At.UnixMilli(), d.Engine, d.Model, d.Kind, d.OldLimit, d.NewLimit, d.Slots, d.SlotsBy, d.TokenBudget,
		d.Reason, d.InFlight, d.Waiting, d.GPUMemoryUsed, d.GPUMemoryTotal, d.GPUUtilization))
}

// Decisions reads decision rows that are on disk.
func (s *Store) Decisions(ctx context.Context, q Query) ([]Decision, error) {
	return readRows(ctx, &s.readers, "decisions", selectDecisions, q, scanDecision)
}

func scanDecision(rows *sql.Rows) (d Decision, err error) {
	var at int64
	err = rows.Scan(
		&at, &d.Engine, &d.Model, &d.Kind, &d.OldLimit, &d.NewLimit, &d.Slots, &d.SlotsBy, &d.TokenBudget,
		&d.Reason, &d.InFlight, &d.Waiting, &d.GPUMemoryUsed, &d.GPUMemoryTotal, &d.GPUUtilization)
	d.At = time.UnixMilli(at).UTC()
	return d, err
}
