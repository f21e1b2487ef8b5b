package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"carpool/app"
)

// modelRows tell each engine and model used since the start: how many requests
// may run, and why.
func modelRows(s app.Snapshot) [][]string {
	rows := [][]string{{"MODEL", "ENGINE", "LIMIT", "SLOTS", "TOKEN BUDGET", "RUNNING", "WAITING", "WHY"}}
	for _, t := range s.Tuning {
		running, waiting := 0, 0
		for _, q := range s.Queues {
			if q.Key == t.Key {
				running, waiting = len(q.Running), q.Depth
			}
		}
		slots := numberOr(t.Slots, "-")
		if t.Slots > 0 && t.SlotsBy != "" {
			slots += " (" + t.SlotsBy + ")"
		}
		rows = append(rows, []string{t.Model, t.Engine, numberOr(t.Limit, "none"), slots, numberOr(t.TokenBudget, "-"),
			strconv.Itoa(running), strconv.Itoa(waiting), t.Reason})
	}
	return rows
}

// hintRows tell what would let an engine run more at once, or load less, and
// which models do not fit the GPU.
func hintRows(s app.Snapshot) (rows [][]string) {
	for _, t := range s.Tuning {
		if t.Advice != "" {
			rows = append(rows, []string{"Hint: " + t.Advice + " (" + t.Model + ")"})
		}
	}
	for _, f := range s.Fits {
		if f.Loaded && f.Judged && !f.Fits {
			rows = append(rows, []string{"Hint: " + f.Reason() + " (" + f.Model + ")"})
		}
	}
	for _, a := range s.Reloads.Advice {
		hint := "Hint: " + a.Text
		if a.Command != "" {
			hint += "; to end it: " + a.Command
		}
		rows = append(rows, []string{hint})
	}
	return rows
}

// adviceText is what would make better use of the GPU, and the command that does it,
// but for what hintRows tell.
func adviceText(all []app.Advice) string {
	var b strings.Builder
	for _, a := range all {
		if a.Kind == "slots" || a.Kind == "reload" {
			continue
		}
		b.WriteString("Advice: " + a.Title + ". " + a.Text)
		if a.Key != "" {
			b.WriteString(" To do so: carpool set " + a.Key + "=" + a.Value)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// reloadRows tell the last models that an engine loaded again, and why.
func reloadRows(s app.Snapshot) [][]string {
	rows := [][]string{{"LOADED AGAIN", "MODEL", "TOOK", "WHY"}}
	for _, r := range s.Reloads.Last {
		rows = append(rows, []string{r.At.Local().Format(time.DateTime), r.Model, span(r.Took), r.Text})
	}
	return rows
}

// numberOr is n, or a word for 0.
func numberOr(n int, zero string) string {
	if n == 0 {
		return zero
	}
	return humanize.Comma(int64(n))
}

func runningRows(s app.Snapshot) [][]string {
	rows := [][]string{{"RUNNING", "TICKET", "APP", "PRIORITY", "BATCH", "FOR", "FIRST TOKEN", "TOKENS"}}
	for _, q := range s.Queues {
		for _, r := range q.Running {
			first := "-"
			if !r.FirstToken.IsZero() {
				first = span(r.FirstToken.Sub(r.Queued))
			}
			tokens := strconv.Itoa(r.Tokens)
			if r.MaxTokens > 0 {
				tokens += " of " + strconv.Itoa(r.MaxTokens)
			}
			if r.Leaving {
				tokens += ", canceled"
			}
			rows = append(rows, []string{q.Model, strconv.FormatUint(r.Ticket, 10), r.App, r.Priority.String(), strconv.FormatUint(r.Batch, 10),
				span(s.At.Sub(r.Released)), first, tokens})
		}
	}
	return rows
}

func waitingRows(s app.Snapshot) [][]string {
	rows := [][]string{{"WAITING", "TICKET", "APP", "PRIORITY", "POSITION", "FOR", "EXPECTED", "WHY"}}
	for _, q := range s.Queues {
		for _, w := range q.Waiting {
			expected := "-"
			if w.Expected > 0 {
				expected = "in " + span(w.Expected)
			}
			rows = append(rows, []string{q.Model, strconv.FormatUint(w.Ticket, 10), w.App, w.Priority.String(), numberOr(w.Position, "-"),
				span(s.At.Sub(w.Queued)), expected, w.Why})
		}
	}
	return rows
}
