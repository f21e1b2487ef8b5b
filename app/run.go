package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"carpool/app/config"
	"carpool/app/control"
)

// Run serves until ctx ends or Quit is called, then drains and closes
// everything in order. A second Run fails.
func (a *App) Run(ctx context.Context) error {
	if !a.ran.CompareAndSwap(false, true) {
		return errors.New("carpool: Run was called twice")
	}
	// The parts outlive ctx, so that requests in flight can end.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	server := a.newServer()
	a.connections.keep = server.SetKeepAlivesEnabled

	parts, failed := errgroup.WithContext(work)
	parts.Go(func() error { return a.engines.Run(work) })
	parts.Go(func() error { a.launcher.Run(work); return nil })
	parts.Go(func() error { a.startEngines(work); return nil })
	parts.Go(func() error { a.readGPU(work); return nil })
	parts.Go(func() error { return a.tuner.Run(work, a.scheduler) })
	parts.Go(func() error { a.yielder.run(work); return nil })
	parts.Go(func() error { a.unloader.run(work); return nil })
	parts.Go(func() error { a.healer.run(work); return nil })
	parts.Go(func() error { a.trials.run(work); return nil })
	parts.Go(func() error { a.processes.Run(work); return nil })
	parts.Go(func() error { a.tracer.Run(work); return nil })
	parts.Go(func() error { a.tick(work); return nil })
	parts.Go(func() error { a.watchFile(work); return nil })
	parts.Go(func() error { a.serveControl(work); return nil })
	parts.Go(func() error { a.serveNetwork(work, server); return nil })
	parts.Go(func() error { a.serveTakeover(work, server); return nil })
	a.serve(failed, parts, server)

	select {
	case <-ctx.Done():
	case <-a.quit:
	case <-failed.Done():
	}
	a.drain(server)
	stop()
	err := parts.Wait()
	return errors.Join(err, a.close())
}

// serve accepts connections once the engines have been looked for, so that the
// first request of all does not meet an empty list.
func (a *App) serve(ctx context.Context, parts *errgroup.Group, server *http.Server) {
	for _, l := range a.listeners {
		parts.Go(func() error {
			select {
			case <-a.engines.Ready():
			case <-ctx.Done():
			}
			if err := server.Serve(a.connections.on(l)); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
	}
}

// serveNetwork accepts connections of other computers, as serve does those of this one.
func (a *App) serveNetwork(ctx context.Context, server *http.Server) {
	select {
	case <-a.engines.Ready():
		a.network.run(ctx, server)
	case <-ctx.Done():
	}
}

// eachSecond calls step until ctx ends, never twice at a time.
func eachSecond(ctx context.Context, step func(now time.Time)) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-second.C:
			step(now)
		}
	}
}

// serveTakeover accepts connections at an engine's port that is taken over.
func (a *App) serveTakeover(ctx context.Context, server *http.Server) {
	select {
	case <-a.engines.Ready():
		a.takeover.run(ctx, acceptor{a.connections.on, func(l net.Listener) { _ = server.Serve(l) }})
	case <-ctx.Done():
	}
}

// tick samples once a second and hands out snapshots.
func (a *App) tick(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	defer a.watchers.close()
	for {
		select {
		case <-ctx.Done():
			a.keep(time.Now()) // what was written since the last second
			return
		case now := <-second.C:
			a.wake(now)
			a.meter.read(now, time.Duration(a.config.Load().GPU.SampleMS)*time.Millisecond, a.sampler.Last())
			a.keep(now)
			a.notice(now)
			a.regroup()
			a.refit()
		case <-a.refresh:
		}
		switch any, whole := a.watchers.watched(); {
		case whole:
			a.watchers.publish(a.Snapshot())
		case any:
			a.watchers.publish(a.state())
		}
	}
}

// keep takes the second that ends now for the live charts, the history and advice.
func (a *App) keep(now time.Time) {
	s, out, in := a.sample(now)
	steady := a.steady.second(now)
	a.live.add(s)
	a.feed.second(s, out, in, steady)
	a.advise(now, steady)
}

// notice has the history tell what happened to the engines and to itself.
func (a *App) notice(now time.Time) {
	for _, e := range a.lookout.engines(now, a.engines.Snapshot()) {
		a.log.Info("engine", "engine", e.Engine, "event", e.Reason)
		a.recorder.event(e)
	}
	if e, ok := a.lookout.connections(now, a.connections.state(), a.connections.waited.Load()); ok {
		a.log.Warn("connections", "event", e.Reason)
		a.recorder.event(e)
	}
	if a.store == nil {
		return
	}
	if e, ok := a.lookout.history(now, a.store.State()); ok {
		a.log.Info("history", "event", e.Reason)
		a.recorder.event(e)
	}
}

// readGPU, watchFile and serveControl are conveniences: without them Carpool
// serves on.
func (a *App) readGPU(ctx context.Context) {
	if err := a.sampler.Run(ctx); err != nil {
		a.log.Warn("gpu", "error", err)
	}
}

func (a *App) watchFile(ctx context.Context) {
	if err := config.Watch(ctx, a.options.ConfigFile, a.fileChanged); err != nil && ctx.Err() == nil {
		a.log.Warn("settings are not watched", "error", err)
	}
}

func (a *App) serveControl(ctx context.Context) {
	if a.control == nil {
		return
	}
	if err := control.Serve(ctx, a.control, a); err != nil {
		a.log.Error("control", "error", err)
	}
}

// drain refuses what is new and lets what runs end, all under one deadline.
func (a *App) drain(server *http.Server) {
	limit := time.Duration(a.config.Load().Gateway.DrainTimeoutS) * time.Second
	a.log.Info("shutting down", "in_flight", a.scheduler.Totals().InFlight, "limit", limit)
	a.draining.Store(true)
	a.takeover.release()
	a.CancelTrial()
	a.changed()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	a.gateway.Drain()
	err := errors.Join(a.scheduler.Shutdown(ctx), server.Shutdown(ctx))
	if err == nil {
		return
	}
	a.log.Warn("requests were interrupted", "error", err)
	a.gateway.Interrupt()
	// Handlers still have to tell their clients and write their rows.
	const farewell = 2 * time.Second
	ctx, cancel = context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if err := errors.Join(a.scheduler.Shutdown(ctx), server.Shutdown(ctx)); err != nil {
		a.log.Warn("connections were cut", "error", errors.Join(err, server.Close()))
		// A handler that was blocked in a write ends now, and writes its row.
		ctx, cancel := context.WithTimeout(context.Background(), farewell)
		defer cancel()
		_ = a.scheduler.Shutdown(ctx) // what is still there after that is lost
	}
}

// close ends what holds files, last of all the lock.
func (a *App) close() error {
	var err error
	if a.store != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = a.store.Close(ctx)
	}
	return errors.Join(err, a.lock.Unlock())
}
