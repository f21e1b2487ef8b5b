package cli

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"carpool/app/bench/relay"
)

// benchRelay is `carpool bench --suite gateway`.
func (c *cli) benchRelay(ctx context.Context, o suiteOptions, write string, asJSON bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := relay.Measure(ctx, relay.Options{Program: self, Version: c.version.Version(), Quick: o.Quick, Only: o.Only, Note: c.note})
	if err != nil {
		return err
	}
	if write != "" {
		if err := writeReport(write, r); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		c.note("written to %s", write)
	}
	if asJSON {
		return c.printJSON(r)
	}
	return r.Text(c.stdout)
}

// benchPartCommand is a process that `carpool bench --suite gateway` starts.
func (c *cli) benchPartCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "bench-part engine|plain ADDRESS [URL]",
		Short:  "Run the engine or the plain proxy of carpool bench --suite gateway",
		Hidden: true,
		Args:   cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			var lc net.ListenConfig
			l, err := lc.Listen(ctx, "tcp", args[1])
			if err != nil {
				return err
			}
			if args[0] == "engine" {
				return relay.Engine(ctx, l)
			}
			engine, err := url.Parse(args[len(args)-1])
			if err != nil {
				return err
			}
			return relay.Plain(ctx, l, engine)
		},
	}
}
