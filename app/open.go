package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"carpool/app/config"
	"carpool/app/control"
	"carpool/app/gateway"
	"carpool/app/metrics"
	"carpool/app/process"
	"carpool/app/tracing"
	"carpool/app/tuner"
	"carpool/backends"
	"carpool/batching"
	"carpool/gpu"
	"carpool/storage"
)

// Open reads the settings, takes the lock and opens every part in order:
// settings, history, GPU, engines, scheduler, gateway. It binds the port, so a
// taken port is known here. It fails with ErrRunning if another one runs.
// An App that was opened must be Run, which closes it.
func Open(ctx context.Context, o Options) (*App, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := checkOverrides(o); err != nil {
		return nil, err
	}
	a := &App{options: o, log: o.Log, started: time.Now(),
		refresh: make(chan struct{}, 1), quit: make(chan struct{})}
	if err := a.takeLock(); err != nil {
		return nil, err
	}
	// Open before all else, so that the command line never takes a Carpool that
	// starts for one that does not run.
	var err error
	if a.control, err = control.Listen(ctx, o.StateDir); err != nil {
		a.lack("the command line cannot steer Carpool: " + err.Error())
	}
	a.takeover = newTakenPort(a.options, a.log, a.settled)
	a.saved = a.readSettings()
	c := a.effective(a.saved)
	a.config.Store(&c)
	if a.listeners, err = listen(ctx, c.Gateway.Listen); err != nil {
		if a.control != nil {
			err = errors.Join(err, a.control.Close())
		}
		return nil, errors.Join(err, a.lock.Unlock())
	}
	a.connections = newConnections(c.Gateway, openFiles())
	first := a.openHistory(ctx, c)
	a.openParts(c, first)
	a.commit()
	return a, nil
}

// takeLock fails only if another Carpool has the lock. Where the folder cannot be
// written nothing is kept in it that could be spoilt: the gateway serves, and the
// port lets no second one listen beside it.
func (a *App) takeLock() error {
	if err := makePrivate(a.options.StateDir); err != nil {
		a.log.Warn("state folder", "error", err)
	}
	a.lock = flock.New(filepath.Join(a.options.StateDir, "carpool.lock"), flock.SetPermissions(fileMode))
	got, err := a.lock.TryLock()
	if err != nil {
		a.lack("the state folder cannot be written, so nothing is kept: " + err.Error())
		return nil
	}
	if !got {
		return fmt.Errorf("%w with the state folder %s", ErrRunning, a.options.StateDir)
	}
	return nil
}

// lack notes what could not be had at the start.
func (a *App) lack(problem string) {
	a.lacks = append(a.lacks, problem)
	a.log.Warn("start", "problem", problem)
}

// openHistory opens the store and returns the id of this run's first batch.
func (a *App) openHistory(ctx context.Context, c config.Config) uint64 {
	if !c.History.Enabled {
		a.storeProblem = "history is off (history.enabled)"
		return 1
	}
	store, err := storage.Open(ctx, storage.Options{
		Path:      filepath.Join(a.options.StateDir, "history.db"),
		Retention: retention(c.History),
	})
	if err != nil {
		a.storeProblem = "history is off: " + err.Error()
		a.log.Error("history", "error", err)
		return 1
	}
	a.store = store
	if problem := store.State().Problem; problem != "" {
		a.log.Warn("history", "problem", problem)
	}
	last, err := store.LastBatch(ctx)
	if err != nil {
		a.log.Error("history", "error", err)
	}
	return last + 1
}

func (a *App) openParts(c config.Config, firstBatch uint64) {
	a.metrics = metrics.New(metrics.Options{Version: a.options.Version, State: a.measured})
	a.recorder = &recorder{store: a.store, metrics: a.metrics, device: func() string { return a.config.Load().GPU.Device }}
	reader := a.options.GPU
	if reader == nil {
		reader = gpu.Open()
	}
	a.owned = newOwned(reader, process.NewFamily(), a.families)
	a.sampler = gpu.NewSampler(a.owned, time.Duration(c.GPU.SampleMS)*time.Millisecond)
	seen := filepath.Join(a.options.StateDir, "engine-seen")
	_, err := os.Stat(seen)
	var self []string
	for _, l := range a.listeners {
		self = append(self, l.Addr().String())
	}
	a.engines = backends.NewRegistry(backends.Options{
		Settings: a.engineSettings(c), RealSeen: err == nil, Self: self, Load: a.load,
		OnReal: func() {
			if err := os.WriteFile(seen, nil, 0o600); err != nil {
				a.log.Warn("note that an engine was seen", "error", err)
			}
		},
	})
	a.launcher = a.newLauncher()
	a.tuner = tuner.New(c, tuner.Options{
		Engines: a.engines.Snapshot,
		GPU:     a.gpuOf,
		Decided: a.decided,
	})
	a.pulses = newPulses(a.tuner)
	a.steady = newSteady(newLoads(a.pulses, a.loaded))
	a.feed = feed{store: a.store}
	a.meter = newMeter(a.steady, a.metered, func(k batching.Key, joules float64) { a.metrics.Spent(k.Engine, k.Model, joules) })
	a.scheduler = batching.New(tuner.Settings(c), batching.Options{
		FirstBatch: firstBatch,
		Mark:       func() any { return a.gpus() },
		Ended:      a.recorder.batch,
		Switched:   a.switched,
		Observer:   a.meter,
	})
	a.tracer = tracing.New(tracing.Options{Version: a.options.Version, Log: a.log})
	a.processes = process.New()
	a.gateway = gateway.New(gateway.Options{
		Scheduler: a.scheduler,
		Engines:   a.engines,
		Record: func(r gateway.Record) {
			a.pulses.recorded(r)
			a.recorder.request(r)
			a.trace(r)
		},
		LostGPU:  a.lostGPU,
		Unmerged: a.unmerged,
		Reloaded: a.reloaded,
		Health:   func() any { return a.Health() },
		Metrics:  a.metrics,
		Listen:   a.address(),
		Peer: func(client, server netip.AddrPort) gateway.Peer {
			return a.processes.Ask(client, server)
		},
		Log: a.log,
	}, a.takeover.limits(gatewayLimits(c)))
	a.network = newNetwork(a.options.StateDir, a.log, strangers(openFiles(), a.connections), a.gateway.SetToken, a.changed)
	a.trials = newTrials(a.keepTrial, a.trialEnded)
	a.openYielding()
	a.openHealing()
}
