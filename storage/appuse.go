package storage

import (
	"context"
	"errors"
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
	FirstP50     *float64      `json:"first_token_p50_s"`
	FirstP95     *float64      `json:"first_token_p95_s"`
	Joules       *float64      `json:"energy_j"` // of the requests of which they are known; nil = of none
	Last         time.Time     `json:"last"`     // began the last of them
}

// AppUse adds up a range by app, the one with the most time in the engine first.
// For ranges that reach further back than single requests are kept, it reads the
// hours: then the range's ends count by whole hours.
func (s *Store) AppUse(ctx context.Context, q Query) ([]AppUse, error) {
	return nil, errors.ErrUnsupported
}
