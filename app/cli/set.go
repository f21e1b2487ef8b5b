package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"carpool/app/config"
	"carpool/app/control"
)

const enabled = "batching.enabled"

func (c *cli) onCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "on",
		Short: "Turn batching on",
		Long:  "Turn batching on: requests share the engine again. The tray and the window follow.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return c.turn(cmd.Context(), true) },
	}
}

func (c *cli) offCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "off",
		Short: "Turn batching off",
		Long: `Turn batching off. What then happens is batching.off_mode: serial (one request at
a time) or passthrough (straight to the engine). Requests in flight go on.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.turn(cmd.Context(), false) },
	}
}

func (c *cli) setCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "set KEY=VALUE",
		Short: "Change a setting",
		Long: `Change a setting of the running Carpool, at once and for good: it is saved in the
settings file. Requests in flight are never touched. If no Carpool is running,
only the file is changed. "carpool config" lists the keys.`,
		Example: `  carpool set batching.max_batch_size=16
  carpool set batching.mode static
  carpool set engine.url=                        look for the engine again
  carpool set gateway.allowed_hosts=a.home,b.home`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 2 || len(args) == 1 && strings.Contains(args[0], "=") {
				return nil
			}
			return errors.New(`say "carpool set KEY=VALUE", such as "carpool set max_batch_size=16"`)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			key, value, _ := strings.Cut(args[0], "=")
			if len(args) == 2 {
				key, value = args[0], args[1]
			}
			return c.set(cmd.Context(), strings.TrimSpace(key), value)
		},
	}
}

// turn turns batching on or off, and says what that means for the apps.
func (c *cli) turn(ctx context.Context, on bool) error {
	if err := c.set(ctx, enabled, strconv.FormatBool(on)); err != nil {
		return err
	}
	s, _, err := c.snapshot(ctx)
	switch {
	case err != nil: // none runs, which set has told
	case on:
		c.note("requests share the engine again")
	case s.Config.Batching.OffMode == "serial":
		c.note("apps still go through Carpool, one request at a time")
	default:
		c.note("apps still go through Carpool, straight to the engine")
	}
	return nil
}

// set changes a setting of the running Carpool, or else of the file.
func (c *cli) set(ctx context.Context, key, value string) error {
	// Judged here too, so that a mistake is told without a Carpool that runs; beside what
	// was saved, since a key may be of an engine that the settings list.
	saved, _, err := config.Load(c.place.config)
	if err != nil {
		saved = config.Default() // what is wrong with the file is told by whoever has to write it
	}
	wanted, err := saved.With(key, value)
	if err != nil {
		return err
	}
	s, _ := config.Lookup(key)
	now, err := wanted.Masked().Get(key)
	if err != nil {
		return err
	}
	err = c.running().Set(ctx, key, value)
	switch {
	case errors.Is(err, control.ErrNotRunning):
		if err := c.setFile(key, value); err != nil {
			return err
		}
		c.note("carpool is not running; saved in %s for its next start", c.place.config)
	case err != nil:
		return err
	case s.Restart:
		c.note("saved; it takes effect at the next start")
	}
	c.noteOtherSize(ctx, s.Key)
	return c.print(strings.TrimRight(fmt.Sprintf("%s = %s", s.Key, now), " ") + "\n")
}

// noteOtherSize says so if the size just set is not the one of the mode.
func (c *cli) noteOtherSize(ctx context.Context, key string) {
	inForce, err := c.config(ctx)
	if err != nil || !inForce.Batching.Enabled {
		return
	}
	switch adaptive := inForce.Batching.Mode == "adaptive"; {
	case adaptive && key == "batching.max_batch_size":
		c.note("the mode is adaptive, which finds the size itself below adaptive.max; this one counts in the modes fixed and static")
	case !adaptive && key == "adaptive.max":
		c.note("the mode is %s, whose size is batching.max_batch_size; this one counts in the mode adaptive", inForce.Batching.Mode)
	}
}

func (c *cli) setFile(key, value string) error {
	saved, _, err := config.Load(c.place.config)
	if err != nil {
		return err
	}
	if saved, err = saved.With(key, value); err != nil {
		return err
	}
	return config.Save(c.place.config, saved)
}
