package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
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
	options := relay.Options{Program: self, Version: c.version.Version(), Quick: o.Quick, Only: o.Only, Note: c.note}
	if o.profiles != "" {
		return c.profileRelay(ctx, options, o.profiles)
	}
	r, err := relay.Measure(ctx, options)
	if len(r.Sections) == 0 {
		return err
	}
	if err != nil {
		write = "" // a report that lacks some is none
	}
	if err := c.tellReport(r, write, asJSON); err != nil {
		return err
	}
	return errors.Join(err, r.Missed())
}

// profileRelay is `carpool bench --suite gateway --profiles FOLDER`.
func (c *cli) profileRelay(ctx context.Context, o relay.Options, folder string) error {
	all, err := relay.Profile(ctx, o, folder)
	for _, name := range all {
		c.note("%s: profiles in %s", name, filepath.Join(folder, name))
	}
	return err
}

// benchPartCommand is a process that `carpool bench --suite gateway` starts.
func (c *cli) benchPartCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "bench-part engine|plain|vllm ADDRESS [URL|SEQUENCES]",
		Short:  "Run an engine or the plain proxy of carpool bench --suite gateway",
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
			if args[0] == "vllm" {
				n, err := strconv.Atoi(args[len(args)-1])
				if err != nil || n < 1 {
					return fmt.Errorf("%q is no number of sequences", args[len(args)-1])
				}
				return relay.VLLM(ctx, l, n)
			}
			engine, err := url.Parse(args[len(args)-1])
			if err != nil {
				return err
			}
			return relay.Plain(ctx, l, engine)
		},
	}
}
