package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// at is a moment, in milliseconds after noon.
func at(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

// run is a good history of requests "r0", "r1", … of one engine with one place: each is
// sent 10 ms after the one before, has its turn at 100, 200, … and takes 80 ms.
func run(n int) History {
	h := History{Rules: Rules{Order: Arrival, Grace: 2 * time.Second}, Limits: []Limit{{From: noon, Each: 1, Overall: 1}}, Counted: map[string]int{"ok": n}}
	for i := range n {
		id, sent, turn := fmt.Sprint("r", i), 10*i, 100*(i+1)
		h.Asked = append(h.Asked, Asked{ID: id, App: "app", Model: "tiny", Priority: "normal", Tokens: 8,
			Sent: at(sent), Done: at(turn + 85), Status: 200, Marks: 1, Own: 8})
		h.Visits = append(h.Visits, Visit{ID: id, Engine: "ollama", Model: "tiny", Came: at(turn + 2), Ended: at(turn + 82)})
		h.Rows = append(h.Rows, Row{ID: id, Outcome: "ok", Status: 200, Released: true, Started: at(sent + 1),
			Waited: time.Duration(turn-sent-1) * time.Millisecond})
	}
	return h
}

// leaves makes a client of a good history leave in the middle of its answer.
func (h *History) leaves(i int) {
	a := &h.Asked[i]
	a.Left, a.Marks, a.Own = a.Done.Add(-40*time.Millisecond), 0, 4
	h.Visits[i].Ended = a.Left
	h.Rows[i].Outcome, h.Rows[i].Status = "cancelled", 499
	h.count()
}

// fails makes a request of a good history end with an error.
func (h *History) fails(i, status int) {
	a := &h.Asked[i]
	a.Marks, a.Errors, a.Error, a.Own, a.Status = 0, 1, "the engine went away", 0, status
	h.Rows[i].Outcome, h.Rows[i].Status = "error", status
	h.count()
}

// count makes the counters agree with the rows.
func (h *History) count() {
	h.Counted = map[string]int{}
	for _, r := range h.Rows {
		h.Counted[r.Outcome]++
	}
}

func TestGoodHistories(t *testing.T) {
	for name, build := range map[string]func() History{
		"AllAnswered": func() History { return run(5) },
		"OneAlone":    func() History { return run(1) },
		"AnErrorAfterTheFirstByte": func() History {
			h := run(2)
			h.fails(1, 502)
			h.Asked[1].Status, h.Rows[1].Status, h.Asked[1].Own = 200, 200, 3
			return h
		},
		"TheLastOneLeft": func() History {
			h := run(3)
			h.leaves(2)
			return h
		},
		"OneLeftAndItsWholeAnswerWasOnItsWay": func() History {
			h := run(2)
			h.leaves(1)
			h.Rows[1].Outcome, h.Rows[1].Status = "ok", 200
			h.count()
			return h
		},
		"OneLeftWithoutATrace": func() History {
			h := run(2)
			h.leaves(1)
			h.Asked[1].Status, h.Asked[1].Own, h.Visits, h.Rows = 0, 0, h.Visits[:1], h.Rows[:1]
			h.count()
			return h
		},
		"ItsPlaceIsFreeAfterTheGrace": func() History {
			h := run(3)
			h.leaves(1)
			h.Grace = 30 * time.Millisecond
			return h
		},
		"AnEngineThatGoesOnAfterTheGrace": func() History {
			h := run(3)
			h.leaves(1)
			h.Grace, h.Visits[1].Ended = 10*time.Millisecond, at(310)
			return h
		},
		"RefusedBeforeItsTurn": func() History {
			h := run(2)
			h.fails(1, 503)
			h.Visits = h.Visits[:1]
			h.Rows[1].Outcome, h.Rows[1].Released = "rejected", false
			h.count()
			return h
		},
		"TurnedAwayAtTheEnd": func() History {
			h := run(2)
			h.Stopped = at(150)
			h.fails(1, 503)
			h.Visits, h.Rows = h.Visits[:1], h.Rows[:1]
			h.count()
			return h
		},
		"AskedAgainAfterTheEngineBroke": func() History {
			h := run(1)
			h.Faults = true
			h.Visits = append([]Visit{{ID: "r0", Engine: "ollama", Model: "tiny", Came: at(50), Ended: at(60)}}, h.Visits...)
			return h
		},
		"AskedAgainAndThenLeft": func() History {
			h := run(3)
			h.Faults = true
			h.Limits[0].Each, h.Limits[0].Overall = 2, 2
			h.leaves(1)
			h.Visits = append(h.Visits, Visit{ID: "r1", Engine: "ollama", Model: "tiny", Came: at(190), Ended: at(195)})
			return h
		},
		"AFallenLimitKillsNothing": func() History {
			h := run(2)
			h.Limits = []Limit{{From: noon, Until: at(150), Each: 2}, {From: at(149), Each: 1}}
			h.Visits[0].Ended = at(300) // both were let in while there were two places
			h.Visits[1].Came, h.Rows[1].Waited = at(140), 100*time.Millisecond
			return h
		},
		"TheOrderIsNotKnownWithinTheJitter": func() History {
			h := run(2)
			h.Limits = nil
			h.Asked[1].Sent, h.Rows[1].Started = h.Asked[0].Sent, h.Rows[0].Started
			h.Visits[0].Came, h.Visits[1].Came = h.Visits[1].Came, h.Visits[0].Came
			h.Rows[0].Waited, h.Rows[1].Waited = h.Rows[1].Waited, h.Rows[0].Waited
			return h
		},
		"AnotherAppGoesFirstUnderFair": func() History {
			h := run(2)
			h.Order, h.Asked[1].App = Fair, "other"
			h.swapTurns(0, 1)
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range build().Violations() {
				t.Error(v)
			}
		})
	}
}

// swapTurns gives two requests each other's turns.
func (h *History) swapTurns(i, j int) {
	vi, vj := &h.Visits[i], &h.Visits[j]
	vi.ID, vj.ID = vj.ID, vi.ID
	ri, rj := &h.Rows[i], &h.Rows[j]
	ri.Waited, rj.Waited = rj.Started.Add(rj.Waited).Sub(ri.Started), ri.Started.Add(ri.Waited).Sub(rj.Started)
}

func TestEachLawIsSeenToBeBroken(t *testing.T) {
	for name, tt := range map[string]struct {
		by   func(h *History)
		says string
	}{
		"NoEnd":               {func(h *History) { h.Asked[1].Marks, h.Asked[1].Own = 0, 3 }, "r1 stayed and saw no end (status 200, 3 tokens)"},
		"TwoEnds":             {func(h *History) { h.Asked[1].Errors, h.Asked[1].Error = 1, "x" }, "r1 saw 2 ends"},
		"TheMarkTwice":        {func(h *History) { h.Asked[1].Marks = 2 }, "r1 saw 2 ends"},
		"AnErrorWithoutWords": {func(h *History) { h.fails(1, 502); h.Asked[1].Error = "" }, "r1 saw an error without words"},
		"NotItsDialect":       {func(h *History) { h.Asked[1].Odd = "a line that is no JSON" }, "r1 saw what its dialect does not allow: a line that is no JSON"},
		"AnothersTokens":      {func(h *History) { h.Asked[1].Foreign = 1 }, "r1 saw 1 tokens that are not its own"},
		"TooManyTokens":       {func(h *History) { h.Asked[1].Own = 9 }, "r1 asked for 8 tokens and saw 9"},
		"AGoodEndTooEarly":    {func(h *History) { h.Asked[1].Own = 7 }, "r1 saw a good end after 7 of 8 tokens"},
		"AGoodEndOfAnError":   {func(h *History) { h.Asked[1].Status, h.Rows[1].Status = 500, 500 }, "r1 saw a good end with status 500"},
		"OneIdTwice":          {func(h *History) { h.Asked = append(h.Asked, h.Asked[1]) }, "r1 was asked twice under one id"},

		"AVisitOfNobody":   {func(h *History) { h.Visits[1].ID = "x" }, `"x" came to ollama and was never asked`},
		"AnsweredByNobody": {func(h *History) { h.Visits = h.Visits[:2] }, "r2 was answered and no engine was asked"},
		"AskedAgain": {func(h *History) {
			h.Visits = append(h.Visits, Visit{ID: "r2", Engine: "other", Model: "tiny", Came: at(400), Ended: at(401)})
		}, "r2 came to engines 2 times and none had failed"},
		"WorkedOnTwice": {func(h *History) {
			h.Faults = true
			h.Visits = append(h.Visits, Visit{ID: "r2", Engine: "other", Model: "tiny", Came: at(310), Ended: at(401)})
		}, "r2 was worked on twice at the same time, at ollama and at other"},
		"AskedThreeTimes": {func(h *History) {
			h.Faults = true
			for _, ms := range []int{400, 410} {
				h.Visits = append(h.Visits, Visit{ID: "r2", Engine: "ollama", Model: "tiny", Came: at(ms), Ended: at(ms + 1)})
			}
		}, "r2 came to ollama 3 times"},
		"WorkedOnForEver": {func(h *History) { h.Visits[2].Ended = time.Time{} }, "r2 was never ended at ollama"},

		"NoRow":        {func(h *History) { h.Rows = h.Rows[:2] }, "r2 has 0 rows"},
		"TwoRows":      {func(h *History) { h.Rows = append(h.Rows, h.Rows[1]) }, "r1 has 2 rows"},
		"ARowOfNobody": {func(h *History) { h.Rows[1].ID = "x" }, `"x" has a row and was never asked`},
		"NoRowBeforeTheStop": {func(h *History) {
			h.Stopped = at(500)
			h.fails(2, 503)
			h.Visits, h.Rows = h.Visits[:2], h.Rows[:2]
		}, "r2 has 0 rows"},
		"OkThoughItFailed":     {func(h *History) { h.fails(1, 502); h.Rows[1].Outcome = "ok" }, "r1 has the outcome ok, and its client saw 0 good ends and 1 errors"},
		"AnErrorThoughItWasOk": {func(h *History) { h.Rows[1].Outcome = "error" }, "r1 has the outcome error, and its client saw 1 good ends"},
		"CancelledThoughItStayed": {func(h *History) {
			h.fails(1, 502)
			h.Rows[1].Outcome, h.Rows[1].Status = "cancelled", 499
		}, "r1 has the outcome cancelled"},
		"AnErrorThoughItLeft":    {func(h *History) { h.leaves(2); h.Rows[2].Outcome = "error" }, "r2 has the outcome error, and its client saw 0 good ends and 0 errors () and left: true"},
		"AnotherStatus":          {func(h *History) { h.fails(1, 502); h.Rows[1].Status = 503 }, "r1 has the status 503 in the history, and its client saw 502"},
		"CancelledWithAStatus":   {func(h *History) { h.leaves(2); h.Rows[2].Status = 200 }, "r2 was cancelled and has the status 200"},
		"RejectedAtTheEngine":    {func(h *History) { h.fails(1, 503); h.Rows[1].Outcome = "rejected" }, "r1 was rejected and came to ollama"},
		"AtTheEngineWithoutTurn": {func(h *History) { h.Rows[1].Released = false }, "r1 came to ollama without a turn"},
		"OutcomeOfNoKind":        {func(h *History) { h.Rows[1].Outcome = "running" }, "r1 has the outcome running"},
		"CountedTwice":           {func(h *History) { h.Counted["ok"]++ }, "4 requests were counted as ok, and the history has 3"},

		"TwoAtOnce":         {func(h *History) { h.Visits[0].Ended = h.Visits[1].Ended }, "ollama with tiny had 2 requests in flight when r1 came, and 1 were allowed"},
		"TwoModelsAtOnce":   {func(h *History) { h.Visits[0].Ended, h.Visits[1].Model = h.Visits[1].Ended, "other" }, "all engines together had 2 requests in flight when r1 came, and 1 were allowed"},
		"BesideALeavingOne": {func(h *History) { h.leaves(1) }, "had 2 requests in flight when r2 came, and 1 were allowed"},
		"AboveAFallenLimit": {func(h *History) {
			h.Limits = []Limit{{From: noon, Until: at(150), Each: 2}, {From: at(149), Each: 1}}
			h.Visits[0].Ended = h.Visits[1].Ended
		}, "ollama with tiny had 2 requests in flight when r1 came, and 1 were allowed"},

		"PassedByALaterOne":   {func(h *History) { h.swapTurns(1, 2) }, "r1 waited at ollama for tiny, and r2 went before it, which came after it"},
		"PassedInsideAnApp":   {func(h *History) { h.Order = Fair; h.swapTurns(1, 2) }, "which came after it"},
		"PassedByALowerClass": {func(h *History) { h.Asked[2].Priority = "urgent" }, "r2 waited at ollama for tiny, and r1 went before it, which is of a lower class"},
	} {
		t.Run(name, func(t *testing.T) {
			h := run(3)
			tt.by(&h)
			all := strings.Join(h.Violations(), "\n")
			if !strings.Contains(all, tt.says) {
				t.Errorf("it says %q, and not %q", all, tt.says)
			}
		})
	}
}
