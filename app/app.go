// Package app opens Carpool's parts, owns every goroutine, and offers one
// surface to the front ends: Run, Set, Snapshot, Watch, History.
package app

import (
	"context"
	"errors"
	"log/slog"

	"carpool/app/config"
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

// App is a running Carpool. Its methods may be called from any goroutine.
type App struct{}

// Open reads the settings, takes the lock and opens every part in order:
// settings, history, GPU, engines, scheduler, gateway. It binds the port, so a
// taken port is known here. It fails with ErrRunning if another one runs.
func Open(ctx context.Context, o Options) (*App, error) { panic("todo") }

// Run serves until ctx ends or Quit is called, then drains and closes
// everything in order. A second Run fails.
func (a *App) Run(ctx context.Context) error { panic("todo") }

// Quit ends Run.
func (a *App) Quit() { panic("todo") }

// Set changes one setting by key or alias, checks the whole, puts it in force
// and saves the file. Requests in flight are never touched.
func (a *App) Set(ctx context.Context, key, value string) error { panic("todo") }

// Setting describes key: range, unit, help.
func (a *App) Setting(key string) (Setting, bool) { panic("todo") }

// Snapshot is the state now.
func (a *App) Snapshot() Snapshot { panic("todo") }

// Watch delivers a snapshot at once, then each second and after each change of
// a setting. A slow reader gets the latest and misses those between. The
// channel is closed when ctx or the app ends.
func (a *App) Watch(ctx context.Context) <-chan Snapshot { panic("todo") }

// OnShow sets what happens when a second start asks for the window.
func (a *App) OnShow(show func()) { panic("todo") }

// Requests reads the history, newest first.
func (a *App) Requests(ctx context.Context, q storage.Query) ([]storage.Request, error) {
	panic("todo")
}

// Batches reads the history, newest first.
func (a *App) Batches(ctx context.Context, q storage.Query) ([]storage.Batch, error) {
	panic("todo")
}

// Summary adds up a range of the history.
func (a *App) Summary(ctx context.Context, q storage.Query) (storage.Summary, error) {
	panic("todo")
}
