// Package storage keeps the history in one SQLite file: times, counts, sizes
// and names, never a prompt or an answer.
//
// Rows are handed over without waiting and written by one goroutine, in one
// transaction per 100 ms whatever their rate, so that a request never waits for the
// disk. A row is written at most 100 ms after it was added; a killed process loses
// what is younger, a power cut may lose a little more, and neither damages the file. One that is found
// damaged, at the start or later, is set aside and a new one is begun. While the file
// cannot be written (disk full, locked by another program) the history pauses:
// the newest 1000 rows wait in memory, a write is tried every 10 s, and State
// says why. Reads go on meanwhile through connections of their own.
//
// What a chart or a sum needs of a long range is added up when rows are written:
// design.md says how. Old rows are deleted, as Retention says.
//
// The file is private to its user: 0600, in a folder made 0700.
package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// ErrClosed and ErrReadOnly are why Flush cannot put rows on disk.
var (
	ErrClosed   = errors.New("history is closed")
	ErrReadOnly = errors.New("history is read-only: it was written by a newer Carpool")
)

// queueLength is how many rows may wait for the writer while it is busy with
// the disk, for as long as a lock is waited for.
const queueLength = 8192

// Options say where a history is and how much of it is kept.
type Options struct {
	Path      string    // the file; its folder is made 0700, the file 0600
	Retention Retention // SetRetention changes it
}

// State tells how the store is, for the window and /health.
type State struct {
	Path string `json:"path"`
	OK   bool   `json:"ok"` // rows are being written

	// Problem is for people: "history paused: disk full". It may be set while
	// OK is true, when an older file had to be moved aside.
	Problem string `json:"problem,omitempty"`
	Dropped uint64 `json:"dropped"` // rows that will never be on file
}

// Store is an open history. Its methods may be called from any goroutine.
type Store struct {
	path    string
	notice  atomic.Pointer[string] // what had to be done to the file, for State; nil = nothing
	readers pool                   // any number of queries at once
	dropped atomic.Uint64

	writer *writer // nil: read-only

	adding sync.RWMutex // held for reading by adders, for writing by Close
	closed bool
}

// Open opens or creates the history and starts its writer. A damaged, foreign
// or zero-byte file is moved aside to *.corrupt-<time> and a new one is begun;
// a newer schema is opened read-only: its rows can be read, new ones are
// dropped. It fails if the file cannot be opened at all: no permission, no
// space for a new file, or locked by another program for more than 5 s; such a
// file is left as it is. ctx bounds the opening only.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{path: o.Path}
	if err := s.open(ctx, o); err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) error {
	begun, err := createPrivate(o.Path)
	if err != nil {
		return err
	}
	if !begun {
		found, err := inspect(ctx, o.Path, checkedWhole)
		if err != nil {
			return err
		}
		if found.newer {
			notice := ErrReadOnly.Error()
			s.notice.Store(&notice)
			return s.readers.open(o.Path)
		}
		if found.unusable != "" {
			if err := s.setAside(found.unusable); err != nil {
				return err
			}
			if begun, err = createPrivate(o.Path); err != nil {
				return err
			}
		}
	}
	if err := s.start(ctx, o); err != nil {
		if begun {
			// An empty file would be taken for a damaged one at the next start.
			err = errors.Join(err, os.Remove(o.Path))
		}
		return err
	}
	return nil
}

// start connects to a file that is ours or empty, brings its schema up to date
// and starts the writer.
func (s *Store) start(ctx context.Context, o Options) error {
	db, err := openWriter(ctx, o.Path)
	if err != nil {
		return err
	}
	if err := s.readers.open(o.Path); err != nil {
		return errors.Join(err, db.Close())
	}
	w, err := startWriter(ctx, db, o.Retention, &s.dropped, s)
	if err != nil {
		return errors.Join(err, s.readers.leave(ctx), db.Close())
	}
	s.writer, s.readers.damage = w, w.damage
	return nil
}

// AddRequest queues a row; it never blocks. It is written at most 100 ms later.
func (s *Store) AddRequest(r Request) { s.add(r) }

// AddBatch queues a row; it never blocks. It is written at most 100 ms later.
// Batch ids are unique on file: a second row with an id is dropped.
func (s *Store) AddBatch(b Batch) { s.add(b) }

// AddDecision queues a row; it never blocks. It is written at most 100 ms later.
func (s *Store) AddDecision(d Decision) { s.add(d) }

func (s *Store) add(r row) {
	s.adding.RLock()
	defer s.adding.RUnlock()
	if s.closed || s.writer == nil {
		s.dropped.Add(1)
		return
	}
	select {
	case s.writer.queue <- r:
	default:
		s.dropped.Add(1)
	}
}

// Flush returns when every row added before the call is on disk. It writes at
// once, also while the history is paused, and fails if that fails.
func (s *Store) Flush(ctx context.Context) error {
	return s.order(ctx, "write history", func(run context.Context) error { return s.writer.write(run) })
}

// order has the writer do something, as writer.do says.
func (s *Store) order(ctx context.Context, what string, do func(context.Context) error) error {
	if s.writer == nil {
		return ErrReadOnly
	}
	if err := s.writer.do(ctx, do); err != nil {
		s.readers.met(err)
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// State tells how the store is.
func (s *Store) State() State {
	st := State{Path: s.path, OK: s.writer != nil, Dropped: s.dropped.Load()}
	if notice := s.notice.Load(); notice != nil {
		st.Problem = *notice
	}
	if s.writer != nil {
		if problem := s.writer.problem(); problem != "" {
			st.OK, st.Problem = false, problem
		}
	}
	return st
}

// Close writes what is queued and closes the file. Rows added afterwards are
// dropped. If ctx ends first, or the file cannot be written, the rows left are
// lost and the error says how many. A second Close does nothing.
func (s *Store) Close(ctx context.Context) error {
	s.adding.Lock()
	again := s.closed
	s.closed = true
	s.adding.Unlock()
	if again {
		return nil
	}
	var err error
	if s.writer != nil {
		err = s.writer.stop(ctx)
	}
	// The writer's connection is the last to go: it folds the log into the file.
	err = errors.Join(err, s.readers.db.Load().Close())
	if s.writer != nil {
		err = errors.Join(err, s.writer.db.Close())
	}
	if err != nil {
		return fmt.Errorf("close history: %w", err)
	}
	return nil
}
