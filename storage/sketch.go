package storage

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
	"modernc.org/sqlite"
)

const (
	// sketchError is how far off a percentile may be, relative to the value.
	sketchError = 0.01
	// sketchBins bounds a sketch: 17 powers of ten at sketchError. What is lower
	// than the rest by more counts as the lowest that fits.
	sketchBins = 2048
)

var sketchMapping = sync.OnceValue(func() mapping.IndexMapping {
	m, err := mapping.NewLogarithmicMapping(sketchError)
	if err != nil {
		panic(err) // only an error that is no share of one is refused
	}
	return m
})

// sketch counts values in bins that grow by a constant factor, so that sketches of
// parts add up to that of the whole.
type sketch struct{ *ddsketch.DDSketch }

func newSketch() sketch {
	return sketch{ddsketch.NewDDSketch(sketchMapping(),
		store.NewCollapsingLowestDenseStore(sketchBins), store.NewCollapsingLowestDenseStore(sketchBins))}
}

// sketchOf is the blob of values; nil without one.
func sketchOf(values []float64) []byte {
	if len(values) == 0 {
		return nil
	}
	s := newSketch()
	for _, v := range values {
		s.add(v)
	}
	return s.blob()
}

// add counts a value; one that is not finite is no time and is left out.
func (s sketch) add(v float64) { _ = s.Add(v) }

// blob is how a sketch is kept: a few bytes, and one or two for each bin in use.
func (s sketch) blob() []byte {
	var b []byte
	s.Encode(&b, true)
	return b
}

// percentile is in seconds of milliseconds; nil of nothing.
func (s sketch) percentile(share float64) *float64 {
	ms, err := s.GetValueAtQuantile(share)
	if err != nil {
		return nil
	}
	seconds := ms / 1000
	return &seconds
}

// take adds what SQL has: a number, a sketch, or NULL.
func (s sketch) take(v driver.Value) error {
	switch v := v.(type) {
	case nil:
		return nil
	case float64:
		s.add(v)
		return nil
	case []byte:
		return s.DecodeAndMergeWith(v)
	}
	return fmt.Errorf("%T is no sketch", v)
}

// registerSketch teaches SQL of every connection opened afterwards
//   - sketch(x), the sum of numbers and sketches of many rows,
//   - merge_sketches(x, y), the sum of two.
//
// NULL adds nothing, and the sum of nothing is NULL.
var registerSketch = sync.OnceValue(func() error {
	if err := sqlite.RegisterDeterministicScalarFunction("merge_sketches", 2,
		func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			switch {
			case args[0] == nil:
				return args[1], nil
			case args[1] == nil:
				return args[0], nil
			}
			s := newSketch()
			for _, a := range args {
				if err := s.take(a); err != nil {
					return nil, err
				}
			}
			return s.blob(), nil
		}); err != nil {
		return err
	}
	return sqlite.RegisterFunction("sketch", &sqlite.FunctionImpl{
		NArgs: 1, Deterministic: true, VolatileArgs: true,
		MakeAggregate: func(sqlite.FunctionContext) (sqlite.AggregateFunction, error) {
			return &sketchSum{newSketch()}, nil
		},
	})
})

// sketchSum is sketch(x) at work.
type sketchSum struct{ sum sketch }

func (a *sketchSum) Step(_ *sqlite.FunctionContext, args []driver.Value) error {
	return a.sum.take(args[0])
}

func (a *sketchSum) WindowInverse(*sqlite.FunctionContext, []driver.Value) error {
	return errors.New("sketch(x) is not for windows")
}

func (a *sketchSum) WindowValue(*sqlite.FunctionContext) (driver.Value, error) {
	if a.sum.IsEmpty() {
		return nil, nil
	}
	return a.sum.blob(), nil
}

func (a *sketchSum) Final(*sqlite.FunctionContext) {}

// percentiles are the median and the 95th of a blob, in seconds.
func percentiles(blob []byte) (p50, p95 *float64, err error) {
	s := newSketch()
	if err := s.DecodeAndMergeWith(blob); err != nil {
		return nil, nil, err
	}
	return s.percentile(0.5), s.percentile(0.95), nil
}
