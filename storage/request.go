package storage

import (
	"context"
	"database/sql"
	"time"
)

// Request is a row for one admitted request. A nil pointer is SQL NULL: not known.
type Request struct {
	ID              string    `json:"id"`
	Batch           *uint64   `json:"batch"`   // nil: it was never released
	Started         time.Time `json:"started"` // kept to the millisecond, read back in UTC
	App             string    `json:"app"`
	Engine          string    `json:"engine"`
	Model           string    `json:"model"`
	Route           string    `json:"route"`   // "/api/chat"
	Dialect         string    `json:"dialect"` // ollama, openai, anthropic, kobold
	Stream          bool      `json:"stream"`
	Priority        string    `json:"priority"`
	Outcome         string    `json:"outcome"` // ok, error, cancelled, rejected, interrupted
	ErrorKind       string    `json:"error_kind"`
	Status          int       `json:"status"`        // sent to the client; 499 = it left before
	EngineStatus    int       `json:"engine_status"` // 0 = the engine was not asked or did not answer
	PromptBytes     int64     `json:"prompt_bytes"`  // text of the prompt, without images
	AnswerBytes     int64     `json:"answer_bytes"`
	PromptTokens    *int64    `json:"prompt_tokens"`
	OutputTokens    *int64    `json:"output_tokens"`
	TokensEstimated bool      `json:"tokens_estimated"` // counted from chunks, not told by the engine
	QueueMS         float64   `json:"queue_ms"`
	FirstTokenMS    *float64  `json:"first_token_ms"` // from arrival at the gateway
	TotalMS         float64   `json:"total_ms"`
	Simulated       bool      `json:"simulated"`
	LoadMS          *float64  `json:"load_ms"`  // until the model was loaded; nil: it was, or the engine does not tell
	Reload          string    `json:"reload"`   // what made the engine load it again: num_ctx, keep_alive, eviction, …; "" = it did not
	EnergyJ         *float64  `json:"energy_j"` // joules that the GPU drew for it; nil: not known, or not yet
}

const requestColumns = `id, batch, started, app, engine, model, route, dialect, stream, priority,
	outcome, error_kind, status, engine_status, prompt_bytes, answer_bytes, prompt_tokens,
	output_tokens, tokens_estimated, queue_ms, first_token_ms, total_ms, simulated, load_ms, reload, energy_j`

// A row that breaks a rule of its table is left out rather than allowed to fail
// its transaction for ever.
const insertRequest = `INSERT OR IGNORE INTO request (id, batch, started, kind, prompt_bytes, answer_bytes, prompt_tokens,
	output_tokens, queue_ms, first_token_ms, total_ms, load_ms, energy_j, ` + kindColumns + `)
	VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?, '','','','','',0,'','','',0,0,0,0,'')`

const selectRequests = `SELECT ` + requestColumns + ` FROM request_row
	WHERE started >= ? AND started < ? ORDER BY started DESC, seq DESC LIMIT ?`

func (r Request) insert(in *inserts) (bool, error) {
	var batch *int64
	if r.Batch != nil {
		id := int64(*r.Batch)
		batch = &id
	}
	kind, err := in.kindOf(r)
	if err != nil {
		return false, err
	}
	kept, err := taken(in.request.Exec( //nolint:noctx // see writer.insert
		requestID(r.ID), batch, r.Started.UnixMilli(), kind, r.PromptBytes, r.AnswerBytes, r.PromptTokens,
		r.OutputTokens, r.QueueMS, r.FirstTokenMS, r.TotalMS, r.LoadMS, r.EnergyJ))
	if !kept || err != nil {
		return false, err
	}
	return true, in.addUp(r)
}

// Requests reads request rows that are on disk.
func (s *Store) Requests(ctx context.Context, q Query) ([]Request, error) {
	return readRows(ctx, &s.readers, "requests", selectRequests, q, scanRequest)
}

func scanRequest(rows *sql.Rows) (r Request, err error) {
	var started int64
	var batch *int64
	err = rows.Scan(
		(*requestID)(&r.ID), &batch, &started, &r.App, &r.Engine, &r.Model, &r.Route, &r.Dialect, &r.Stream, &r.Priority,
		&r.Outcome, &r.ErrorKind, &r.Status, &r.EngineStatus, &r.PromptBytes, &r.AnswerBytes, &r.PromptTokens,
		&r.OutputTokens, &r.TokensEstimated, &r.QueueMS, &r.FirstTokenMS, &r.TotalMS, &r.Simulated, &r.LoadMS, &r.Reload, &r.EnergyJ)
	r.Started = time.UnixMilli(started).UTC()
	r.Batch = batchID(batch)
	return r, err
}

func batchID(stored *int64) *uint64 {
	if stored == nil {
		return nil
	}
	id := uint64(*stored)
	return &id
}
