package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Trial is a row for one benchmark. Its figures are the caller's own JSON.
type Trial struct {
	ID            int64     // given by AddTrial
	At            time.Time // kept to the millisecond, read back in UTC
	Engine, Model string
	Figures       json.RawMessage
}

const insertTrial = `INSERT INTO trial (at, engine, model, figures) VALUES (?,?,?,?)`

const selectTrials = `SELECT id, at, engine, model, figures FROM trial ORDER BY at DESC, id DESC LIMIT ?`

// AddTrial writes a benchmark at once and returns its id. No retention deletes it.
func (s *Store) AddTrial(ctx context.Context, t Trial) (int64, error) {
	var id int64
	if err := s.order(ctx, "write benchmark", func(run context.Context) error {
		res, err := s.writer.db.ExecContext(run, insertTrial, t.At.UnixMilli(), t.Engine, t.Model, string(t.Figures))
		if err != nil {
			return err
		}
		id, err = res.LastInsertId()
		return err
	}); err != nil {
		return 0, err
	}
	return id, nil
}

// Trials reads the newest benchmarks, newest first.
func (s *Store) Trials(ctx context.Context, limit int) ([]Trial, error) {
	all, err := collect(ctx, &s.readers, scanTrial, selectTrials, limit)
	if err != nil {
		return nil, fmt.Errorf("read benchmarks: %w", err)
	}
	return all, nil
}

func scanTrial(rows *sql.Rows) (t Trial, err error) {
	var at int64
	var figures string
	err = rows.Scan(&t.ID, &at, &t.Engine, &t.Model, &figures)
	t.At, t.Figures = time.UnixMilli(at).UTC(), json.RawMessage(figures)
	return t, err
}
