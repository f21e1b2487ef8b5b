// Package app opens Carpool's parts, owns every goroutine, and offers one
// surface to the front ends: Run, Set, Snapshot, Watch, and the history.
//
// Each part may be missing: without a GPU, a history or an engine the gateway
// still serves, and Snapshot.Problems says what is missing and what to do.
package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"carpool/app/advice"
	"carpool/app/config"
	"carpool/app/control"
	"carpool/app/fit"
	"carpool/app/gateway"
	"carpool/app/metrics"
	"carpool/app/process"
	"carpool/app/tracing"
	"carpool/app/tuner"
	"carpool/backends"
	"carpool/backends/launch"
	"carpool/batching"
	"carpool/gpu"
	"carpool/storage"
)

// ErrRunning says that another Carpool holds this state folder.
var ErrRunning = errors.New("another carpool is running")

// ErrNoDesktop says why a window cannot be shown; the gateway runs without it.
var ErrNoDesktop = errors.New("no desktop")

// Options are fixed for an App's life.
type Options struct {
	ConfigFile string         // the TOML file
	StateDir   string         // lock, socket, history and log
	Listen     string         // overrides gateway.listen; "" = as set
	Engine     string         // overrides engine.url; "" = as set
	Version    string         // of the program
	Guard      []string       // command that guards a port that is taken over; nil = this program's
	Hidden     bool           // the window waits in the tray
	LoginArgs  []string       // for a start at login, besides --hidden
	GPU        gpu.Reader     // reads the GPUs; nil = gpu.Open(); only tests have another
	Log        *slog.Logger   // nil = none
	LogFile    string         // where Log writes, for `carpool status`
	LogLevel   *slog.LevelVar // follows log.level; nil = fixed
}

// Window shows Carpool on a desktop. It is called on the main goroutine, returns
// when the user quits or ctx ends, and fails with ErrNoDesktop, having begun
// nothing, where there is no display.
type Window func(ctx context.Context, a *App) error

// Setting describes one key of the settings.
type Setting = config.Setting

// What front ends need of package launch, which they may not know.
type (
	// EngineKind is the make of an engine that Carpool can run.
	EngineKind = launch.Kind
	// EngineProgram is the program of one, found on this machine.
	EngineProgram = launch.Program
	// EngineWanted says how one is to be started.
	EngineWanted = launch.Wanted
	// EngineState is one that Carpool runs, or ran.
	EngineState = launch.State
	// EngineCheck is how many requests an engine runs at once, and how to change that.
	EngineCheck = launch.Check
	// EngineGuide is the steps to do so.
	EngineGuide = launch.Guide
	// EngineInfo is what is known of an engine.
	EngineInfo = backends.Info
	// EngineModel is one of its models.
	EngineModel = backends.Model
	// ModelFit is what a model takes of the GPU, and whether that fits.
	ModelFit = fit.Fit
)

// What front ends need of package batching, which they may not know.
type (
	// QueueState is what runs and waits of one model on one engine.
	QueueState = batching.QueueState
	// Running is a request that runs.
	Running = batching.Running
)

// App is a running Carpool. Its methods may be called from any goroutine.
type App struct {
	options   Options
	log       *slog.Logger
	started   time.Time
	lock      *flock.Flock
	listeners []net.Listener

	connections *connections

	store        *storage.Store // nil: off, or it cannot be opened
	storeProblem string
	lacks        []string // what could not be had at the start, for people; fixed after Open
	sampler      *gpu.Sampler
	owned        *owned // what the sampler reads
	engines      *backends.Registry
	launcher     *launch.Supervisor // of the engines that Carpool runs
	programs     programs
	unstarted    unstarted
	running      running
	scheduler    *batching.Scheduler
	tuner        *tuner.Tuner
	processes    *process.Finder
	gateway      *gateway.Gateway
	network      *network
	takeover     *takenPort
	yielder      *yielder
	trials       *trials
	unloader     *unloader
	pulses       *pulses
	healer       *healer
	control      *control.Socket // nil: it cannot be opened, and the command line cannot steer
	metrics      *metrics.Metrics
	meter        *meter
	recorder     *recorder
	tracer       *tracing.Tracer
	live         live
	steady       *steady
	feed         feed                            // the tick's alone
	lookout      lookout                         // the tick's alone
	sleep        sleep                           // the tick's alone
	adviser      adviser                         // the tick's alone
	advice       atomic.Pointer[[]advice.Advice] // of the last look; nil = not looked yet
	fitting      fitting                         // the tick's alone
	fits         atomic.Pointer[[]fit.Fit]       // of the last second; nil = not looked yet

	settings    sync.Mutex                    // held from verifying a change to its end
	saved       config.Config                 // without overrides; guarded by settings
	grouped     map[string]string             // the groups in force; guarded by settings
	trusted     atomic.Pointer[x509.CertPool] // by engines, the last ones that could be read
	fileProblem atomic.Pointer[string]        // the file was edited into something unusable; nil = it was not
	config      atomic.Pointer[config.Config]

	watchers watchers
	refresh  chan struct{}
	show     atomic.Pointer[func()]
	ran      atomic.Bool
	draining atomic.Bool
	quit     chan struct{}
	quitOnce sync.Once
}

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

// decided notes a change of a limit, or of what is known of an engine.
func (a *App) decided(d tuner.Decision) {
	a.log.Info("limit", "engine", d.Engine, "model", d.Model, "from", d.OldLimit, "to", d.Limit,
		"slots", d.Slots, "tokens", d.TokenBudget, "reason", d.Reason)
	a.recorder.decision(d)
	a.changed()
}

// switched notes that a model took another one's place.
func (a *App) switched(w batching.Switch) {
	a.log.Info("model", "engine", w.Engine, "from", w.From, "to", w.To, "reason", w.Reason)
	a.recorder.switched(w)
}

// loaded notes that an engine loaded a model. It is called under the scheduler's lock.
func (a *App) loaded(k batching.Key, took time.Duration) {
	reason := "loaded in " + took.Round(100*time.Millisecond).String()
	a.log.Info("load", "engine", k.Engine, "model", k.Model, "reason", reason)
	a.metrics.Loaded(k.Engine, k.Model)
	a.recorder.event(Event{At: time.Now(), Engine: k.Engine, Model: k.Model, Kind: EventLoad, Reason: reason})
}

// unmerged notes that merging embeddings is off for a model.
func (a *App) unmerged(u gateway.Unmerged) {
	a.log.Warn("merging is off", "engine", u.Engine, "model", u.Model, "until", u.Until, "reason", u.Reason)
	a.recorder.unmerged(u)
}

// reloaded notes that an engine loaded a model again.
func (a *App) reloaded(r gateway.Reload) {
	a.log.Info("reload", "engine", r.Engine, "model", r.Model, "app", r.App, "by", r.Short(), "from", r.From, "to", r.To,
		"blame", r.Blame, "took", r.Took, "reason", r.Text)
	a.recorder.reloaded(r)
	a.changed()
}

// address is what clients are told: 127.0.0.1 and the port bound.
func (a *App) address() string { return a.listeners[0].Addr().String() }

// Quit ends Run. It may be called before Run and more than once.
func (a *App) Quit() { a.quitOnce.Do(func() { close(a.quit) }) }

// OnShow sets what happens when a second start asks for the window.
func (a *App) OnShow(show func()) { a.show.Store(&show) }

// Show asks for the window; without one it does nothing.
func (a *App) Show() {
	if show := a.show.Load(); show != nil {
		(*show)()
	}
}

// newServer is the HTTP server with the limits of a public surface: the clients
// are local, but a browser page may be one of them. No WriteTimeout, since a
// stream may last for hours; the gateway bounds each write.
func (a *App) newServer() *http.Server {
	g := a.config.Load().Gateway
	return &http.Server{
		Handler:           a.gateway,
		ConnContext:       a.gateway.ConnContext,
		ReadHeaderTimeout: time.Duration(g.HeaderTimeoutS) * time.Second,
		IdleTimeout:       time.Duration(g.IdleTimeoutS) * time.Second,
		MaxHeaderBytes:    g.MaxHeaderKiB << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),

		DisableGeneralOptionsHandler: true, // it would answer "OPTIONS *" to any Host
	}
}
