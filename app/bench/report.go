package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Write prints the report for people.
func (r Report) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) }
	o := r.Options
	line("Configuration")
	line("  mode\t%s", o.Mode)
	line("  requests\t%d at once", o.Requests)
	line("  engine\tsimulated, %v per request, %d slots", o.Delay, o.slots())
	line("  batch size\t%d", o.Size)
	if o.Mode == "static" {
		line("  batch wait\t%v", o.Wait)
		line("  parallel batches\t%d", o.Parallel)
	}
	line("\t")
	line("\trequests\tduration\tthroughput")
	for _, row := range []struct {
		name   string
		result Result
	}{{"Serial", r.Serial}, {"Batched", r.Batched}} {
		line("%s\t%d\t%v\t%.2f req/s", row.name, row.result.Requests,
			row.result.Duration.Round(time.Millisecond), row.result.RPS)
	}
	line("\t")
	line("Batching")
	line("  batches\t%d", r.Batched.Batching.Batches)
	line("  average size\t%.2f", r.Batched.Batching.AvgBatchSize)
	line("  average concurrency\t%.2f", r.Batched.Batching.AvgConcurrency)
	line("  average duration\t%.1f ms", r.Batched.Batching.AvgBatchDuration)
	line("\t")
	line("Comparison")
	line("  speedup\t%.2f×", r.Speedup)
	line("  theoretical maximum\t%.2f×", r.Theoretical)
	line("  efficiency\t%.1f %%", 100*r.Efficiency)
	line("\t")
	line("%s", r.Verdict())
	if err := t.Flush(); err != nil || len(r.Sizes) == 0 {
		return err
	}
	return writeSizes(w, r.Sizes)
}

// Verdict says in a sentence what the figures mean.
func (r Report) Verdict() string {
	switch {
	case r.Theoretical <= 1:
		return "Nothing to gain: one slot runs one request at a time."
	case r.Efficiency >= 0.9:
		return fmt.Sprintf("Batching works: %.1f times the throughput of one at a time, nearly all there is to gain.", r.Speedup)
	case r.Speedup >= 1.1:
		return fmt.Sprintf("Batching helps: %.1f times the throughput, of %.1f possible. Is the machine busy with something else?", r.Speedup, r.Theoretical)
	}
	return "Batching gained nothing here: the machine is too busy to tell."
}

func writeSizes(w io.Writer, rows []SizeResult) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "\nsize\trequests\treq/s\tspeedup\tefficiency\t")
	for _, r := range rows {
		_, _ = fmt.Fprintf(t, "%d\t%d\t%.2f\t%.2f×\t%.1f %%\t\n", r.Size, r.Requests, r.RPS, r.Speedup, 100*r.Efficiency)
	}
	return t.Flush()
}
