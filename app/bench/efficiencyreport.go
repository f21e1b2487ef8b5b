package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// judge fills in the goals.
func (e *Efficiency) judge() {
	for _, r := range e.Sizes {
		if !slices.Contains(judgedSizes, r.Size) {
			continue
		}
		e.Goals = append(e.Goals, Goal{Name: fmt.Sprintf("efficiency, %s, %d at once", r.Mode, r.Size),
			Wanted:   fmt.Sprintf("≥ %.0f %% of the engine alone", 100*efficiencyGoal),
			Measured: fmt.Sprintf("%.1f %%", 100*r.ToDirect), Met: r.ToDirect >= efficiencyGoal})
	}
	e.Goals = append(e.Goals, Goal{Name: "wait of a lone request, p99", Wanted: "< " + loneGoal.String(),
		Measured: micro(e.Lone.P99), Met: e.Lone.P99 < loneGoal && e.Lone.Counted < loneGoal})
}

// Missed counts the goals that were not met.
func (e Efficiency) Missed() (n int) {
	for _, g := range e.Goals {
		if !g.Met {
			n++
		}
	}
	return n
}

func (g Goal) verdict() string {
	if g.Met {
		return "met"
	}
	return "missed"
}

// Text prints the report for a terminal.
func (e Efficiency) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, table := range e.tables() {
		for _, row := range table {
			_, _ = fmt.Fprintln(t, strings.Join(row, "\t"))
		}
		_, _ = fmt.Fprintln(t)
	}
	return t.Flush()
}

// Markdown writes the report as a document of its own.
func (e Efficiency) Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# How full batching keeps an engine\n\n" +
		"Written by `carpool bench --suite batching --write docs/benchmarks/batching.md`. Do not edit.\n\n")
	if e.Quick {
		b.WriteString("**One short round: these figures are not to be quoted.**\n\n")
	}
	fmt.Fprintf(&b, "Carpool %s on %s (%s). A simulated engine runs so many requests at once, %v each, and has a line of its own for more.\n"+
		"%d clients for each of its places ask again as soon as they are answered. Clients, Carpool and engine are one process that\n"+
		"share the cores, and speak HTTP over loopback. \"Direct\" is that load on the engine alone, whose own line fills a place the\n"+
		"moment it is free: the best that this engine does on this machine. Rates are medians of %d rounds in which all take turns, ratios\n"+
		"are medians of the ratios within a round. \"Of the possible\" is the rate through Carpool to size / %[4]v, with the lateness of the\n"+
		"machine's timers and everything else in it. \"Virtual\" is what the scheduler's rules alone reach where nothing but the engine\n"+
		"takes time. The gateway that Carpool grew out of reached 72.8 %% of the possible at 8, by its own bench.\n",
		e.Version, e.Date.Format(time.DateOnly), e.System, e.Delay, clientsPerSize, e.Rounds)
	for _, table := range e.tables() {
		b.WriteString("\n")
		for i, row := range table {
			b.WriteString("| " + strings.Join(row, " | ") + " |\n")
			if i == 0 {
				b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (e Efficiency) tables() [][][]string {
	sizes := [][]string{{"mode", "size", "direct req/s", "Carpool req/s", "to direct", "of the possible", "virtual"}}
	percent := func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) }
	for _, r := range e.Sizes {
		sizes = append(sizes, []string{string(r.Mode), fmt.Sprint(r.Size), fmt.Sprintf("%.1f", r.Direct), fmt.Sprintf("%.1f", r.Carpool),
			percent(r.ToDirect), percent(r.OfBest), percent(r.Virtual)})
	}
	lone := [][]string{{"lone requests", "p50 from question to lease", "p99", "longest wait counted"},
		{fmt.Sprint(e.Lone.Requests), micro(e.Lone.P50), micro(e.Lone.P99), micro(e.Lone.Counted)}}
	goals := [][]string{{"goal", "wanted", "measured", ""}}
	for _, g := range e.Goals {
		goals = append(goals, []string{g.Name, g.Wanted, g.Measured, g.verdict()})
	}
	return [][][]string{sizes, lone, goals}
}

func micro(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}
