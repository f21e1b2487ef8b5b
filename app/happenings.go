package app

import (
	"time"

	"carpool/app/gateway"
	"carpool/app/tuner"
	"carpool/batching"
)

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
