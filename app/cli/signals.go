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
	ctx, cancel := context.WithCancel(ctx)
	told, hungUp := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup has it ignored
		signal.Notify(hungUp, syscall.SIGHUP)
	}
	go func() {
		select {
		case <-told:
		case <-hungUp: // and no other one counts: shell and system send one each
		case <-ctx.Done():
		}
		// First this: who sees it drain may send the second at once.
		signal.Stop(told)
		cancel()
	}()
	// A write to a terminal or pipe that is gone would end the process otherwise.
	// Ignoring the signal would have the engines that Carpool starts ignore it, too.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	return ctx, func() {
		cancel()
		signal.Stop(hungUp)
		signal.Stop(broken)
	}
}
