package storage

import (
	"context"
	"errors"
	"time"
)

// Points are a chart's worth of a range, oldest first. Spans in which nothing was
// sampled have no point.
type Points struct {
	Step   time.Duration `json:"step_ns"` // of the roll-up read: a second, a minute or an hour, or a multiple of one
	Points []Point       `json:"points"`
}

// Point is one span of a chart. Means are over the seconds that were sampled.
type Point struct {
	At      time.Time `json:"at"`      // its beginning, a multiple of Step
	Seconds int       `json:"seconds"` // that were sampled; at least 1

	Running, Waiting                                  float64 // means
	MostRunning                                       int
	MostWaiting                                       int
	Limit                                             float64  // mean of the seconds with a bound; 0 = none had one
	TokensOut, TokensIn                               float64  // per second: means
	FirstTokens                                       int      // requests with a first token that began in the span
	FirstP50, FirstP95                                *float64 // seconds; nil without FirstTokens
	MemoryUsed, MemoryTotal, MemoryOurs, MemoryOthers *float64 // bytes: means
	Utilization, Power                                *float64 // means
}

// Points reads a range for a chart of at most most points, which is at most
// 10,000, from the finest roll-up that has so few. It reads no more rows than that.
func (s *Store) Points(ctx context.Context, q Query, most int) (Points, error) {
	return Points{}, errors.ErrUnsupported
}
