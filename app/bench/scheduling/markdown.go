package scheduling

import (
	"fmt"
	"io"
	"strings"
)

// Markdown writes the report as a document of its own.
func (r Report) Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# The scheduler, measured on a simulated engine\n\n")
	b.WriteString("Written by `carpool bench --suite scheduling --write docs/benchmarks/scheduling.md`. Do not edit.\n\n")
	b.WriteString(fold(r.introduction(), 120) + "\n")
	if len(r.Requirements) > 0 {
		b.WriteString("\n## Requirements\n\n" + r.required().markdown())
	}
	for _, s := range r.Sections {
		b.WriteString("\n## " + s.Title + "\n\n" + fold(s.Text, 120) + "\n")
		for _, t := range s.Tables {
			b.WriteString("\n")
			if t.Title != "" {
				b.WriteString("**" + t.Title + "**\n\n")
			}
			b.WriteString(t.markdown())
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) introduction() string {
	kind := "the full suite"
	if r.Quick {
		kind = "the quick suite, whose figures are not to be quoted"
	}
	return fmt.Sprintf("Everything here ran in virtual time: the real scheduler core and the real governor in front of a "+
		"simulated GPU, by discrete events, with fixed seeds (%s of %s). No figure comes from a real engine. "+
		"\"tok/s\" is output tokens per second that reached clients after the warm-up; TTFT is the time from a request's "+
		"arrival to its first token, our queue and the engine's included. A request that has no first token when a run "+
		"ends counts with the time it has waited by then.", seedList(r.Seeds), kind)
}

func seedList(seeds []uint64) string {
	if len(seeds) == 1 {
		return fmt.Sprintf("seed %d", seeds[0])
	}
	return fmt.Sprintf("seeds %d–%d", seeds[0], seeds[len(seeds)-1])
}

func (t Table) markdown() string {
	var b strings.Builder
	row := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	row(t.Header)
	b.WriteString("|" + strings.Repeat("---|", len(t.Header)) + "\n")
	for _, cells := range t.Rows {
		row(cells)
	}
	return b.String()
}
