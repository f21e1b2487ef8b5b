package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"carpool/app/wedge"
	"carpool/backends"
	"carpool/batching"
)

const (
	healGrace  = 5 * time.Second        // for requests to leave the engine
	healDrain  = 30 * time.Second       // for other models' answers, before their engine is replaced
	healEffect = 15 * time.Second       // until the model is seen to be gone
	healLook   = 100 * time.Millisecond // between two looks
)

// healer notices models for which their engines have stopped answering, says so, and
// has them unloaded, or their engine replaced where Carpool runs it. It asks no engine
// for a token, and touches no model that is not loaded.
type healer struct {
	healParts
	care map[batching.Key]*wedge.Care // run's alone
	told map[batching.Key]bool        // the wedged ones, as the gateway knows them; run's alone

	mu   sync.Mutex
	sick map[batching.Key]illness // guarded by mu
}

// illness is what is wrong with a model on its engine.
type illness struct {
	wedge.Verdict
	label string // of the engine
	said  string // what is done about it; "" = nothing
}

// healParts are what a healer looks at and what it moves.
type healParts struct {
	pulses  *pulses
	stall   func() time.Duration
	engines func() []backends.Info
	loads   func() []batching.Load
	wedged  func(map[batching.Key]bool)
	evict   func(engine, model string) // ends what is in the engine
	pause   func(engine, why string) (resume func())
	unload  func(ctx context.Context, engine, model string) error // up to 10 s
	restart func(engine backends.Info, why string) error          // fails where Carpool does not run it
	healed  func(k batching.Key)                                  // its model is gone
	changed func(k batching.Key, what string)                     // hears of each change, in words
}

func newHealer(p healParts) *healer {
	return &healer{healParts: p, care: map[batching.Key]*wedge.Care{}, sick: map[batching.Key]illness{}}
}

// run looks once a second until ctx ends.
func (h *healer) run(ctx context.Context) {
	eachSecond(ctx, func(time.Time) { h.step(ctx, time.Now()) }) // healing takes longer than a tick waits
}

func (h *healer) step(ctx context.Context, now time.Time) {
	engines, stall := h.engines(), h.stall()
	found := map[batching.Key]illness{}
	h.pulses.each(func(k batching.Key, p *wedge.Pulse) {
		e, ok := loadedAt(engines, k)
		if !ok {
			p.Excuse(now)
			return
		}
		if v := p.Judge(now, stall); v != (wedge.Verdict{}) {
			found[k] = illness{Verdict: v, label: e.Label}
		}
	})
	h.note(found)
	for k, i := range found {
		if i.Wedged && ctx.Err() == nil {
			h.heal(ctx, now, k)
		}
	}
}

// loadedAt is the engine of a key, if it is up and has the model loaded.
func loadedAt(engines []backends.Info, k batching.Key) (backends.Info, bool) {
	for _, e := range engines {
		if e.Name == k.Engine {
			return e, e.Health == backends.Up && !e.Simulated && hasLoaded(e, k.Model)
		}
	}
	return backends.Info{}, false
}

func hasLoaded(e backends.Info, model string) bool {
	return slices.ContainsFunc(e.Models, func(m backends.Model) bool { return m.Name == model && m.Loaded })
}

// note puts what was found in the place of what was known, and tells of what changed.
func (h *healer) note(found map[batching.Key]illness) {
	h.mu.Lock()
	was := h.sick
	h.sick = map[batching.Key]illness{}
	for k, i := range found {
		if old, known := was[k]; known && old.Wedged == i.Wedged {
			i.Reason, i.said = old.Reason, old.said
		}
		h.sick[k] = i
	}
	is := maps.Clone(h.sick)
	h.mu.Unlock()
	h.tell()
	for k, i := range is {
		if old, known := was[k]; !known || old.Wedged != i.Wedged {
			h.changed(k, i.what())
		}
	}
	for k := range was {
		if _, still := is[k]; !still {
			h.changed(k, "answers again")
		}
	}
}

// what is wrong, without the names of engine and model.
func (i illness) what() string {
	if i.Partial {
		return "answers only some requests: " + i.Reason
	}
	return "has stopped answering: " + i.Reason
}

// heal has a wedged model unloaded, or its engine replaced, if the last try is long
// enough ago. What waits is held meanwhile.
func (h *healer) heal(ctx context.Context, now time.Time, k batching.Key) {
	care := h.care[k]
	if care == nil {
		care = &wedge.Care{}
		h.care[k] = care
	}
	if !care.Due(now) {
		return
	}
	care.Tried(now)
	h.say(k, "its model is being unloaded")
	resume := h.pause(k.Engine, "its model is being unloaded, since the engine had stopped answering")
	defer resume()
	h.evict(k.Engine, k.Model)
	h.await(ctx, healGrace, func() bool { return h.inFlight(k) == 0 })
	e, ok := loadedAt(h.engines(), k)
	if !ok || ctx.Err() != nil {
		return
	}
	done, err := "the model was unloaded", h.unload(ctx, k.Engine, k.Model)
	if err == nil && !h.await(ctx, healEffect, func() bool { _, still := loadedAt(h.engines(), k); return !still }) {
		err = errors.New("the engine keeps the model")
	}
	if err != nil {
		if ctx.Err() != nil {
			return
		}
		h.empty(ctx, k.Engine)
		done = "the engine is started again"
		if again := h.restart(e, "it had stopped answering"); again != nil {
			h.say(k, "it could not be unloaded: "+err.Error())
			h.changed(k, "could not be healed: "+err.Error())
			return
		}
	}
	h.healed(k)
	h.pulses.of(k, func(p *wedge.Pulse) { p.Excuse(time.Now()) })
	h.mu.Lock()
	delete(h.sick, k)
	h.mu.Unlock()
	h.changed(k, fmt.Sprintf("healed: %s, after %v", done, time.Since(now).Round(100*time.Millisecond)))
	h.tell()
}

// empty lets the engine's other models end what they answer, then ends the rest.
func (h *healer) empty(ctx context.Context, engine string) {
	busy := func() (models []string) {
		for _, l := range h.loads() {
			if l.Engine == engine && l.InFlight > 0 {
				models = append(models, l.Model)
			}
		}
		return models
	}
	h.await(ctx, healDrain, func() bool { return len(busy()) == 0 })
	for _, model := range busy() {
		h.evict(engine, model)
	}
	h.await(ctx, healGrace, func() bool { return len(busy()) == 0 })
}

// tell has the gateway know which models are wedged now, if those are others: it
// looks at each call then.
func (h *healer) tell() {
	h.mu.Lock()
	all := map[batching.Key]bool{}
	for k, i := range h.sick {
		if i.Wedged {
			all[k] = true
		}
	}
	h.mu.Unlock()
	if !maps.Equal(all, h.told) {
		h.told = all
		h.wedged(all)
	}
}

func (h *healer) say(k batching.Key, what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i, ok := h.sick[k]; ok {
		i.said = what
		h.sick[k] = i
	}
}

func (h *healer) inFlight(k batching.Key) int {
	for _, l := range h.loads() {
		if l.Key == k {
			return l.InFlight
		}
	}
	return 0
}

// await looks until ok is true, and reports whether it became so in time.
func (h *healer) await(ctx context.Context, patience time.Duration, ok func() bool) bool {
	look := time.NewTicker(healLook)
	defer look.Stop()
	for end := time.Now().Add(patience); !ok(); {
		select {
		case <-ctx.Done():
			return false
		case now := <-look.C:
			if now.After(end) {
				return false
			}
		}
	}
	return true
}

// Problems are what is wrong, for people, in the order of the engines' and models'
// names.
func (h *healer) Problems() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for k, i := range h.sick {
		text := fmt.Sprintf("%s, %s: it %s", i.label, k.Model, i.what())
		if i.said != "" {
			text += "; " + i.said
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// mark puts what is wrong with an engine beside what the registry tells of it.
func (h *healer) mark(engines []backends.Info) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range engines {
		var all []string
		for k, s := range h.sick {
			if k.Engine == engines[i].Name && engines[i].Problem == "" {
				all = append(all, s.what()+" ("+k.Model+")")
			}
		}
		if len(all) > 0 {
			slices.Sort(all)
			engines[i].Problem = engines[i].Label + " " + strings.Join(all, "; ")
		}
	}
}
