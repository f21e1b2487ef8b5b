package launch

import (
	"context"
	"errors"
	"os/exec"
	"time"
)

const (
	lookEvery  = 50 * time.Millisecond // while an engine comes up
	watchEvery = 2 * time.Second       // while a service is up
	startLimit = time.Minute           // for a service to come up
	stopLimit  = grace                 // for it to stop
	lostAfter  = 3                     // connections in a row that a service refuses
)

// realLife runs an engine's program, or the command that makes a service of it
// serve.
func realLife(e *engine) life {
	if e.plan.Stop != nil {
		return e.liveAsService
	}
	return e.liveAsProcess
}

// liveAsProcess starts the program and waits for its end.
func (e *engine) liveAsProcess(ctx context.Context, up func(pid int)) string {
	p, err := startProcess(e.plan, e.log)
	if err != nil {
		return "it cannot be started: " + err.Error()
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			if listens(ctx, e.plan.Address) == nil {
				look.Stop()
				up(p.pid())
			}
		case <-p.ended:
			return p.outcome()
		case <-ctx.Done():
			p.end()
			return p.outcome()
		}
	}
}

// liveAsService asks the service to serve, and sees that it goes on.
func (e *engine) liveAsService(ctx context.Context, up func(pid int)) string {
	defer e.stopService()
	if err := e.command(ctx, startLimit, e.plan.Args); err != nil {
		return "it cannot be started: " + err.Error()
	}
	watch := time.NewTicker(watchEvery)
	defer watch.Stop()
	lost, isUp := 0, false
	for {
		switch err := listens(ctx, e.plan.Address); {
		case err != nil:
			if lost++; lost == lostAfter {
				return "it does not serve at " + e.plan.Address
			}
		case !isUp:
			isUp = true
			up(0)
			fallthrough
		default:
			lost = 0
		}
		select {
		case <-watch.C:
		case <-ctx.Done():
			return ""
		}
	}
}

// stopService asks the service to stop. One that has stopped already says that
// it has, which is no loss.
func (e *engine) stopService() {
	_ = e.command(context.Background(), stopLimit, e.plan.Stop)
}

// command runs the program once. What it leaves behind is not ended: it is the
// service.
func (e *engine) command(ctx context.Context, limit time.Duration, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, e.plan.Path, args...) //nolint:gosec // the user's own program
	cmd.Env = e.plan.Env
	cmd.Stdout, cmd.Stderr = e.log, e.log
	cmd.WaitDelay = lastWord // the service may hold the pipe
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}
