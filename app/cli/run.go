package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"carpool/app"
	"carpool/app/control"
)

func (c *cli) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway without a window",
		Long: `Run the gateway without a window or tray; no display is needed.

It ends with SIGINT (Ctrl-C), SIGTERM, or with its terminal (SIGHUP; use nohup to
keep it): new requests are refused, and running ones may go on for
gateway.drain_timeout_s. A second Ctrl-C or SIGTERM ends it at once.`,
		Example: `  carpool serve
  carpool serve --listen 127.0.0.1:8080 --engine http://127.0.0.1:11434
  carpool serve --engine demo      try it without an engine; answers are simulated`,
		Args: cobra.NoArgs,
	}
	c.overrides(cmd)
	folder := cmd.Flags().String("profiles", "", "write profiles of this run into `folder` at its end")
	_ = cmd.Flags().MarkHidden("profiles") // for who works on Carpool; the flag is there
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return profiled(*folder, func() error { return c.serve(cmd) })
	}
	return cmd
}

// open is `carpool`: the window, or the window of the one that runs already.
// One that is to begin hidden leaves that window alone.
func (c *cli) open(cmd *cobra.Command) error {
	ctx := cmd.Context()
	err := c.run(cmd, c.window)
	if !errors.Is(err, app.ErrRunning) {
		return err
	}
	if c.hidden {
		c.note("carpool is already running")
		return nil
	}
	if showErr := c.showRunning(ctx); showErr != nil {
		return errors.Join(err, showErr)
	}
	c.note("carpool is already running; it was asked to show its window")
	return nil
}

// showRunning asks the Carpool that holds the lock for its window. One that has
// just been started opens its socket a moment after it took the lock, and answers
// once it has started.
func (c *cli) showRunning(ctx context.Context) error {
	const patience, pause = 5 * time.Second, 100 * time.Millisecond
	for end := time.Now().Add(patience); ; {
		err := c.running().Show(ctx)
		if !errors.Is(err, control.ErrNotRunning) || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// serve is `carpool serve`.
func (c *cli) serve(cmd *cobra.Command) error {
	ctx := cmd.Context()
	err := c.run(cmd, nil)
	if !errors.Is(err, app.ErrRunning) {
		return err
	}
	if s, _, snapErr := c.snapshot(ctx); snapErr == nil {
		return fmt.Errorf("%w (PID %d, at %s); \"carpool quit\" ends it", err, s.PID, s.Endpoint)
	}
	return err
}

// run opens Carpool and serves until a signal, Quit or the window's end.
func (c *cli) run(cmd *cobra.Command, window app.Window) error {
	ctx, stop := untilSignal(cmd.Context())
	defer stop()

	log := newLog(c.place.state)
	defer log.takeOthers()()
	a, err := app.Open(ctx, app.Options{
		ConfigFile: c.place.config,
		StateDir:   c.place.state,
		Listen:     c.place.listen,
		Engine:     c.place.engine,
		Version:    c.version.Version(),
		Hidden:     c.hidden,
		LoginArgs:  c.place.flags(cmd),
		Log:        log.logger,
		LogFile:    log.path,
		LogLevel:   log.level,
	})
	if err != nil {
		if ctx.Err() != nil {
			err = nil // it was told to end while it started
		}
		return errors.Join(err, log.close())
	}
	log.logger.Info("carpool started", "version", c.version.String(), "pid", os.Getpid(), "endpoint", a.Snapshot().Endpoint)

	open, end := context.WithCancel(ctx) // ends Run
	defer end()
	shown, hide := context.WithCancel(ctx) // ends the window, also when Run ends by itself
	defer hide()
	ran := make(chan error, 1)
	go func() {
		ran <- a.Run(open)
		hide()
	}()
	windowErr := c.show(shown, window, a)
	end()
	err = errors.Join(windowErr, <-ran)
	log.logger.Info("carpool ended", "error", err)
	return errors.Join(err, log.close())
}

// show returns when the window was closed for good or, without one, when Run
// has ended; it then tells on stderr what goes on.
func (c *cli) show(ctx context.Context, window app.Window, a *app.App) error {
	if window != nil {
		err := window(ctx, a)
		if !errors.Is(err, app.ErrNoDesktop) {
			return err
		}
		c.note("%v; running headless", err)
	}
	// Not ctx: the drain that its end begins is worth telling too.
	c.announce(a.WatchState(context.WithoutCancel(ctx)))
	c.note("ended")
	return nil
}
