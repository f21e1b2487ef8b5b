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
	b.WriteString("\n## How strict this simulator is\n\n")
	for _, note := range strictness {
		b.WriteString(bullet(note, 120) + "\n")
	}
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

// strictness says where this simulator is stricter or kinder than the one that
// the rules were designed on, and than a real engine.
var strictness = []string{
	"Serial, static and fixed 8 land where they did in the design's simulator (table below), so the engine is not kinder.",
	"Stricter: twelve seeds instead of three; what was asked of a limit's time holds for the worst run, not the mean; " +
		"requests without an answer count with their wait so far; tokens that an engine repeats after throwing a " +
		"request out do not count; a light app's p95 is that of its requests during the flood only.",
	"Stricter: a place that is refilled only when a request ends stays empty for the rest of the engine's next step, as " +
		"with a real gateway. A limit above the slots hides that, which is how fixed 10 comes to be the best size for 8 slots.",
	"Kinder: the gateway knows from an engine's kind whether its cache is preallocated. Prompt lengths are exact, where a " +
		"real gateway estimates them until the engine tells; every token is reported alone and at once.",
	"Engines tell no times of their own here, so the exact slot signal (the engine's own waiting time) is not in these " +
		"figures, and loads are measured from outside.",
	"Different: the memory table sees a preallocated cache as used memory, so with 32 slots it gives 4, not 8. AIMD takes the " +
		"90th percentile of a window; with the mean it would not fall to 1 with 8 slots.",
}

// bullet is an item of a list.
func bullet(text string, width int) string {
	return "- " + strings.ReplaceAll(fold(text, width-2), "\n", "\n  ")
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
