package app

import (
	"maps"
	"slices"
	"time"

	"carpool/app/config"
	"carpool/app/tuner"
	"carpool/backends"
	"carpool/batching"
)

// engineSettings are where engines are and which go first under c.
func (a *App) engineSettings(c config.Config) backends.Settings {
	s := backends.Settings{
		URL: c.Engine.URL, Demo: c.Engine.Demo, NoDiscovery: !c.Engines.Discover,
		Connect: time.Duration(c.Gateway.ConnectTimeoutS) * time.Second,
		Order:   c.Engines.Order, Keys: c.Engines.ByName(), Groups: c.Engines.GroupOf(),
	}
	for _, i := range c.Engines.Items() {
		s.Engines = append(s.Engines, backends.Source{Name: i.Name, Kind: backends.Kind(i.Kind), URL: i.URL})
	}
	for _, e := range a.running.all() {
		if slices.ContainsFunc(s.Engines, func(o backends.Source) bool { return o.Name == e.Name }) {
			e.Name = "" // the settings have given it to another one
		}
		s.Engines = append(s.Engines, e)
	}
	s.Engines, s.Self = a.takeover.engine(s.Engines)
	trusted, err := c.Engines.Authorities()
	if err != nil { // the file was good when it was set
		a.log.Warn("certificates", "error", err)
		trusted = a.trusted.Load()
	}
	a.trusted.Store(trusted)
	s.Authorities = trusted
	return s
}

// rules are the scheduler's under c. Engines of a kind that shares a GPU are known
// by name once they are found.
func (a *App) rules(c config.Config) batching.Settings {
	s := tuner.Settings(c)
	s.Groups = c.Engines.GroupOf()
	for _, e := range a.engines.Snapshot() {
		if e.Group != "" {
			s.Groups[e.Name] = e.Group
		}
	}
	return s
}

// regroup puts the rules in force again if an engine has come into a group.
func (a *App) regroup() {
	if len(a.config.Load().Engines.Groups) == 0 {
		return
	}
	a.settings.Lock()
	defer a.settings.Unlock()
	if r := a.rules(*a.config.Load()); !maps.Equal(r.Groups, a.grouped) {
		a.grouped = r.Groups
		a.scheduler.Configure(r)
	}
}

// load is how busy a model is on an engine.
func (a *App) load(engine, model string) backends.Load {
	key := batching.Key{Engine: engine, Model: model}
	l := backends.Load{Limit: a.tuner.LimitOf(key)}
	for _, q := range a.scheduler.Loads() {
		if q.Key == key {
			l.InFlight, l.Waiting = q.InFlight, q.Waiting
		}
	}
	return l
}
