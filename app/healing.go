package app

import (
	"errors"
	"time"

	"carpool/backends"
	"carpool/batching"
)

// openHealing joins the parts that see to engines which stop answering.
func (a *App) openHealing() {
	a.healer = newHealer(healParts{
		pulses:  a.pulses,
		stall:   func() time.Duration { return time.Duration(a.config.Load().Gateway.StallTimeoutS) * time.Second },
		engines: a.engines.Snapshot,
		loads:   a.scheduler.Loads,
		wedged:  a.gateway.SetWedged,
		evict:   a.gateway.Evict,
		pause:   a.yielder.pause,
		unload:  a.engines.Unload,
		restart: a.replaceEngine,
		healed:  func(k batching.Key) { a.gateway.Unloaded(k.Engine, k.Model) }, // a load after it is no app's doing
		changed: a.wedged,
	})
}

// replaceEngine has the process of an engine replaced that Carpool runs.
func (a *App) replaceEngine(e backends.Info, why string) error {
	for _, s := range a.launcher.States() {
		if s.URL == e.URL && s.Alive() {
			return a.launcher.Restart(s.Name, why)
		}
	}
	return errors.New("carpool does not run it")
}

// wedged notes what became known of a model for which its engine does not answer.
func (a *App) wedged(k batching.Key, what string) {
	a.log.Warn("wedged", "engine", k.Engine, "model", k.Model, "event", what)
	a.recorder.plain(EventWedged, k.Engine, k.Model, what)
	a.changed()
}
