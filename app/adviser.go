package app

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"carpool/app/advice"
	"carpool/app/config"
	"carpool/app/fit"
	"carpool/app/gateway"
	"carpool/app/tuner"
	"carpool/backends"
	"carpool/batching"
	"carpool/storage"
)

const (
	adviseEvery = 5 * time.Second
	// advisedBy is how far back advice looks, as far as the live charts do.
	advisedBy = liveSamples * time.Second
)

// adviser gathers what advice comes from. It is the tick's alone.
//
// What was seen under other rules is no evidence: a change of one begins anew, so
// that a button that was pressed is not asked for again at once.
type adviser struct {
	rules  ruled
	since  time.Time // of the rules
	next   time.Time
	counts []advised             // one for each look, oldest first
	steady []storage.CurveSecond // of the time that advice looks back
}

// ruled are the settings that advice is about.
type ruled struct {
	batching config.Batching
	adaptive config.Adaptive
	embed    config.Embed
}

// advised are counts since the start, at one moment.
type advised struct {
	at                          time.Time
	requests, batches           uint64
	embeddings, merged, merging uint64 // calls of clients, those that were merged, and calls of engines for them
}

// advise looks again at what would help, if it is time. steady is what the second
// that ends now had.
func (a *App) advise(now time.Time, steady []storage.CurveSecond) {
	c := a.config.Load()
	w := &a.adviser
	if rules := (ruled{c.Batching, c.Adaptive, c.Embed}); rules != w.rules || w.since.IsZero() {
		*w = adviser{rules: rules, since: now, counts: []advised{a.advised(now)}}
		a.advice.Store(&[]advice.Advice{})
	}
	w.steady = append(w.steady, steady...)
	if now.Before(w.next) {
		return
	}
	w.next = now.Add(adviseEvery)
	old := func(at time.Time) bool { return now.Sub(at) > advisedBy }
	w.steady = slices.DeleteFunc(w.steady, func(s storage.CurveSecond) bool { return old(s.At) })
	w.counts = append(slices.DeleteFunc(w.counts, func(c advised) bool { return old(c.at) }), a.advised(now))
	all := advice.Of(a.facts(*c))
	a.advice.Store(&all)
}

// lastAdvice is what would help most, as of the last look.
func (a *App) lastAdvice() []advice.Advice {
	if all := a.advice.Load(); all != nil {
		return *all
	}
	return []advice.Advice{}
}

func (a *App) advised(now time.Time) advised {
	t, m := a.scheduler.Totals(), a.gateway.Stats().Merge
	return advised{at: now, requests: t.Requests, batches: t.Batches,
		embeddings: a.recorder.embeddings.Load(), merged: m.Requests, merging: m.Calls}
}

func (a *App) facts(c config.Config) advice.Facts {
	w := &a.adviser
	first, last := w.counts[0], w.counts[len(w.counts)-1]
	f := advice.Facts{
		Off: !c.Batching.Enabled, Serial: !c.Batching.Enabled && c.Batching.OffMode == "serial",
		Mode: c.Batching.Mode, SizeKey: tuner.SizeKey(c),
		Wait:    time.Duration(c.Batching.MaxBatchWaitMS) * time.Millisecond,
		Target:  time.Duration(c.Adaptive.LatencyTargetMS) * time.Millisecond,
		Merging: c.Embed.Merge,
		Span:    last.at.Sub(first.at), Requests: int(last.requests - first.requests), Batches: int(last.batches - first.batches),
		Embeddings: int(last.embeddings - first.embeddings),
		Merged:     int(last.merged - first.merged), MergedInto: int(last.merging - first.merging),
		Reloads: reloads(a.gateway.Reloads().Advice),
	}
	if s, ok := config.Lookup(f.SizeKey); ok {
		f.SizeMost = s.Max
	}
	if value, err := c.Get(f.SizeKey); err == nil {
		f.Size, _ = strconv.Atoi(value) // it is a number, as the key says
	}
	f.Busy, f.Running, f.Waiting = a.live.load(w.since)
	if key, ok := mostAsked(a.scheduler.Loads(), a.tuner.States()); ok {
		f.Model = a.advisedModel(key)
		f.Model.Paces = paces(w.steady, key)
	}
	return f
}

// mostAsked is the model that most wait for, else the one used last.
func mostAsked(loads []batching.Load, used []tuner.State) (batching.Key, bool) {
	var most batching.Load
	for _, l := range loads {
		if l.Waiting > most.Waiting {
			most = l
		}
	}
	switch {
	case most.Waiting > 0:
		return most.Key, true
	case len(used) > 0:
		return used[0].Key, true
	}
	return batching.Key{}, false
}

// advisedModel is what is known of a model and of how much more it could do.
func (a *App) advisedModel(key batching.Key) advice.Model {
	m := advice.Model{Engine: key.Engine, Label: key.Engine, Name: key.Model, Limit: a.tuner.LimitOf(key)}
	for _, t := range a.tuner.States() {
		if t.Key == key {
			m.Slots = t.Slots
		}
	}
	engines := a.engines.Snapshot()
	i := slices.IndexFunc(engines, func(e backends.Info) bool { return e.Name == key.Engine })
	if i < 0 {
		return m
	}
	e := engines[i]
	m.Label = e.Label
	if m.Slots == 0 {
		m.Slots = e.Slots
	}
	m.Hint = e.SlotsAdvice(key.Model, m.Slots)
	if !e.Local() || e.Simulated {
		return m
	}
	for _, model := range e.Models {
		if named(model.Name, key.Model) {
			m.Fits = a.memorySeen().table(e, model, fit.Question{}).Largest
		}
	}
	return m
}

// reloads are those that go on, with the setting that ends them.
func reloads(found []gateway.ReloadAdvice) (all []advice.Reload) {
	for _, r := range found {
		reload := advice.Reload{Model: r.Model, Text: r.Text}
		if setting, ok := strings.CutPrefix(r.Command, "carpool set "); ok {
			reload.Key, reload.Value, _ = strings.Cut(setting, "=")
		}
		all = append(all, reload)
	}
	return all
}

// paces are how fast streams of a model went, by how many ran at once.
func paces(seconds []storage.CurveSecond, key batching.Key) []advice.Pace {
	byRunning := map[int]*advice.Pace{}
	tokens := map[int]int64{}
	for _, s := range seconds {
		if s.Engine != key.Engine || s.Model != key.Model {
			continue
		}
		p := byRunning[s.Running]
		if p == nil {
			p = &advice.Pace{Running: s.Running}
			byRunning[s.Running] = p
		}
		p.Seconds++
		tokens[s.Running] += s.Tokens
	}
	var all []advice.Pace
	for n, p := range byRunning {
		if tokens[n] > 0 {
			p.Token = time.Duration(p.Seconds*n) * time.Second / time.Duration(tokens[n])
			all = append(all, *p)
		}
	}
	slices.SortFunc(all, func(a, b advice.Pace) int { return a.Running - b.Running })
	return all
}
