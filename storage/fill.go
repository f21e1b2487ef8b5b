package storage

import (
	"context"
	"database/sql"
	"time"
)

// fillRows bounds what is added up at a time, so that new rows never wait long.
const fillRows = 500

// unfilled are the requests of before there were roll-ups that are in none yet, by
// their row numbers: above done, up to last.
type unfilled struct{ done, last int64 }

func (u unfilled) has(seq int64) bool { return u.done < seq && seq <= u.last }
func (u unfilled) any() bool          { return u.done < u.last }

func readUnfilled(ctx context.Context, db reader) (u unfilled, err error) {
	err = db.QueryRowContext(ctx, `SELECT filled, fill_to FROM ledger`).Scan(&u.done, &u.last)
	return u, err
}

const selectUnfilled = `SELECT seq, batch, started, app, engine, model, outcome,
	prompt_tokens, output_tokens, queue_ms, first_token_ms, total_ms, energy_j
	FROM request_row WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?`

// fill adds up a few of the unfilled; more tells whether some are left.
func (w *writer) fill(ctx context.Context) (more bool, err error) {
	if !w.in.unfilled.any() {
		return false, nil
	}
	done := w.in.unfilled.done
	err = w.transact(ctx, func(tx *sql.Tx, in *inserts) error {
		rows, err := collect(ctx, tx, scanNumbered, selectUnfilled, in.unfilled.done, in.unfilled.last, fillRows)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := in.addUp(r.Request); err != nil {
				return err
			}
			done = r.seq
		}
		if len(rows) < fillRows {
			done = in.unfilled.last
		}
		_, err = tx.ExecContext(ctx, `UPDATE ledger SET filled = ?`, done)
		return err
	})
	if err == nil {
		w.in.unfilled.done = done
	}
	return w.in.unfilled.any(), err
}

// numbered is a request with its row number.
type numbered struct {
	seq int64
	Request
}

func scanNumbered(rows *sql.Rows) (r numbered, err error) {
	var started int64
	var batch *int64
	err = rows.Scan(&r.seq, &batch, &started, &r.App, &r.Engine, &r.Model, &r.Outcome,
		&r.PromptTokens, &r.OutputTokens, &r.QueueMS, &r.FirstTokenMS, &r.TotalMS, &r.EnergyJ)
	r.Started, r.Batch = time.UnixMilli(started), batchID(batch)
	return r, err
}
