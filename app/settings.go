package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"carpool/app/config"
	"carpool/app/gateway"
	"carpool/batching"
)

// Set changes one setting by key or alias, checks the whole, puts it in force
// and saves the file. Requests in flight are never touched. An error that says
// "not saved" means that the value is in force until the program ends.
func (a *App) Set(_ context.Context, key, value string) error {
	a.settings.Lock()
	defer a.settings.Unlock()
	next, err := a.saved.With(key, value)
	if err != nil {
		return err
	}
	a.saved = next
	a.commit()
	if problem := a.fileProblem.Load(); problem != nil {
		return fmt.Errorf("in force, but not saved: %s", *problem)
	}
	if err := config.Save(a.options.ConfigFile, next); err != nil {
		return fmt.Errorf("in force, but not saved: %w", err)
	}
	return nil
}

// fileChanged puts an edited file in force; a broken one keeps the last good
// settings, and keeps Set from writing over the user's edit. What the watcher
// read may be older than a Set that was under way, so the file is read again
// while none is.
func (a *App) fileChanged(config.Config, error) {
	a.settings.Lock()
	defer a.settings.Unlock()
	if _, err := os.Stat(a.options.ConfigFile); errors.Is(err, fs.ErrNotExist) {
		return
	}
	next, _, err := config.Load(a.options.ConfigFile)
	if err == nil && next.Equal(a.saved) && a.fileProblem.Load() == nil {
		return
	}
	if err != nil {
		a.settingsNotTaken(err)
		a.changed()
		return
	}
	a.fileProblem.Store(nil)
	a.saved = next
	a.commit()
	a.log.Info("settings read again", "file", a.options.ConfigFile)
}

// commit puts a.saved in force, in the order in which the parts depend on each
// other. Nothing here can fail: all was verified before. The caller holds
// a.settings.
func (a *App) commit() {
	c := a.effective(a.saved)
	was := a.config.Swap(&c).Batching
	if a.options.LogLevel != nil {
		a.options.LogLevel.Set(level(c.Log.Level))
	}
	a.sampler.SetInterval(time.Duration(c.GPU.SampleMS) * time.Millisecond)
	a.engines.Configure(a.engineSettings(c))
	rules := a.rules(c)
	a.grouped = rules.Groups
	a.scheduler.Configure(rules)
	a.tuner.Configure(c)
	a.tracer.Configure(c.Tracing.Endpoint)
	a.gateway.Configure(a.takeover.limits(gatewayLimits(c)))
	a.network.configure(c.Gateway.LAN)
	if a.store != nil {
		a.store.SetRetention(retention(c.History))
	}
	if change := batchingChange(was, c.Batching); change != "" {
		a.log.Info("batching", "change", change)
		a.recorder.event(Event{At: time.Now(), Kind: EventBatching, Reason: change})
	}
	a.changed()
}

// effective is c with what the command line overrides.
func (a *App) effective(c config.Config) config.Config {
	if a.options.Listen != "" {
		c.Gateway.Listen = a.options.Listen
	}
	if a.options.Engine != "" {
		c.Engine.URL = a.options.Engine
	}
	return c
}

// Setting describes key: range, unit, help.
func (a *App) Setting(key string) (Setting, bool) { return config.Lookup(key) }

func gatewayLimits(c config.Config) gateway.Limits {
	return gateway.Limits{
		AllowedHosts:   c.Gateway.AllowedHosts,
		AllowedOrigins: c.Gateway.AllowedOrigins,
		MaxBody:        int64(c.Gateway.MaxBodyMiB) << 20,
		FirstToken:     time.Duration(c.Gateway.FirstTokenTimeoutS) * time.Second,
		MaxBodies:      int64(c.Gateway.MaxBodiesMiB) << 20,
		Stall:          time.Duration(c.Gateway.StallTimeoutS) * time.Second,
		SlowClient:     time.Duration(c.Gateway.SlowClientS) * time.Second,
		Supersede:      c.Apps.Supersede,
		Merge:          c.Embed.Merge,
		Share:          c.Queue.ShareIdentical,
		EmbedCache:     int64(c.Embed.CacheMiB) << 20,
		Keys:           c.Apps.ByKey(),
		Priorities:     priorities(c.Apps),
		NumCtx:         c.Models.NumCtxOf(),
		Trace:          c.Tracing.Endpoint != "",
	}
}

func priorities(a config.Apps) map[string]batching.Priority {
	all := map[string]batching.Priority{}
	for app, name := range a.PriorityOf() {
		var p batching.Priority
		if p.UnmarshalText([]byte(name)) == nil { // the settings were checked
			all[app] = p
		}
	}
	return all
}

func level(name string) slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo
	}
	return l
}

// readSettings loads the file. Whatever is wrong with it, there are settings
// to start with, and a sentence about the trouble.
func (a *App) readSettings() config.Config {
	c, warnings := config.Open(a.options.ConfigFile)
	for _, w := range warnings {
		a.log.Warn("settings", "warning", w.String())
	}
	if _, _, err := config.Load(a.options.ConfigFile); err != nil {
		a.settingsNotTaken(err)
	}
	return c
}

func (a *App) settingsNotTaken(err error) {
	text := err.Error()
	a.fileProblem.Store(&text)
	a.log.Warn("settings not taken", "error", err)
}

// checkOverrides judges the command line's values by the settings' rules.
func checkOverrides(o Options) error {
	var errs []error
	for key, value := range map[string]string{"gateway.listen": o.Listen, "engine.url": o.Engine} {
		if value == "" {
			continue
		}
		if _, err := config.Default().With(key, value); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
