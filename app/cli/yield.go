package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"carpool/app"
	"carpool/app/control"
)

func (c *cli) yieldCommand() *cobra.Command {
	var o control.YieldOrder
	var end bool
	cmd := &cobra.Command{
		Use:   "yield",
		Short: "Give the GPU to other programs, and take it back",
		Long: `Give the GPU to other programs now: nothing new runs on the engines of this
machine, and each of their models leaves the GPU's memory once nothing runs there,
where the engine can be told to. What waits goes on waiting, for as long as
queue.max_wait_s allows. It ends after --for, with --end, or with Carpool.

Carpool also makes way by itself while another program takes the GPU, and comes back
by itself: see yield.mode in "carpool config".`,
		Example: `  carpool yield                    until "carpool yield --end"
  carpool yield --for 1h           for an hour
  carpool yield --for 90m --stop   interrupt what runs, too
  carpool yield --end              take it back`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if end {
				return c.takeBack(cmd.Context())
			}
			return c.giveAway(cmd, o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.DurationVar(&o.For, "for", 0, "how long, such as 45m; 1s to 24h (default until --end)")
	f.BoolVar(&o.Stop, "stop", false, "interrupt what runs there, instead of letting it end")
	f.BoolVar(&end, "end", false, "take the GPU back")
	cmd.MarkFlagsMutuallyExclusive("for", "end")
	cmd.MarkFlagsMutuallyExclusive("stop", "end")
	return cmd
}

func (c *cli) giveAway(cmd *cobra.Command, o control.YieldOrder) error {
	if cmd.Flags().Changed("for") && (o.For < time.Second || o.For > 24*time.Hour) {
		return fmt.Errorf("--for %s: it can be 1s to 24h", o.For)
	}
	if err := c.running().Yield(cmd.Context(), o); err != nil {
		return err
	}
	s, _, err := c.snapshot(cmd.Context())
	if err != nil {
		return err
	}
	return c.print(givenText(s, o.Stop))
}

func (c *cli) takeBack(ctx context.Context) error {
	before, _, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	if !before.Yield.Manual {
		c.note("the GPU was not given away")
	}
	if err := c.running().Resume(ctx); err != nil {
		return err
	}
	s, _, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	return c.print(s.Sentence + "\n")
}

// givenText says what holds once the GPU is given away.
func givenText(s app.Snapshot, stop bool) string {
	var b strings.Builder
	b.WriteString(s.Sentence + "\n")
	if len(s.Yield.Engines) == 0 {
		b.WriteString("No engine runs on this machine, so that nothing changes.\n")
	}
	for _, e := range s.Yield.Engines {
		b.WriteString("Nothing new runs on " + e + ".\n")
	}
	for _, k := range s.Yield.Kept {
		b.WriteString("! " + k + "\n")
	}
	if s.Batching.InFlight > 0 && !stop {
		b.WriteString("What runs there may end; --stop interrupts it.\n")
	}
	b.WriteString("\"carpool yield --end\" takes the GPU back.\n")
	return b.String()
}

// yieldRows tell that Carpool makes way, for `carpool status`.
func yieldRows(s app.Snapshot) [][]string {
	y := s.Yield
	if !y.On {
		return nil
	}
	text := y.Reason + ", at most " + counted(int64(y.Size), "request", "requests") + " at a time for each model"
	if y.Manual {
		text = y.Reason + `: nothing new runs; "carpool yield --end" takes it back`
	}
	rows := [][]string{{"Makes way", text},
		{"", "on " + strings.Join(y.Engines, ", ") + " since " + y.Since.Local().Format(time.DateTime)}}
	for _, k := range y.Kept {
		rows = append(rows, []string{"", k})
	}
	return rows
}
