package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"carpool/app"
	"carpool/app/control"
)

func (c *cli) gpuCommand() *cobra.Command {
	var asJSON, watch bool
	cmd := &cobra.Command{
		Use:   "gpu",
		Short: "Show each GPU, what it does, and whose it is",
		Long: `Show each GPU of this machine: its memory and time and how they are split between
the engines (ours) and all other programs, power, temperature, clocks, what slows
it down, and the programs on it.

It needs no running Carpool. With one, the figures are those that Carpool goes by;
without one, engines are known by their usual ports and programs.`,
		Example: `  carpool gpu
  carpool gpu --watch              each second, until Ctrl-C
  carpool gpu --json | jq '.gpus[0].others'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if watch {
				return c.watchGPUs(cmd.Context(), asJSON)
			}
			return c.showGPUs(cmd.Context(), asJSON)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&watch, "watch", false, "show it each second, until Ctrl-C")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// gpuList is what `carpool gpu --json` prints.
type gpuList struct {
	GPUs  []app.GPUState `json:"gpus"`
	Yield any            `json:"yield,omitempty"` // as in carpool status --json; none where no Carpool runs
}

// gpuSource tells the GPUs: the running Carpool, or else this process itself.
type gpuSource struct {
	cli *cli
	own *app.GPUs // nil: not needed yet
}

func (g *gpuSource) read(ctx context.Context) (gpuList, error) {
	s, _, err := g.cli.snapshot(ctx)
	if err == nil && len(s.GPUs) > 0 {
		return gpuList{s.GPUs, s.Yield}, nil
	}
	if err != nil && !errors.Is(err, control.ErrNotRunning) {
		return gpuList{}, err
	}
	if g.own == nil {
		// What programs do with a GPU's time is known from the second look on.
		const apart = 500 * time.Millisecond
		g.own = app.OpenGPUs()
		if states := g.own.Read(ctx); !states[0].Available {
			return gpuList{GPUs: states}, nil
		}
		select {
		case <-ctx.Done():
			return gpuList{}, ctx.Err()
		case <-time.After(apart):
		}
	}
	return gpuList{GPUs: g.own.Read(ctx)}, nil
}

func (g *gpuSource) close() error {
	if g.own == nil {
		return nil
	}
	return g.own.Close()
}

// showGPUs is `carpool gpu`.
func (c *cli) showGPUs(ctx context.Context, asJSON bool) error {
	source := &gpuSource{cli: c}
	list, err := source.read(ctx)
	if err = errors.Join(err, source.close()); err != nil {
		return err
	}
	if asJSON {
		return c.printJSON(list)
	}
	return c.print(gpusText(list.GPUs))
}

// watchGPUs is `carpool gpu --watch`: in a terminal what `carpool gpu` shows, drawn
// anew; elsewhere a line for each GPU.
func (c *cli) watchGPUs(ctx context.Context, asJSON bool) (err error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	source := &gpuSource{cli: c}
	defer func() { err = errors.Join(err, source.close()) }()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		list, err := source.read(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.printGPUs(list, asJSON); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-second.C:
		}
	}
}

func (c *cli) printGPUs(list gpuList, asJSON bool) error {
	switch {
	case asJSON:
		line, err := json.Marshal(list)
		if err != nil {
			return err
		}
		return c.print(string(line) + "\n")
	case c.onTerminal():
		const clear = "\x1b[H\x1b[2J"
		if _, err := fmt.Fprint(c.stdout, clear); err != nil {
			return err
		}
		return c.print(gpusText(list.GPUs))
	}
	var b strings.Builder
	for _, g := range list.GPUs {
		b.WriteString(gpuLine(g) + "\n")
	}
	return c.print(b.String())
}

// onTerminal tells whether a person sees what is printed.
func (c *cli) onTerminal() bool {
	f, ok := c.stdout.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// gpuLine is a GPU at one moment, in a line.
func gpuLine(g app.GPUState) string {
	at := g.At.Local().Format(time.TimeOnly)
	if !g.Available {
		return at + "  " + g.Reason
	}
	return fmt.Sprintf("%s  GPU %d  memory %s%s  busy %s%s  power %s", at, g.Index,
		outOf(bytesOr(g.MemoryUsed), bytesOr(g.MemoryTotal)), parenthesis(memoryShares(g)),
		percentOr(g.Utilization), parenthesis(timeShares(g)), unitOr(g.Power, "W"))
}
