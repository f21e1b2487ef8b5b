package adaptive

import (
	"fmt"
	"time"
)

// Governor finds the limit of one model on one engine. Make it with New.
type Governor struct {
	config Config
	facts  Facts
	born   time.Time
	now    time.Duration // since born, as are all times below

	// The requests in flight, in order of release.
	flight         map[uint64]*request
	oldest, newest *request
	spare          *request // unused ones, a list
	streams        int      // those with a first token
	pending        int      // those whose first token will be seen
	hiddens        int      // the others
	held           float64  // tokens
	read           int      // prompt tokens of all requests that had a first token
	epoch          int      // of streams: changes with their number
	canceled       []time.Duration
	stirred        int // changes with every release and end

	learned
}

// learned is what Reset forgets.
type learned struct {
	limit     int           // without the probe
	startup   bool          // growing fast
	limitAt   time.Duration // when the limit last changed
	limitRead int           // of Governor.read, at that time
	slots     slots
	seen      []time.Duration // when so many streams last ran
	proven    int             // most at once since the limit changed
	peak      int             // most at once ever
	ends      int             // requests that ended

	levels   []level // by streams
	best     float64 // seconds per token of the fastest of the lowest levels
	speed    speed
	prompts  prompts
	memory   memory
	perChunk float64 // tokens in each reported chunk

	active    time.Duration // time in which the engine decoded
	lastToken time.Duration // of any stream, or the last answer that came in one piece

	ticked     time.Duration
	filled     time.Duration // last time that the limit was full
	bound      time.Duration // last time that requests waited at the full limit
	binding    bool
	boundFor   time.Duration // since the limit changed
	boundTotal time.Duration
	starved    time.Duration // since when tokens, not requests, hold back; negative = they do not

	trial                   trial
	trimmed                 time.Duration
	slowChecks, floorChecks int
	downAt, downEvery       time.Duration
	knee                    int           // highest limit that a kept cut allows; 0 = none
	kneeAt                  time.Duration // of boundTotal, when knee last moved
	kneeWait, kneeEvery     time.Duration
	holdUntil               time.Duration
	cutAt                   time.Duration // of the last refusal that counted

	down   bool // the engine failed and has not answered since
	downed time.Duration

	reason  string
	shown   shown
	changed bool
}

// shown is what the last decision said, as far as a change of it is worth a line.
type shown struct {
	limit   int
	slots   int
	by      SlotSource
	bound   bound
	starved bool
}

// New returns a governor that knows nothing yet.
func New(now time.Time, c Config) *Governor {
	g := &Governor{config: c.withDefaults(), born: now, flight: map[uint64]*request{}}
	g.Reset(now, "")
	return g
}

// Reset forgets everything but the settings, what the engine told and which
// requests are in flight: the engine restarted or changed. reason is for people,
// such as "Ollama restarted"; it may be empty.
func (g *Governor) Reset(now time.Time, reason string) {
	g.at(now)
	g.learned = learned{
		startup: true, speed: newSpeed(), prompts: newPrompts(), memory: newMemory(), perChunk: 1,
		ticked: g.now, bound: -time.Hour, filled: -time.Hour, lastToken: -time.Hour, starved: -1, cutAt: -1,
		trimmed: g.now, downAt: g.now, downEvery: downEvery, kneeEvery: kneeEvery, changed: true,
	}
	for r := g.oldest; r != nil; r = r.next {
		r.from, r.read, r.alone = 0, g.read, 0
	}
	g.epoch++
	g.canceled = nil
	if reason != "" {
		reason += ": "
	}
	g.set(g.config.Start, fmt.Sprintf("%sstarting with %d", reason, g.config.Start))
	g.tellSlots()
}

// Configure replaces the settings. What was learned stays.
func (g *Governor) Configure(now time.Time, c Config) {
	g.at(now)
	c = c.withDefaults()
	if c == g.config {
		return
	}
	g.config = c
	if g.trial.on {
		g.undo("settings changed")
	}
	g.set(g.limit, g.reason)
}

// Tell says what the engine told of itself. Each call replaces what the last
// one said.
func (g *Governor) Tell(now time.Time, f Facts) {
	g.at(now)
	slots := g.facts.Slots
	g.facts = f
	if f.Slots != slots {
		g.tellSlots()
	}
}

// Released tells that a request was let into the engine. Ids are the caller's
// and unique among the requests in flight.
func (g *Governor) Released(now time.Time, id uint64, w Work) {
	g.at(now)
	if g.flight[id] != nil {
		return
	}
	if w.Embedding {
		w.Streams = false
	}
	busy := g.streams > 0
	alone := busy && g.pending == 0 && g.hiddens == 0
	g.stirred++
	r := g.release(id, w)
	if alone {
		r.alone = g.stirred
	}
	r.full = len(g.flight) >= g.effective()
	if p := &g.slots.probe; p.on && !p.has && len(g.flight) > g.slots.n {
		p.has, p.id, p.ends = true, id, g.ends
	}
}

// Tokens tells of n > 0 more tokens of a request. Its first call is the first
// token. It costs well under a microsecond.
func (g *Governor) Tokens(now time.Time, id uint64, n int) {
	r := g.flight[id]
	if r == nil || n <= 0 {
		return
	}
	g.at(now)
	if since := g.now - g.lastToken; since < g.pause() {
		g.active += since
	}
	g.lastToken = g.now
	r.tokens += n
	g.held += float64(n) * g.perChunk
	if !r.streaming {
		g.firstToken(r)
		return
	}
	r.burst += n
	elapsed := g.now - r.last
	if elapsed < burst {
		return
	}
	if r.epoch == g.epoch {
		g.gap(elapsed, float64(r.burst)*g.perChunk)
	}
	r.last, r.burst, r.epoch = g.now, 0, g.epoch
	if g.down {
		g.answered(r)
	}
}

func (g *Governor) firstToken(r *request) {
	if r.alone == g.stirred {
		g.prompts.sample(r.work.Prompt, g.now-r.released)
	} else if !r.mayRun {
		g.prompts.atLeast(g.read-r.read+r.work.Prompt, g.now-r.released)
	}
	g.start(r)
	g.saw(g.streams)
	g.probed(r)
	g.more(g.streams)
	g.detectByPeak(r)
	if g.down {
		g.answered(r)
	}
}

// Ended tells that a released request is over.
func (g *Governor) Ended(now time.Time, id uint64, e End) {
	r := g.flight[id]
	if r == nil {
		return
	}
	g.at(now)
	g.learnFrom(r, e)
	if r.streaming {
		g.saw(g.streams)
	}
	g.remove(r)
	g.ends++
	g.stirred++
	g.placeGotFree()
	g.probeSpoiled()
	switch e.Outcome {
	case Served:
		if r.hidden() && e.LoadTime <= reload {
			g.lastToken = g.now // all that shows that the engine works
		}
		g.detectByWait(r, e)
		if g.down {
			g.answered(r)
		}
	case Canceled:
		g.canceled = append(g.canceled, g.now)
	case Overload:
		g.refused(r)
	case Failed:
		if !g.down {
			g.down, g.downed = true, g.now
			g.trial.on, g.slots.probe.on = false, false
		}
	}
}

// learnFrom takes what the end of a request tells beyond that it ended.
func (g *Governor) learnFrom(r *request, e End) {
	if p := &g.slots.probe; p.is(r) && e.LoadTime > reload {
		p.never = true
	}
	if e.Outcome != Served {
		return
	}
	g.prompts.correct(r.estimate, e.Prompt)
	if !r.streaming {
		return
	}
	if e.Output > 0 && r.tokens > 0 {
		was := g.perChunk
		g.perChunk += .1 * (min(max(float64(e.Output)/float64(r.tokens), .5), 32) - g.perChunk)
		g.recount(was)
	}
}

// recount makes the tokens held fit another number of tokens per chunk.
func (g *Governor) recount(was float64) {
	if was == g.perChunk {
		return
	}
	g.held = 0
	for r := g.oldest; r != nil; r = r.next {
		g.held += float64(r.work.Prompt) + float64(r.tokens)*g.perChunk
	}
}

// refused halves the limit. What was let in before the last cut says nothing new.
func (g *Governor) refused(r *request) {
	g.holdUntil = max(g.holdUntil, g.now+10*time.Second)
	if r.released <= g.cutAt {
		return
	}
	g.cutAt = g.now
	g.startup, g.trial.on, g.slots.probe.on = false, false, false
	n := max(g.config.Min, g.limit/2)
	g.set(n, fmt.Sprintf("engine refused work: %d at once", n))
}

// answered ends the time after a failure. A request from before it that goes on
// shows that the engine never was away; one from after it is a new engine.
func (g *Governor) answered(r *request) {
	g.down = false
	if r.released >= g.downed {
		g.Reset(g.born.Add(g.now), "engine answers again")
	}
}

// Tick decides. It is called about every 100 ms while anything waits or runs,
// and may be called more often. waiting and inFlight are those of the model.
func (g *Governor) Tick(now time.Time, waiting, inFlight int) Decision {
	g.at(now)
	g.watchLoad(waiting, inFlight)
	if !g.down {
		g.detectByOldest()
		if g.config.Fixed == 0 {
			g.steer()
		}
	}
	return g.decide(waiting, inFlight)
}

// steer applies the rules that move the limit.
func (g *Governor) steer() {
	if g.trial.on {
		g.judge()
		return
	}
	g.watchSpeed()
	g.trim()
	g.watchProbe()
	g.grow()
}

// watchLoad measures how long requests have waited for nothing but the limit.
// Time in which the engine does not decode does not count.
func (g *Governor) watchLoad(waiting, inFlight int) {
	dt := min(g.now-g.ticked, time.Second)
	g.ticked = g.now
	alive := g.alive()
	if inFlight >= g.effective() {
		g.filled = g.now
		if waiting > 0 {
			g.bound = g.now
		}
	}
	// Between an end and the next release the limit is not full for a moment.
	g.binding = waiting > 0 && alive && g.now-g.bound <= 150*time.Millisecond
	if g.binding {
		g.boundFor += dt
		g.boundTotal += dt
	} else if alive {
		g.boundFor = 0
	}
	if starving := waiting > 0 && inFlight > 0 && inFlight < g.effective() && alive; !starving {
		g.starved = -1
	} else if g.starved < 0 {
		g.starved = g.now
	}
}

// alive means that the engine decodes.
func (g *Governor) alive() bool { return g.now-g.lastToken < g.pause() }

// effective is the limit in force.
func (g *Governor) effective() int {
	c := g.config
	if c.Fixed > 0 {
		return c.Fixed
	}
	n := min(g.limit, g.top())
	switch {
	case g.down:
		n = 1
	case g.slots.probe.on:
		n = max(n, g.slots.n+1)
	}
	return min(max(n, c.Min), c.Max)
}

// set moves the limit.
func (g *Governor) set(n int, reason string) {
	n = min(max(n, g.config.Min), g.config.Max)
	g.reason = reason
	if n == g.limit {
		return
	}
	g.limit = n
	g.proven = g.streams
	g.slots.firsts = 0
	g.boundFor = 0
	g.limitAt, g.limitRead = g.now, g.read
}

func (g *Governor) decide(waiting, inFlight int) Decision {
	tokens, by := g.budget()
	starved := by != unbound && g.starved >= 0 && g.now-g.starved > 500*time.Millisecond
	d := Decision{Limit: g.effective(), Tokens: tokens, Reason: g.why(starved, tokens, by)}
	s := shown{limit: d.Limit, slots: g.slots.n, by: g.slots.by, bound: by, starved: starved || g.shown.starved && waiting > 0 && inFlight > 0}
	d.Changed = g.changed || s != g.shown
	g.shown, g.changed = s, false
	return d
}

// why is the reason to show now.
func (g *Governor) why(starved bool, tokens int, by bound) string {
	room := max(0, tokens-int(g.held))
	switch {
	case g.down:
		return "engine does not answer: one at a time"
	case starved && by == byCache:
		return fmt.Sprintf("engine's cache: room for %s tokens", thousands(room))
	case starved:
		return fmt.Sprintf("GPU memory: room for %s tokens", thousands(room))
	case g.config.Fixed > 0 && g.slots.n > 0 && g.slots.n != g.config.Fixed:
		return fmt.Sprintf("%s, limit %d", runsAtOnce(g.slots.n), g.config.Fixed)
	case g.config.Fixed > 0:
		return fmt.Sprintf("fixed at %d", g.config.Fixed)
	case g.binding && g.crowded() && !g.trial.on:
		return fmt.Sprintf("another program uses %s of the GPU: not growing", percent(g.memory.others))
	case g.blind() && g.limit >= g.top() && g.top() == blindCeiling:
		return fmt.Sprintf("GPU memory cannot be seen: at most %d at once", blindCeiling)
	}
	return g.reason
}

// at brings the governor to a time. Times that go back count as the last one.
func (g *Governor) at(now time.Time) { g.now = max(g.now, now.Sub(g.born)) }
