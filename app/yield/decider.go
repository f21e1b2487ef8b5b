package yield

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"carpool/app/gpus"
)

// Settings are the rules of a decision. A threshold of 0 does not count.
type Settings struct {
	Memory      uint64        // bytes from which on others have taken a GPU
	Utilization float64       // 0..1 of a GPU's time from which on they have
	Fullscreen  bool          // a program that fills the screen has
	After       time.Duration // how long they must have it before Carpool makes way
	Back        time.Duration // how long it must be free again before Carpool comes back
	Reserve     uint64        // bytes of a GPU that are to stay free
	Size        int           // for State.Size
	Engines     []string      // those that run on this machine; without one there is nothing to give
}

// Decider remembers what it takes to neither begin nor end at a passing whim. The
// zero value is ready. It is for one goroutine at a time.
type Decider struct {
	watches []*watch          // of each GPU seen, in the order of their first reading
	homes   map[string]string // the GPU that each engine was last seen on
	screen  latch
	filler  string // what fills the screen, or last did
	since   time.Time
}

// Decide tells whether Carpool makes way, and why. states are all GPUs of the
// machine, the one that Carpool goes by first: an engine that was never seen on any
// counts as on that one. fullscreen is what fills the screen, for people; "" =
// nothing does, or it is not known. now must not go backwards.
func (d *Decider) Decide(now time.Time, c Settings, states []gpus.State, fullscreen string) State {
	d.look(now, c, states)
	d.place(c, states)
	d.lookAtScreen(now, c, fullscreen)
	s := d.sum(c)
	switch {
	case !s.On:
		d.since = time.Time{}
	case d.since.IsZero():
		d.since = now
	}
	s.Since = d.since
	return s
}

// look passes the readings on. A GPU that gives none any more is watched on while
// it matters, as one that does not answer.
func (d *Decider) look(now time.Time, c Settings, states []gpus.State) {
	for _, w := range d.watches {
		if !slices.ContainsFunc(states, func(s gpus.State) bool { return keyOf(s) == w.key }) {
			w.see(now, c, gpus.State{})
		}
	}
	for _, s := range states {
		key := keyOf(s)
		w := d.watch(key)
		if w == nil {
			w = &watch{key: key}
			d.watches = append(d.watches, w)
		}
		w.see(now, c, s)
	}
	d.watches = slices.DeleteFunc(d.watches, func(w *watch) bool {
		return !w.on && !slices.ContainsFunc(states, func(s gpus.State) bool { return keyOf(s) == w.key })
	})
}

// place finds each engine's GPU. One that has unloaded its model is on none, and
// will be back on its last.
func (d *Decider) place(c Settings, states []gpus.State) {
	if d.homes == nil {
		d.homes = map[string]string{}
	}
	for _, w := range d.watches {
		w.engines = nil
	}
	placed := map[string]bool{}
	for _, s := range states {
		for _, e := range s.Engines {
			d.watch(keyOf(s)).engines = append(d.watch(keyOf(s)).engines, e)
			d.homes[e], placed[e] = keyOf(s), true
		}
	}
	for _, e := range c.Engines {
		if placed[e] {
			continue
		}
		w := d.watch(d.homes[e])
		if w == nil && len(states) > 0 {
			w = d.watch(keyOf(states[0]))
		}
		if w != nil {
			w.engines = append(w.engines, e)
		}
	}
}

func (d *Decider) lookAtScreen(now time.Time, c Settings, fullscreen string) {
	l := free
	if c.Fullscreen && fullscreen != "" {
		l, d.filler = taken, fullscreen
	}
	d.screen.see(now, l, c)
}

// sum joins what holds for each GPU.
func (d *Decider) sum(c Settings) State {
	var s State
	add := func(why cause, engines []string) {
		if !s.On {
			s = State{On: true, Reason: why.text, For: why.who, Size: c.Size}
		}
		s.Engines = append(s.Engines, engines...)
	}
	for _, w := range d.watches {
		if w.on && len(w.engines) > 0 {
			add(w.cause, w.engines)
		}
	}
	if d.screen.on && len(c.Engines) > 0 {
		add(cause{who: d.filler, text: d.filler + " fills the screen"}, c.Engines)
	}
	slices.Sort(s.Engines)
	s.Engines = slices.Compact(s.Engines)
	return s
}

func (d *Decider) watch(key string) *watch {
	for _, w := range d.watches {
		if w.key == key {
			return w
		}
	}
	return nil
}

// keyOf tells GPUs apart.
func keyOf(s gpus.State) string { return cmp.Or(s.UUID, fmt.Sprintf("%s %d", s.Source, s.Index)) }
