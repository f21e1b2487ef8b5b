// Package storage keeps the history in one SQLite file: times, counts, sizes
// and names, never a prompt or an answer.
package storage

import (
	"context"
	"time"
)

// Request is a row for one admitted request. A nil pointer is SQL NULL: not known.
type Request struct {
	ID              string    `json:"id"`
	Batch           *uint64   `json:"batch"` // nil: it was never released
	Started         time.Time `json:"started"`
	App             string    `json:"app"`
	Engine          string    `json:"engine"`
	Model           string    `json:"model"`
	Route           string    `json:"route"`   // "/api/chat"
	Dialect         string    `json:"dialect"` // ollama, openai, anthropic
	Stream          bool      `json:"stream"`
	Priority        string    `json:"priority"`
	Outcome         string    `json:"outcome"` // ok, error, cancelled, rejected, interrupted
	ErrorKind       string    `json:"error_kind"`
	Status          int       `json:"status"`        // sent to the client; 499 = it left before
	EngineStatus    int       `json:"engine_status"` // 0 = the engine was not asked or did not answer
	PromptBytes     int64     `json:"prompt_bytes"`  // size of the request's body
	AnswerBytes     int64     `json:"answer_bytes"`
	PromptTokens    *int64    `json:"prompt_tokens"`
	OutputTokens    *int64    `json:"output_tokens"`
	TokensEstimated bool      `json:"tokens_estimated"` // counted from chunks, not told by the engine
	QueueMS         float64   `json:"queue_ms"`
	FirstTokenMS    *float64  `json:"first_token_ms"` // from arrival at the gateway
	TotalMS         float64   `json:"total_ms"`
	Simulated       bool      `json:"simulated"`
}

// Batch is a row for one ended batch.
type Batch struct {
	ID             uint64    `json:"id"`
	Started        time.Time `json:"started"`
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
}

// Query selects rows by start time, newest first.
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

// State tells how the store is, for the window and /health.
type State struct {
	Path    string `json:"path"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"` // "history paused: disk full"
	Dropped uint64 `json:"dropped"`           // rows lost because the buffer was full
}

// Options are fixed for a store's life.
type Options struct {
	Path      string        // the file; its folder is made 0700, the file 0600
	Retention time.Duration // rows older are deleted; 0 = kept for ever
}

// Store is an open history. Its methods may be called from any goroutine.
type Store struct{}

// Open opens or creates the history and starts its writer. A damaged, foreign
// or zero-byte file is moved aside to *.corrupt-<time> and a new one is begun;
// a newer schema is opened read-only.
func Open(ctx context.Context, o Options) (*Store, error) { panic("todo") }

// AddRequest queues a row; it never blocks. It is on disk at most 100 ms later.
func (s *Store) AddRequest(r Request) { panic("todo") }

// AddBatch queues a row; it never blocks. It is on disk at most 100 ms later.
func (s *Store) AddBatch(b Batch) { panic("todo") }

// Flush returns when every row added before the call is on disk.
func (s *Store) Flush(ctx context.Context) error { panic("todo") }

// LastBatch is the highest batch id on file; 0 = none.
func (s *Store) LastBatch(ctx context.Context) (uint64, error) { panic("todo") }

// Requests reads request rows.
func (s *Store) Requests(ctx context.Context, q Query) ([]Request, error) { panic("todo") }

// Batches reads batch rows.
func (s *Store) Batches(ctx context.Context, q Query) ([]Batch, error) { panic("todo") }

// Summary adds up the rows of a range; q.Limit is ignored.
func (s *Store) Summary(ctx context.Context, q Query) (Summary, error) { panic("todo") }

// State tells how the store is.
func (s *Store) State() State { panic("todo") }

// Close writes what is queued and closes the file.
func (s *Store) Close(ctx context.Context) error { panic("todo") }
