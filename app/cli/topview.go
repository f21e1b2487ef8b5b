package cli

import (
	"slices"
	"strconv"
	"strings"

	"carpool/app"
	"carpool/app/top"
)

const topKeys = "q quit  p batching off/on  ↑↓ choose  x end it  f to the front"

// topView is what `carpool top` shows: a state, and the request that is chosen.
type topView struct {
	state   app.Snapshot
	problem error  // why there is no state
	ticket  uint64 // of the waiting request that is chosen; 0 = none
	message string // of the last key
}

// waiting are the tickets in the order in which they are shown.
func (v *topView) waiting() (all []uint64) {
	for _, q := range v.state.Queues {
		for _, w := range q.Waiting {
			all = append(all, w.Ticket)
		}
	}
	return all
}

// settle forgets a chosen request that waits no more.
func (v *topView) settle() {
	if !slices.Contains(v.waiting(), v.ticket) {
		v.ticket = 0
	}
}

// move chooses the next request, or the one before; the first one where none was.
func (v *topView) move(by int) {
	all := v.waiting()
	if len(all) == 0 {
		v.message = "nothing waits"
		return
	}
	v.message = ""
	i := slices.Index(all, v.ticket)
	if i < 0 && by < 0 {
		i = len(all)
	}
	v.ticket = all[min(max(i+by, 0), len(all)-1)]
}

// lines are at most so many; 0 = as many as there are, without what only a terminal
// needs.
func (v *topView) lines(height int) []top.Line {
	var all []top.Line
	add := func(text string) { all = append(all, top.Line{Text: oneLine(text)}) }
	if v.problem != nil {
		add(v.problem.Error())
		add("It is shown here as soon as it runs. q quits.")
		return all
	}
	s := v.state
	add("Carpool " + s.Version + "  " + s.Sentence)
	add(s.Basis)
	add("Batching  " + batchingText(s))
	add("GPU       " + gpuText(s))
	if energy := energyNow(s); energy != "" {
		add("Energy    " + energy)
	}
	if s.Yield.On {
		add("Yield     " + s.Yield.Reason)
	}
	for _, p := range s.Problems {
		add("Problem   " + p)
	}
	for _, rows := range [][][]string{shortModelRows(s), runningRows(s)} {
		if len(rows) > 1 {
			add("")
			for line := range strings.Lines(table(rows)) {
				add(line)
			}
		}
	}
	chosen := len(all)
	if rows := waitingRows(s); len(rows) > 1 {
		add("")
		for i, line := range slices.Collect(strings.Lines(table(rows))) {
			add(line)
			if i > 0 && v.ticket > 0 && v.waiting()[i-1] == v.ticket {
				chosen = len(all) - 1
				all[chosen].Mark = true
			}
		}
	}
	if height == 0 {
		return all
	}
	return v.fit(all, chosen, height)
}

// fit leaves out the middle, but not the chosen line, so that the last line can tell
// of the keys.
func (v *topView) fit(all []top.Line, chosen, height int) []top.Line {
	last := topKeys
	if v.message != "" {
		last = oneLine(v.message) + "  |  " + topKeys
	}
	if room := height - 1; len(all) > room {
		from := 0
		if chosen >= room && chosen < len(all) {
			from = chosen - room + 2
		}
		shown := max(room-1, 0)
		from = min(from, len(all)-shown)
		hidden := len(all) - shown
		all = append(slices.Clone(all[from:from+shown]), top.Line{Text: "… " + counted(int64(hidden), "more line", "more lines")})
	}
	for len(all) < height-1 {
		all = append(all, top.Line{})
	}
	return append(all, top.Line{Text: last})
}

// shortModelRows tell each model that runs or was used: how many may run, and why.
func shortModelRows(s app.Snapshot) [][]string {
	rows := [][]string{{"MODEL", "ENGINE", "LIMIT", "RUNNING", "WAITING", "WHY"}}
	for _, t := range s.Tuning {
		running, waiting := 0, 0
		for _, q := range s.Queues {
			if q.Key == t.Key {
				running, waiting = len(q.Running), q.Depth
			}
		}
		rows = append(rows, []string{t.Model, t.Engine, numberOr(t.Limit, "none"), strconv.Itoa(running), strconv.Itoa(waiting), t.Reason})
	}
	return rows
}

// oneLine is a text that stays in its line and steers nothing.
func oneLine(text string) string {
	return harmless(strings.NewReplacer("\n", " ", "\t", " ").Replace(strings.TrimRight(text, "\n")))
}
