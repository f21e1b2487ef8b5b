package storage

import "database/sql"

// inserts are the prepared statements, and what the rows of a transaction add to
// the roll-ups.
type inserts struct {
	request, kind, batch, decision, sample, energy *sql.Stmt
	rowOf, batchOf, firstsOf                       *sql.Stmt
	span, firsts, usage, curve                     *sql.Stmt

	kinds    map[kind]int64
	sums     sums
	unfilled unfilled
}

// each calls f for each statement and its text, up to an error.
func (in *inserts) each(f func(statement **sql.Stmt, text string) error) error {
	for _, s := range []struct {
		statement **sql.Stmt
		text      string
	}{
		{&in.request, insertRequest},
		{&in.kind, keepKind},
		{&in.batch, insertBatch},
		{&in.decision, insertDecision},
		{&in.sample, insertSample},
		{&in.energy, updateEnergy},
		{&in.rowOf, selectRowOf},
		{&in.batchOf, selectBatchOf},
		{&in.firstsOf, selectFirstsOf},
		{&in.span, addSpan},
		{&in.firsts, addFirstTokens},
		{&in.usage, addUsage},
		{&in.curve, addCurve},
	} {
		if err := f(s.statement, s.text); err != nil {
			return err
		}
	}
	return nil
}
