package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"carpool/app/config"
	"carpool/app/control"
	"carpool/app/gateway"
	"carpool/app/gpus"
	"carpool/app/tuner"
	"carpool/app/yield"
	"carpool/backends"
	"carpool/batching"
)

// yielder makes way for other programs on the GPU. Each second, and at each order, it
// decides and tells the parts that carry it out; what runs goes on unless the user
// wants it to end.
type yielder struct {
	yieldParts

	// stepping is held from a decision until the parts have it, so that an older one
	// never overtakes.
	stepping sync.Mutex
	decider  yield.Decider
	manual   manual
	paused   []*standstill
	held     map[string]batching.Hold
	capped   tuner.Cap
	away     gateway.Away

	mu    sync.Mutex
	state yield.State // guarded by mu
}

// yieldParts are what a yielder looks at and what it moves. All must be quick.
type yieldParts struct {
	config  func() config.Config
	gpus    func() []gpus.State // the one that Carpool goes by first
	screen  func() string       // what fills it, for people; "" = nothing
	engines func() []backends.Info
	hold    func(map[string]batching.Hold)
	cap     func(tuner.Cap)
	setAway func(gateway.Away)
	changed func(was, is yield.State) // hears of each change of more than figures
}

// standstill is an engine's whose waiting requests do not go, until its owner ends it.
type standstill struct {
	engine, why string
}

// manual is the user's own order.
type manual struct {
	on    bool
	stop  bool
	since time.Time
	until time.Time // zero = until it is ended
}

func newYielder(p yieldParts) *yielder {
	return &yielder{yieldParts: p}
}

// YieldOrder says how the user gives the GPU away.
type YieldOrder = control.YieldOrder

const (
	shortestYield = time.Second
	longestYield  = 24 * time.Hour
)

// Yield gives the GPU to other programs now: nothing new runs on the engines of this
// machine, and their models leave its memory as soon as nothing runs there. What
// waits goes on waiting. A second order takes the place of the first. It ends with
// Resume, with its time, or with Carpool. It fails where the time is out of range or
// Carpool is shutting down.
func (a *App) Yield(_ context.Context, o YieldOrder) error {
	if o.For != 0 && (o.For < shortestYield || o.For > longestYield) {
		return fmt.Errorf("the GPU can be given away for 1s to 24h, not for %s", o.For)
	}
	if a.draining.Load() {
		return errors.New("carpool is shutting down")
	}
	a.yielder.order(time.Now(), o)
	a.changed()
	return nil
}

// Resume takes the GPU back that Yield gave away; nothing otherwise.
func (a *App) Resume(context.Context) error {
	a.yielder.end(time.Now())
	a.changed()
	return nil
}

func (y *yielder) order(now time.Time, o YieldOrder) {
	y.stepping.Lock()
	defer y.stepping.Unlock()
	m := manual{on: true, stop: o.Stop, since: now}
	if y.manual.on {
		m.since = y.manual.since
	}
	if o.For > 0 {
		m.until = now.Round(0).Add(o.For) // by the wall clock: the other one stands still while the computer sleeps
	}
	y.manual = m
	y.step(now)
}

func (y *yielder) end(now time.Time) {
	y.stepping.Lock()
	defer y.stepping.Unlock()
	y.manual = manual{}
	y.step(now)
}

// run decides each second until ctx ends.
func (y *yielder) run(ctx context.Context) {
	eachSecond(ctx, func(now time.Time) {
		y.stepping.Lock()
		defer y.stepping.Unlock()
		y.step(now)
	})
}

// State is what was decided last.
func (y *yielder) State() yield.State {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.state
}

// pause keeps an engine's waiting requests from going until resume is called, and that
// of every other pause of it.
func (y *yielder) pause(engine, why string) (resume func()) {
	y.stepping.Lock()
	defer y.stepping.Unlock()
	own := &standstill{engine, why}
	y.paused = append(y.paused, own)
	y.apply(y.State())
	return func() {
		y.stepping.Lock()
		defer y.stepping.Unlock()
		y.paused = slices.DeleteFunc(y.paused, func(other *standstill) bool { return other == own })
		y.apply(y.State())
	}
}

// step decides and has it done. The caller holds stepping.
func (y *yielder) step(now time.Time) {
	if !y.manual.until.IsZero() && !now.Before(y.manual.until) {
		y.manual = manual{}
	}
	c := y.config()
	engines := y.engines()
	is := y.automatic(now, c, localEngines(everUp(engines)))
	if y.manual.on {
		is = y.manual.state(localEngines(engines))
	}
	y.apply(is)
	y.mu.Lock()
	was := y.state
	y.state = is
	y.mu.Unlock()
	if was.On != is.On || was.Manual != is.Manual || was.Reason != is.Reason || !slices.Equal(was.Engines, is.Engines) {
		y.changed(was, is)
	}
}

// automatic is what other programs are the reason for. It is also asked while the
// user's order is what counts, so that it knows then how things are.
func (y *yielder) automatic(now time.Time, c config.Config, local []string) yield.State {
	if c.Yield.Mode == "off" {
		y.decider = yield.Decider{}
		return yield.State{}
	}
	filler := ""
	if c.Yield.Fullscreen {
		filler = y.screen()
	}
	return y.decider.Decide(now, yieldSettings(c, local), y.gpus(), filler)
}

// yieldSettings are the rules under c.
func yieldSettings(c config.Config, local []string) yield.Settings {
	const mebibyte = 1 << 20
	s := c.Yield
	return yield.Settings{
		Memory: uint64(s.MemoryMiB) * mebibyte, Utilization: float64(s.UtilizationPct) / 100, Fullscreen: s.Fullscreen,
		After: time.Duration(s.AfterS) * time.Second, Back: time.Duration(s.BackS) * time.Second,
		Reserve: uint64(c.GPU.ReserveMiB) * mebibyte, Size: s.Size, Engines: local,
	}
}

// localEngines are the names of those that run on this machine, also while they do
// not answer.
func localEngines(all []backends.Info) []string {
	var names []string
	for _, e := range all {
		if e.Local() {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return names
}

// everUp are the engines that were ever up: a usual address where none was found has
// nothing to make way with.
func everUp(all []backends.Info) []backends.Info {
	return slices.DeleteFunc(slices.Clone(all), func(e backends.Info) bool { return e.Seen.IsZero() })
}

func (m manual) state(local []string) yield.State {
	reason := "GPU given away"
	if !m.until.IsZero() {
		reason += " until " + m.until.Local().Format("15:04")
	}
	return yield.State{On: true, Manual: true, Reason: reason, Since: m.since, Until: m.until, Engines: local}
}

// apply tells the parts what has changed. Who waits is held before who runs is
// interrupted, and let go after. The caller holds stepping.
func (y *yielder) apply(s yield.State) {
	if !s.Manual {
		y.tellAway(gateway.Away{})
	}
	if held := holds(s, y.paused); !maps.Equal(y.held, held) {
		y.held = held
		y.hold(held)
	}
	if s.Manual {
		y.tellAway(gateway.Away{Engines: s.Engines, Until: s.Until, Interrupt: y.manual.stop})
	}
	capped := tuner.Cap{}
	if s.On && !s.Manual {
		capped = tuner.Cap{Engines: s.Engines, Size: s.Size, Reason: "makes way: " + s.Reason}
	}
	if !sameCap(y.capped, capped) {
		y.capped = capped
		y.cap(capped)
	}
}

func (y *yielder) tellAway(a gateway.Away) {
	if !slices.Equal(y.away.Engines, a.Engines) || !y.away.Until.Equal(a.Until) || y.away.Interrupt != a.Interrupt {
		y.away = a
		y.setAway(a)
	}
}

func sameCap(a, b tuner.Cap) bool {
	return slices.Equal(a.Engines, b.Engines) && a.Size == b.Size && a.Reason == b.Reason
}

// holds are those of a state, by engine.
func holds(s yield.State, paused []*standstill) map[string]batching.Hold {
	all := map[string]batching.Hold{}
	for _, e := range s.Engines {
		if s.Manual {
			all[e] = batching.Hold{All: true, Reason: s.Reason}
		} else {
			all[e] = batching.Hold{Reason: "makes way for " + s.For}
		}
	}
	for _, p := range paused {
		if !all[p.engine].All {
			all[p.engine] = batching.Hold{All: true, Reason: p.why}
		}
	}
	return all
}
