package ledger

import "net/http"

// leftEarly is the status of rows whose client left; it is never sent.
const leftEarly = 499

// judgeAnswer sees that a client had exactly one end, and nothing of others.
func (b *bench) judgeAnswer(r *record) {
	left := !r.Left.IsZero()
	switch {
	case r.Odd != "":
		b.say("%s saw what its dialect does not allow: %s", r.ID, r.Odd)
	case r.Marks+r.Errors > 1:
		b.say("%s saw %d ends: %d good and %d errors", r.ID, r.Marks+r.Errors, r.Marks, r.Errors)
	case r.Marks+r.Errors == 0 && !left && !b.afterStop(r):
		b.say("%s stayed and saw no end (status %d, %d tokens)", r.ID, r.Status, r.Own)
	case r.Errors == 1 && r.Error == "":
		b.say("%s saw an error without words", r.ID)
	}
	switch {
	case r.Foreign > 0:
		b.say("%s saw %d tokens that are not its own", r.ID, r.Foreign)
	case r.Own > r.Tokens:
		b.say("%s asked for %d tokens and saw %d", r.ID, r.Tokens, r.Own)
	case r.Marks > 0 && r.Own < r.Tokens:
		b.say("%s saw a good end after %d of %d tokens", r.ID, r.Own, r.Tokens)
	case r.Marks > 0 && r.Status != http.StatusOK:
		b.say("%s saw a good end with status %d", r.ID, r.Status)
	}
}

// afterStop reports whether a client may have met a gateway that was ending, which
// turns connections away and keeps no account of them.
func (b *bench) afterStop(r *record) bool {
	return !b.Stopped.IsZero() && !r.Done.Before(b.Stopped)
}

// judgeVisits sees that an engine was asked once, and worked on it once at a time.
func (b *bench) judgeVisits(r *record) {
	const tries = 2 // at each engine
	at := map[string]int{}
	for i, v := range r.visits {
		at[v.Engine]++
		switch {
		case v.Ended.IsZero():
			b.say("%s was never ended at %s", r.ID, v.Engine)
		case i > 0 && v.Came.Before(r.visits[i-1].Ended):
			b.say("%s was worked on twice at the same time, at %s and at %s", r.ID, r.visits[i-1].Engine, v.Engine)
		case at[v.Engine] > tries:
			b.say("%s came to %s %d times", r.ID, v.Engine, at[v.Engine])
		}
	}
	if len(r.visits) > 1 && !b.Faults {
		b.say("%s came to engines %d times and none had failed", r.ID, len(r.visits))
	}
	if len(r.visits) == 0 && r.Marks > 0 {
		b.say("%s was answered and no engine was asked", r.ID)
	}
}

// judgeRow sees that the history says of a request what its client saw.
func (b *bench) judgeRow(r *record) {
	row, one := r.row()
	if !one {
		known := r.Status != 0 || len(r.visits) > 0
		turnedAway := r.Status == http.StatusServiceUnavailable && b.afterStop(r) && len(r.visits) == 0
		if len(r.rows) > 1 || known && !turnedAway {
			b.say("%s has %d rows (status %d, %d visits)", r.ID, len(r.rows), r.Status, len(r.visits))
		}
		return
	}
	left := !r.Left.IsZero()
	if !r.fits(row, b.Faults) {
		b.say("%s has the outcome %s, and its client saw %d good ends and %d errors (%s) and left: %v", r.ID, row.Outcome, r.Marks, r.Errors, r.Error, left)
	}
	switch {
	case row.Outcome == "cancelled" && row.Status != leftEarly:
		b.say("%s was cancelled and has the status %d in the history", r.ID, row.Status)
	case row.Outcome != "cancelled" && r.Status != 0 && row.Status != r.Status:
		b.say("%s has the status %d in the history, and its client saw %d", r.ID, row.Status, r.Status)
	}
	switch visited := len(r.visits) > 0; {
	case visited && row.Outcome == "rejected":
		b.say("%s was rejected and came to %s", r.ID, r.visits[0].Engine)
	case visited && !row.Released && !b.Faults:
		b.say("%s came to %s without a turn", r.ID, r.visits[0].Engine)
	case row.Outcome == "ok" && !row.Released:
		b.say("%s is ok and had no turn", r.ID)
	}
}

// fits reports whether an outcome may stand for what the client saw. Of one that left
// it is not known what was on its way to it.
func (r *record) fits(row Row, faults bool) bool {
	left := !r.Left.IsZero()
	switch row.Outcome {
	case "ok":
		return r.Errors == 0 && (r.Marks == 1 || left)
	case "cancelled":
		return left && r.Marks == 0
	case "error": // only an engine's failure can come before a client that leaves
		return r.Marks == 0 && (r.Errors == 1 || left && faults)
	case "rejected", "interrupted":
		return r.Marks == 0 && (r.Errors == 1 || left)
	}
	return false
}

// judgeSums sees that each request that was let in has ended, by two accounts.
func (b *bench) judgeSums() {
	if b.Counted == nil {
		return
	}
	rows := map[string]int{}
	for _, row := range b.Rows {
		rows[row.Outcome]++
	}
	for _, outcome := range []string{"ok", "error", "cancelled", "rejected", "interrupted"} {
		if rows[outcome] != b.Counted[outcome] {
			b.say("%d requests were counted as %s, and the history has %d", b.Counted[outcome], outcome, rows[outcome])
		}
	}
}
