package storage

import (
	"context"
	"errors"
)

// Filter selects, sorts and pages rows of a table. The zero value of a field does
// not restrict.
type Filter struct {
	Query                              // Limit is the length of a page
	App, Engine, Model, Outcome string // equal to; App and Outcome do not restrict batches
	Batch                       uint64 // requests of this batch
	Sort                        string // a column, by the name that it has in JSON; "" = started
	Ascending                   bool
	Offset                      int // rows left out
}

// FindRequests reads a page of requests, and how many the filter selects in all.
// It fails if Sort is no column of theirs.
func (s *Store) FindRequests(ctx context.Context, f Filter) (rows []Request, total int64, err error) {
	return nil, 0, errors.ErrUnsupported
}

// FindBatches reads a page of batches, and how many the filter selects in all.
func (s *Store) FindBatches(ctx context.Context, f Filter) (rows []Batch, total int64, err error) {
	return nil, 0, errors.ErrUnsupported
}

// Names are what a range can be filtered by, sorted.
type Names struct{ Apps, Engines, Models, Outcomes []string }

// Names reads what occurs in a range.
func (s *Store) Names(ctx context.Context, q Query) (Names, error) {
	return Names{}, errors.ErrUnsupported
}
