package storage

import (
	"context"
	"errors"
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

// AddCurve queues a second for Curve; it never blocks.
func (s *Store) AddCurve(c CurveSecond) {}

// Curve reads what an engine gave with a model in the last days, by how many
// requests ran at once, the fewest first.
func (s *Store) Curve(ctx context.Context, engine, model string, since time.Time) ([]CurvePoint, error) {
	return nil, errors.ErrUnsupported
}
