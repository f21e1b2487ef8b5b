package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilSignal returns a context that ends with SIGINT, SIGTERM, or SIGHUP, which
// a terminal sends that is closed. After it a second SIGINT or SIGTERM has its
// usual effect: the process ends at once, and with it what runs.
func untilSignal(ctx context.Context) (_ context.Context, end func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)

	hungUp := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGHUP) { // nohup has it ignored
		signal.Notify(hungUp, syscall.SIGHUP)
	}
	go func() {
		select {
		case <-hungUp: // and no other one counts: shell and system send one each
			stop()
		case <-ctx.Done():
		}
	}()
	// A write to a terminal or pipe that is gone would end the process otherwise.
	// Ignoring the signal would have the engines that Carpool starts ignore it, too.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	return ctx, func() {
		stop()
		signal.Stop(hungUp)
		signal.Stop(broken)
	}
}
