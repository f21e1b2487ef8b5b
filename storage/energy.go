package storage

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// EnergyUse is what requests of one model took that shared the GPU with equally
// many. Requests whose energy is not known are in no figure.
type EnergyUse struct {
	Engine       string  `json:"engine"`
	Model        string  `json:"model"`
	Running      int     `json:"running"` // in flight right after their batch was released
	Requests     int64   `json:"requests"`
	PromptTokens int64   `json:"prompt_tokens"`
	OutputTokens int64   `json:"output_tokens"`
	Joules       float64 `json:"energy_j"`
}

// Of several rows with one id in a batch each gets one value: which is which they
// do not tell themselves.
const updateEnergy = `UPDATE request SET energy_j = ? WHERE seq =
	(SELECT seq FROM request WHERE batch = ? AND id = ? AND energy_j IS NULL LIMIT 1)
	RETURNING seq`

const selectRowOf = `SELECT started, app, engine, model, outcome, energy_j FROM request_row WHERE seq = ?`

// energy fills in what is known of a request after its end.
type energy struct {
	batch  uint64
	id     string
	joules float64
}

func (e energy) insert(in *inserts) (bool, error) {
	var seq int64
	err := in.energy.QueryRow(e.joules, int64(e.batch), requestID(e.id)).Scan(&seq) //nolint:noctx // see writer.insert
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil || in.unfilled.has(seq) {
		return true, err
	}
	var r Request
	var started int64
	err = in.rowOf.QueryRow(seq).Scan(&started, &r.App, &r.Engine, &r.Model, &r.Outcome, &r.EnergyJ) //nolint:noctx // see writer.insert
	r.Started = time.UnixMilli(started)
	in.sums.energy(r)
	return true, err
}

// AddEnergy queues the joules of a request whose row was added before; it never
// blocks. They are written at most 100 ms later. Without that row they are dropped.
func (s *Store) AddEnergy(batch uint64, id string, joules float64) { s.add(energy{batch, id, joules}) }

const sumEnergy = `SELECT b.engine, b.model, b.running, count(*),
	coalesce(sum(r.prompt_tokens), 0), coalesce(sum(r.output_tokens), 0), sum(r.energy_j)
	FROM request r JOIN batch b ON b.id = r.batch
	WHERE r.started >= ? AND r.started < ? AND r.energy_j IS NOT NULL
	GROUP BY b.engine, b.model, b.running ORDER BY b.engine, b.model, b.running LIMIT ?`

// EnergyUse adds up what is on disk by engine, model and how many ran at once, in
// that order. q.Limit is of these groups.
func (s *Store) EnergyUse(ctx context.Context, q Query) ([]EnergyUse, error) {
	return readRows(ctx, &s.readers, "energy", sumEnergy, q, func(rows *sql.Rows) (e EnergyUse, err error) {
		err = rows.Scan(&e.Engine, &e.Model, &e.Running, &e.Requests, &e.PromptTokens, &e.OutputTokens, &e.Joules)
		return e, err
	})
}
