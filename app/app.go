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
	"log/slog"
	"net"
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
