package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"carpool/app"
)

func (c *cli) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is running and waiting",
		Long: `Show the state of the running Carpool: what is running and waiting and why, the
engines, the GPU, sums since the start, models that were loaded again and whose
doing that was, and where its files are.`,
		Example: `  carpool status
  carpool status --json | jq .batching
  watch -n1 carpool status`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, raw, err := c.snapshot(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return c.printJSON(raw)
			}
			return c.print(statusText(s))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// snapshot is the state of the running Carpool, decoded and as it came. One of
// another version may tell a field in another shape; the rest can be read.
func (c *cli) snapshot(ctx context.Context) (s app.Snapshot, raw json.RawMessage, err error) {
	if err := c.running().Snapshot(ctx, &raw); err != nil {
		return s, nil, err
	}
	err = json.Unmarshal(raw, &s)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		err = nil
	}
	return s, raw, err
}

func statusText(s app.Snapshot) string {
	var b strings.Builder
	b.WriteString(s.Sentence + "\n" + s.Basis + "\n")
	if s.Simulated {
		b.WriteString("The demo engine serves: answers are SIMULATED.\n")
	}
	if s.Draining {
		b.WriteString("Shutting down: new requests are refused.\n")
	}
	for _, p := range s.Problems {
		b.WriteString("! " + p + "\n")
	}
	b.WriteString("\n" + table(facts(s)))
	if rows := modelRows(s); len(rows) > 1 {
		b.WriteString("\n" + table(rows))
	}
	b.WriteString(table(hintRows(s)))
	b.WriteString(adviceText(s.Advice))
	if rows := reloadRows(s); len(rows) > 1 {
		b.WriteString("\n" + table(rows))
	}
	if rows := runningRows(s); len(rows) > 1 {
		b.WriteString("\n" + table(rows))
	}
	if rows := waitingRows(s); len(rows) > 1 {
		b.WriteString("\n" + table(rows))
	}
	for _, q := range s.Queues {
		if more := q.Depth - len(q.Waiting); more > 0 {
			fmt.Fprintf(&b, "and %s more waiting for %s\n", humanize.Comma(int64(more)), q.Model)
		}
	}
	return b.String()
}

func facts(s app.Snapshot) [][]string {
	rows := [][]string{{"Endpoint", s.Endpoint + parenthesis(onlyIPv4(s))}}
	if s.LAN.Address != "" {
		rows = append(rows, []string{"Network", networkText(s.LAN)})
	}
	rows = append(rows, []string{"Batching", batchingText(s)})
	for _, e := range s.Engines {
		parts := []string{strings.TrimSpace(e.Label + " " + e.Version), string(e.Health)}
		if e.Active && len(s.Engines) > 1 {
			parts = append(parts, "preferred")
		}
		if e.Group != "" {
			parts = append(parts, "GPU "+e.Group)
		}
		if e.URL != "" {
			parts = append(parts, e.URL)
		}
		if n := len(e.Models); n > 0 {
			parts = append(parts, counted(int64(n), "model", "models"))
		}
		if e.Problem != "" {
			parts = append(parts, e.Problem)
		}
		rows = append(rows, []string{"Engine " + e.Name, strings.Join(parts, ", ")})
	}
	if len(s.Engines) == 0 {
		rows = append(rows, []string{"Engine", "none"})
	}
	rows = append(rows, []string{"GPU", gpuText(s)})
	rows = append(rows, yieldRows(s)...)
	if text := energyNow(s); text != "" {
		rows = append(rows, []string{"Energy", text})
	}
	rows = append(rows, workRows(s)...)
	rows = append(rows,
		[]string{"Tokens", fmt.Sprintf("%s, now %.0f per second", humanize.Comma(int64(s.Batching.Tokens)), s.TokensPS)},
	)
	if saved := savedText(s); saved != "" {
		rows = append(rows, []string{"Saved", saved})
	}
	for _, off := range s.Gateway.Merge.Off {
		rows = append(rows, []string{"Merging", "off for " + off.Model + " until " + off.Until.Local().Format(time.DateTime) + ": " + off.Reason})
	}
	return append(rows,
		[]string{"History", historyText(s)},
		[]string{"Settings", s.ConfigAt},
		[]string{"Log", s.LogFile},
		[]string{"Carpool", fmt.Sprintf("%s, PID %d", s.Version, s.PID)},
	)
}

// workRows tell what was done. Of batches only where they hold more than one request: a
// freed place is refilled by itself, and a size of 1 would read as if nothing was shared.
func workRows(s app.Snapshot) [][]string {
	t := s.Batching
	work := counted(int64(t.Requests), "request", "requests")
	means := fmt.Sprintf("%.1f at once on average, %.0f ms each", t.AvgConcurrency, t.AvgBatchDuration)
	if t.AvgBatchSize >= 1.05 {
		work += " in " + counted(int64(t.Batches), "batch", "batches")
		means = fmt.Sprintf("mean batch size %.1f, mean concurrency %.1f, mean batch duration %.0f ms", t.AvgBatchSize, t.AvgConcurrency, t.AvgBatchDuration)
	}
	return [][]string{{"Work", work + " since " + s.Started.Local().Format(time.DateTime)}, {"", means}}
}

func batchingText(s app.Snapshot) string {
	if !s.Config.Batching.Enabled {
		return "off, " + s.Config.Batching.OffMode
	}
	text := "on, " + s.Config.Batching.Mode
	if s.Limits.Reason != "" {
		text += " (" + s.Limits.Reason + ")"
	}
	return text
}

func gpuText(s app.Snapshot) string {
	text := gpuName(s)
	if s.GPU.MemoryUsed != nil && s.GPU.MemoryTotal != nil {
		text = fmt.Sprintf("%s, %s of %s used", s.GPU.Name, humanize.IBytes(*s.GPU.MemoryUsed), humanize.IBytes(*s.GPU.MemoryTotal))
	}
	text += parenthesis(memoryShares(s.GPU))
	if s.GPU.Utilization != nil {
		text += fmt.Sprintf(", %.0f %% busy", *s.GPU.Utilization*100) + parenthesis(timeShares(s.GPU))
	}
	return text
}

// energyNow tells what the GPU draws, and what that is for tokens; "" = not known.
func energyNow(s app.Snapshot) string {
	var parts []string
	if w := s.Energy.Watts; w != nil {
		parts = append(parts, significant(*w)+" W")
	}
	if j := s.Energy.JoulesPer1000; j != nil {
		parts = append(parts, significant(*j)+" J per 1,000 tokens")
	}
	if cost := s.Energy.CostPer1M; cost != nil {
		parts = append(parts, significant(*cost)+" "+s.Energy.Currency+" per million tokens")
	}
	return strings.Join(parts, ", ")
}

func historyText(s app.Snapshot) string {
	text := s.History.Path
	if s.History.Problem != "" {
		text = strings.TrimPrefix(text+", "+s.History.Problem, ", ")
	}
	if s.History.Dropped > 0 {
		text += fmt.Sprintf(", %s rows lost", humanize.Comma(int64(s.History.Dropped)))
	}
	return text
}

// savedText tells what the engine was spared; "" = nothing yet.
func savedText(s app.Snapshot) string {
	var parts []string
	if m := s.Gateway.Merge; m.Calls > 0 {
		parts = append(parts, fmt.Sprintf("%s merged into %s",
			counted(int64(m.Requests), "embedding call", "embedding calls"), humanize.Comma(int64(m.Calls))))
	}
	if c := s.Gateway.Cache; c.Hits > 0 {
		parts = append(parts, fmt.Sprintf("%s answered from the cache (%s)", counted(int64(c.Hits), "embedding call", "embedding calls"),
			humanize.IBytes(uint64(c.Bytes))))
	}
	if n := s.Gateway.Shared; n > 0 {
		parts = append(parts, counted(int64(n), "request", "requests")+" answered by the run of an identical one")
	}
	if n := s.Gateway.Superseded; n > 0 {
		parts = append(parts, counted(int64(n), "request", "requests")+" replaced by newer ones")
	}
	if n := s.Gateway.Moved; n > 0 {
		parts = append(parts, counted(int64(n), "request", "requests")+" moved on from an engine that went away")
	}
	return strings.Join(parts, ", ")
}
