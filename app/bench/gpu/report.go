package gpubench

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Markdown writes the report as a document of its own. One of which nothing was
// measured has the table with nothing but the reference in it.
func (r Report) Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Batching, measured on a real GPU\n\n" +
		"Written by `carpool bench --gpu --write docs/benchmarks/gpu.md`, which needs a GPU that can be read and an\n" +
		"engine that runs on it. Do not edit.\n\n")
	if r.Missing != "" {
		fmt.Fprintf(&b, "**Nothing has been measured yet.** When this was written, on %s, there was no GPU to run it on (%s).\n"+
			"The command above fills this page; until then only the reference's figures stand here.\n",
			r.At.Format(time.DateOnly), r.Missing)
	} else {
		fmt.Fprintf(&b, "%s: %s on %s (driver %s), model %s. As many chats at once as SIZE says, each %d times in a row\n"+
			"with answers of at most %d tokens, through Carpool's gateway at a fixed size. Memory is the most that all programs\n"+
			"held; energy is all that the GPU drew meanwhile.\n",
			r.At.Format(time.DateOnly), r.Engine, r.GPU, r.Driver, r.Model, r.Rounds, r.Tokens)
	}
	if r.Ended != "" {
		fmt.Fprintf(&b, "\n**It ended early:** %s.\n", r.Ended)
	}
	b.WriteString("\n")
	rows := r.rows()
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---:", len(row)) + "|\n")
		}
	}
	b.WriteString("\nThe reference is the gateway that Carpool grew out of; it had a simulated engine and measured up to 16.\n")
	if c := r.Check; c != nil {
		b.WriteString("\n## The reading beside nvidia-smi's\n\n| | Carpool | nvidia-smi | |\n|---|---|---|---|\n")
		for _, row := range c.Rows {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", row.What, row.Ours, row.Theirs, verdict(row.Equal))
		}
		fmt.Fprintf(&b, "\nMemory may differ by %d MiB, the mean power by %.0f %%.\n", memoryApart, 100*powerApart)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Text prints the report for people.
func (r Report) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(t, strings.Join(cells, "\t")) }
	line(r.Engine+", "+r.Model+", on "+r.GPU, "")
	line("")
	for _, row := range r.rows() {
		line(row...)
	}
	if r.Check != nil {
		line("")
		line("", "CARPOOL", "NVIDIA-SMI", "")
		for _, row := range r.Check.Rows {
			line(row.What, row.Ours, row.Theirs, verdict(row.Equal))
		}
	}
	return t.Flush()
}

func verdict(equal bool) string {
	if equal {
		return "equal"
	}
	return "DIFFERS"
}

// rows are the table, with its head.
func (r Report) rows() [][]string {
	rows := [][]string{{"size", "reference", "speedup", "tokens/s", "first token p50", "p95", "GPU memory, MiB", "J per 1,000 tokens"}}
	sizes := r.Sizes
	if r.Missing != "" {
		for _, n := range slices.Sorted(slices.Values(Default().Sizes)) {
			sizes = append(sizes, Size{Size: n})
		}
	}
	for _, s := range sizes {
		row := []string{strconv.Itoa(s.Size), "-", "-", "-", "-", "-", "-", "-"}
		if v, ok := Reference[s.Size]; ok {
			row[1] = fmt.Sprintf("%.1f×", v)
		}
		if s.Requests > 0 {
			row[2], row[3] = fmt.Sprintf("%.1f×", s.Speedup), fmt.Sprintf("%.1f", s.TokensPS)
			row[4], row[5] = s.FirstP50.Round(time.Millisecond).String(), s.FirstP95.Round(time.Millisecond).String()
		}
		if s.MemoryPeak != nil {
			row[6] = fmt.Sprintf("%.0f", float64(*s.MemoryPeak)/mebibyte)
		}
		if s.JoulesPer1000 != nil {
			row[7] = fmt.Sprintf("%.1f", *s.JoulesPer1000)
		}
		rows = append(rows, row)
	}
	return rows
}
