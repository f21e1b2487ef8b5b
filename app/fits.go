package app

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"carpool/app/config"
	"carpool/app/fit"
	"carpool/app/gpus"
	"carpool/app/tuner"
	"carpool/backends"
	"carpool/backends/launch"
	"carpool/batching"
)

const (
	mostFits   = 64 // models of a snapshot
	mostTables = 8  // models of an engine that are looked at unasked
)

// EngineMemory says what models would take of the GPU and whether that fits: the
// one that q names on each engine of this machine that has it, else those that are
// loaded or were used. It fails where no engine here has the model.
func (a *App) EngineMemory(q fit.Question) ([]fit.Table, error) {
	s := a.memorySeen()
	tables := []fit.Table{}
	for _, e := range s.engines {
		if q.Engine != "" && q.Engine != e.Name {
			continue
		}
		looked := 0
		for _, m := range s.models(e) {
			if q.Model == "" && (!m.Loaded && !s.used(e, m) || looked >= mostTables) || q.Model != "" && !named(m.Name, q.Model) {
				continue
			}
			looked++
			tables = append(tables, s.table(e, m, q))
		}
	}
	if q.Model != "" && len(tables) == 0 {
		return nil, fmt.Errorf("no engine on this machine has the model %s; \"carpool status --json\" lists what they have", q.Model)
	}
	return tables, nil
}

// named reports whether a model of an engine is the one that is asked for.
func named(model, asked string) bool {
	return strings.EqualFold(model, asked) || strings.EqualFold(model, asked+":latest")
}

// memorySeen is all that fits depend on, as it is now.
func (a *App) memorySeen() memorySeen {
	s := memorySeen{tuned: a.tuner.States(), loads: map[batching.Key]batching.Load{}, launched: a.launcher.States(),
		config: *a.config.Load(), gpu: a.gpuOf}
	for _, e := range a.engines.Snapshot() {
		if e.Health == backends.Up && e.Local() && !e.Simulated {
			s.engines = append(s.engines, e)
		}
	}
	for _, l := range a.scheduler.Loads() {
		s.loads[l.Key] = l
	}
	return s
}

// memorySeen is what fits depend on.
type memorySeen struct {
	engines  []backends.Info // up, and on this machine
	tuned    []tuner.State
	loads    map[batching.Key]batching.Load
	launched []launch.State
	config   config.Config
	gpu      func(engine string) gpus.State
}

// fits are those of all models, as they are or would be loaded now; the loaded
// ones of an engine first.
func (s memorySeen) fits() []fit.Fit {
	all := []fit.Fit{}
	for _, e := range s.engines {
		for _, m := range s.models(e) {
			if len(all) == mostFits {
				return all
			}
			all = append(all, s.fit(e, m, fit.Question{}))
		}
	}
	return all
}

// models are those of an engine: loaded ones, then those that were used, then the
// others.
func (s memorySeen) models(e backends.Info) []backends.Model {
	rank := func(m backends.Model) int {
		switch {
		case m.Loaded:
			return 0
		case s.used(e, m):
			return 1
		}
		return 2
	}
	all := slices.Clone(e.Models)
	slices.SortStableFunc(all, func(a, b backends.Model) int { return cmp.Compare(rank(a), rank(b)) })
	return all
}

func (s memorySeen) used(e backends.Info, m backends.Model) bool {
	return slices.ContainsFunc(s.tuned, func(t tuner.State) bool { return t.Engine == e.Name && t.Model == m.Name })
}

func (s memorySeen) busy(k batching.Key) bool { return s.loads[k].InFlight+s.loads[k].Waiting > 0 }

// table is what a model takes, and would with other numbers of slots.
func (s memorySeen) table(e backends.Info, m backends.Model, q fit.Question) fit.Table {
	return fit.NewTable(s.fit(e, m, q), sizes(m), s.free(e, m), m.Slots)
}

// fit is what a model takes as it is loaded, else what it would take. What q says
// goes before what is known.
func (s memorySeen) fit(e backends.Info, m backends.Model, q fit.Question) fit.Fit {
	need := fit.NewNeed(sizes(m), cmp.Or(q.Slots, s.slots(e, m)), cmp.Or(q.Context, s.context(e, m)))
	free, asked := s.free(e, m), q.Slots > 0 || q.Context > 0
	var f fit.Fit
	switch {
	case m.Loaded && !asked && m.Memory.LoadedBytes > 0 && free.Known:
		f = fit.Loaded(sizes(m), need, free, m.Memory.LoadedBytes, uint64(max(m.VRAM, 0)), s.slots(e, m) > 0)
	case m.Loaded && !asked:
		f = fit.Taken(need)
	default:
		f = fit.Judge(sizes(m), need, free)
	}
	f.Engine, f.Model = e.Name, m.Name
	return f
}

func sizes(m backends.Model) fit.Model {
	return fit.Model{Known: m.Memory.Known, AtMost: m.Memory.AtMost, Weights: m.Memory.WeightBytes,
		KVPerToken: m.Memory.KVPerToken(), WindowPerToken: m.Memory.WindowPerToken(), Window: m.Memory.Window, State: m.Memory.StateBytes,
		WorkPerToken: m.Memory.WorkPerToken}
}

// slots is how many requests of a model run at once: always, as was found of it or
// of another one that runs as many as the engine was set to, or as told; 0 = not known.
func (s memorySeen) slots(e backends.Info, m backends.Model) int {
	if m.Slots > 0 {
		return m.Slots
	}
	found := 0
	for _, t := range s.tuned {
		switch {
		case t.Engine != e.Name || t.Slots == 0:
		case t.Model == m.Name:
			return t.Slots
		case found == 0 && !slices.ContainsFunc(e.Models, func(o backends.Model) bool { return o.Name == t.Model && o.Slots > 0 }):
			found = t.Slots
		}
	}
	return cmp.Or(found, e.Slots)
}

// context is how many tokens a slot of a model holds, or would: as it is loaded,
// as models.num_ctx, the model itself, or whoever started the engine wants it,
// else as the engine does by itself.
func (s memorySeen) context(e backends.Info, m backends.Model) int {
	tokens := m.Context
	if e.Kind == backends.KindOllama && !(m.Loaded && m.Context > 0) {
		model := strings.TrimSuffix(strings.ToLower(m.Name), ":latest")
		tokens = cmp.Or(s.config.Models.NumCtxOf()[model], m.Memory.ContextSet, s.startedContext(e),
			memoryOf(s.gpu(e.Name)).OllamaContext())
	}
	if most := m.Memory.ContextMax; most > 0 {
		tokens = min(cmp.Or(tokens, most), most)
	}
	return tokens
}

// startedContext is the context that an engine was started with here; 0 = its own.
func (s memorySeen) startedContext(e backends.Info) int {
	for _, l := range s.launched {
		if l.URL == e.URL && l.Alive() {
			return l.Context
		}
	}
	return 0
}

// free is the memory that a model can have: what nobody has, less the reserve, and
// what it has itself. Ollama unloads idle models for it, and so theirs counts.
func (s memorySeen) free(e backends.Info, m backends.Model) fit.Free {
	bytes, known := s.gpu(e.Name).Free()
	if !known {
		return fit.Free{}
	}
	bytes -= min(bytes, uint64(s.config.GPU.ReserveMiB)<<20)
	for _, o := range e.Models {
		own := o.Name == m.Name
		if own || e.Kind == backends.KindOllama && !s.busy(batching.Key{Engine: e.Name, Model: o.Name}) {
			bytes += uint64(max(o.VRAM, 0))
		}
	}
	if m.Loaded && m.Memory.LoadedBytes == 0 { // by an engine that does not tell what it takes
		own := fit.NewNeed(sizes(m), s.slots(e, m), s.context(e, m))
		if !own.Known || own.AtMost {
			return fit.Free{}
		}
		bytes += own.Total
	}
	return fit.Free{Bytes: bytes, Known: true}
}

// fitting is what every model takes, as of the last second.
type fitting struct {
	fits []fit.Fit
	told map[batching.Key]bool // of which it was said that they spill
}

// spilling are the models that are asked for and of which a part runs, or will
// run, on the CPU, each once for as long as it stays loaded or asked for.
func (f *fitting) spilling(s memorySeen) []fit.Fit {
	var news []fit.Fit
	told := map[batching.Key]bool{}
	for _, one := range f.fits {
		key := batching.Key{Engine: one.Engine, Model: one.Model}
		switch {
		case f.told[key] && (one.Loaded || s.busy(key)):
			told[key] = true
		case s.busy(key) && one.Judged && !one.Fits:
			told[key] = true
			news = append(news, one)
		}
	}
	f.told = told
	return news
}

// refit looks at what every model takes, and tells of those that spill. Only the
// tick may call it.
func (a *App) refit() {
	s := a.memorySeen()
	a.fitting.fits = s.fits()
	fits := a.fitting.fits
	a.fits.Store(&fits)
	for _, f := range a.fitting.spilling(s) {
		a.log.Warn("memory", "engine", f.Engine, "model", f.Model, "reason", f.Words, "advice", f.Advice)
		a.recorder.plain(EventMemory, f.Engine, f.Model, f.Reason())
	}
}

// lastFits are those of the last second.
func (a *App) lastFits() []fit.Fit {
	if fits := a.fits.Load(); fits != nil {
		return *fits
	}
	return []fit.Fit{}
}
