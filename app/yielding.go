package app

import (
	"strings"
	"time"

	"carpool/app/config"
	"carpool/app/gpus"
	"carpool/app/yield"
	"carpool/batching"
)

// openYielding joins the parts that make way for other programs.
func (a *App) openYielding() {
	a.yielder = newYielder(yieldParts{
		config:  func() config.Config { return *a.config.Load() },
		gpus:    a.gpusByRank,
		screen:  fullscreen,
		engines: a.engines.Snapshot,
		hold:    a.scheduler.Hold,
		cap:     a.tuner.Cap,
		setAway: a.gateway.SetAway,
		changed: a.yielded,
	})
	a.unloader = newUnloader(unloadParts{
		state:   a.yielder.State,
		idle:    func() bool { return a.config.Load().Yield.Mode == "unload" },
		engines: a.engines.Snapshot,
		loads:   a.scheduler.Loads,
		pause:   a.yielder.pause,
		unload:  a.engines.Unload,
		done:    a.unloaded,
	})
}

// gpusByRank are the GPUs as read last, the one that Carpool goes by first.
func (a *App) gpusByRank() []gpus.State {
	first := a.gpu()
	all := []gpus.State{first}
	for _, s := range a.gpus() {
		if s.Index != first.Index || s.UUID != first.UUID || s.Source != first.Source {
			all = append(all, s)
		}
	}
	return all
}

// yielding is whether Carpool makes way now.
func (a *App) yielding() yield.State {
	s := a.yielder.State()
	if s.On {
		s.Kept = a.unloader.Kept()
	}
	return s
}

// yielded notes that Carpool begins to make way, for another reason, or comes back.
func (a *App) yielded(was, is yield.State) {
	s := is
	var reason string
	switch {
	case !is.On:
		s, reason = was, "comes back after "+time.Since(was.Since).Round(time.Second).String()
	case is.Manual:
		reason = is.Reason
	case was.On && !was.Manual:
		reason = "still makes way: " + is.Reason
	default:
		reason = "makes way, " + atATime(is.Size) + ": " + is.Reason
	}
	engines := strings.Join(s.Engines, ", ")
	a.log.Info("yield", "engines", engines, "reason", reason)
	a.recorder.plain(EventYield, engines, "", reason)
	a.makeWay(is)
	a.changed()
}

// unloaded notes how a model left the GPU's memory, or why it did not.
func (a *App) unloaded(k batching.Key, err error) {
	if err != nil {
		a.log.Warn("yield", "engine", k.Engine, "model", k.Model, "error", err)
		a.recorder.plain(EventYield, k.Engine, k.Model, "stays in the GPU's memory: "+err.Error())
		return
	}
	a.gateway.Unloaded(k.Engine, k.Model)
	a.log.Info("yield", "engine", k.Engine, "model", k.Model, "reason", "left the GPU's memory")
	a.recorder.plain(EventYield, k.Engine, k.Model, "left the GPU's memory")
	a.changed()
}
