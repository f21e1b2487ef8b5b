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
	waiter         *request // none before it may still be given a freed place
	spare          *request // unused ones, a list
	streams        int      // those with a first token
	pending        int      // those whose first token will be seen
	hiddens        int      // the others
	heldPrompts    int      // tokens
	heldChunks     int      // of what is reported, perChunk tokens each
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
	if p := &g.slots.probe; p.on && !p.has && !w.Urgent && len(g.flight) > g.slots.n {
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
	g.heldChunks += n
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
		g.perChunk += .1 * (min(max(float64(e.Output)/float64(r.tokens), .5), 32) - g.perChunk)
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

// at brings the governor to a time. Times that go back count as the last one.
func (g *Governor) at(now time.Time) { g.now = max(g.now, now.Sub(g.born)) }
