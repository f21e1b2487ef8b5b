package storage

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Trial is a row for one benchmark. Its figures are the caller's own JSON.
type Trial struct {
	ID            int64 // given by AddTrial
	At            time.Time
	Engine, Model string
	Figures       json.RawMessage
}

// AddTrial writes a benchmark and returns its id.
func (s *Store) AddTrial(ctx context.Context, t Trial) (int64, error) {
	return 0, errors.ErrUnsupported
}

// Trials reads the newest benchmarks, newest first.
func (s *Store) Trials(ctx context.Context, limit int) ([]Trial, error) {
	return nil, errors.ErrUnsupported
}

// Size is what the history takes on disk.
type Size struct {
	Bytes    int64     `json:"bytes"` // of the file and its log
	Requests int64     `json:"requests"`
	Samples  int64     `json:"samples"`
	Oldest   time.Time `json:"oldest"` // zero without rows
}

// Size looks at the file.
func (s *Store) Size(ctx context.Context) (Size, error) { return Size{}, errors.ErrUnsupported }

// Wipe deletes every row and gives the space back to the disk.
func (s *Store) Wipe(ctx context.Context) error { return errors.ErrUnsupported }

// Compact gives the space of deleted rows back to the disk (VACUUM), and tells how
// many bytes. Rows that come meanwhile wait in memory.
func (s *Store) Compact(ctx context.Context) (freed int64, err error) {
	return 0, errors.ErrUnsupported
}
