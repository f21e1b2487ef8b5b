package trial

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Markdown writes the benchmark as a heading's worth of text and a table, to be
// pasted somewhere.
func (t Trial) Markdown(w io.Writer) error {
	var b strings.Builder
	where := t.Label
	if t.GPU != "" {
		where += " on " + t.GPU
	}
	fmt.Fprintf(&b, "**%s, %s**, measured by Carpool on %s: so many chats at once, each %d times in a row, answers of at most %d tokens.\n",
		t.Model, where, t.At.Local().Format(time.DateOnly), t.Rounds, t.Tokens)
	if t.Simulated {
		b.WriteString("The engine is SIMULATED.\n")
	}
	b.WriteString("\n| at once | tokens/s | speedup | first token p50 | p95 | J per 1,000 tokens |\n|---:|---:|---:|---:|---:|---:|\n")
	best, found := t.Best()
	for _, r := range t.Rows {
		b.WriteString("| " + strings.Join(r.cells(found && r.Size == best.Size), " | ") + " |\n")
	}
	for _, note := range t.notes() {
		b.WriteString("\n" + note + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Row) cells(best bool) []string {
	size := "batching off"
	if r.Size > 0 {
		size = strconv.Itoa(r.Size)
	}
	if best {
		size = "**" + size + "**"
	}
	joules := "-"
	if r.JoulesPer1000 != nil {
		joules = fmt.Sprintf("%.0f", *r.JoulesPer1000)
	}
	return []string{size, fmt.Sprintf("%.1f", r.TokensPS), fmt.Sprintf("%.2f×", r.Speedup), seconds(r.FirstP50), seconds(r.FirstP95), joules}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// notes are what a reader of the figures must know.
func (t Trial) notes() []string {
	var notes []string
	if best, ok := t.Best(); ok {
		notes = append(notes, fmt.Sprintf("Size to use: %d, the fewest at once within 3 %% of the most tokens per second, with first tokens in time.", best.Size))
	}
	switch {
	case t.Cancelled:
		notes = append(notes, "It was cancelled before all sizes were measured.")
	case t.Problem != "":
		notes = append(notes, "It ended before all sizes were measured: "+t.Problem)
	}
	if t.Others == 1 {
		notes = append(notes, "1 request of another app ran meanwhile.")
	} else if t.Others > 1 {
		notes = append(notes, fmt.Sprintf("%d requests of other apps ran meanwhile.", t.Others))
	}
	return notes
}
