package adaptive

import (
	"math"
	"time"
)

const (
	assumedMiBPerToken = .5  // where the model's metadata are not known
	caution            = 1.3 // memory per token is taken for this much more
	cautionSure        = 1.1 // the same where readings lie on a line
	poolShare          = .95 // of the engine's cache that may be filled
	blindCeiling       = 4   // limit where memory can neither be seen nor is reserved
	stale              = 15 * time.Second
)

// memory is what is known of the GPU: how full it is, and how much more each
// token will take.
type memory struct {
	last   Memory
	at     time.Duration // of last
	tokens float64       // whose prompt was read by then
	seen   bool

	// Exponentially weighted moments of used MiB over tokens held, from readings
	// at which no prompt was half read.
	samples                                       int
	beta                                          float64 // MiB per token, once measured
	measured                                      bool
	lastTokens, lastUsed                          float64
	meanTokens, meanUsed, varTokens, varUsed, cov float64

	given int // falls of the tokens in a row that gave memory back

	utilization float64 // mean of about 10 s; -1 = not known
	others      float64
}

func newMemory() memory { return memory{utilization: -1, others: -1} }

// Memory takes a reading of the GPU, about once a second.
func (g *Governor) Memory(now time.Time, r Memory) {
	g.at(now)
	m := &g.memory
	m.smooth(r)
	if r.Total <= 0 {
		return
	}
	held := g.resident()
	if g.pending == 0 && g.hiddens == 0 {
		m.regress(r, held)
	}
	m.last, m.at, m.tokens, m.seen = r, g.now, held, true
}

// resident is the tokens that take memory by now: those of requests whose
// prompt was read.
func (g *Governor) resident() float64 {
	sum := 0.
	for r := g.oldest; r != nil; r = r.next {
		if r.streaming || r.hidden() && g.now-r.released > 2*g.prompts.expected(r.work.Prompt) {
			sum += float64(r.work.Prompt) + float64(r.tokens)*g.perChunk
		}
	}
	return sum
}

// smooth follows the shares of time. Both are ready-made means of a part of a
// second, so single ones say little.
func (m *memory) smooth(r Memory) {
	follow := func(mean *float64, v float64) {
		switch {
		case v < 0:
			*mean = -1
		case *mean < 0:
			*mean = v
		default:
			*mean += .15 * (v - *mean)
		}
	}
	follow(&m.utilization, r.Utilization)
	follow(&m.others, r.Others)
}

// regress learns MiB per token. A reading near the card's end says nothing, as
// no driver reports more than there is. A jump that tokens cannot explain is
// another program, or the model itself: the line moves, its slope stays.
func (m *memory) regress(r Memory, held float64) {
	const weight = .05
	if r.Total-r.Used < 256 {
		return
	}
	if m.samples == 0 {
		m.meanTokens, m.meanUsed = held, r.Used
	} else {
		slope, ok := m.slope()
		most := 4. // MiB per token that a jump is told from, until it is known
		if ok {
			most = slope
		}
		more := held - m.lastTokens
		if jump := r.Used - m.lastUsed - slope*more; math.Abs(jump) > 256+most*math.Abs(more) {
			m.meanUsed += jump
		}
	}
	if more := held - m.lastTokens; m.samples > 0 && more <= -300 {
		count(&m.given, r.Used-m.lastUsed < m.beta*more/2)
	}
	m.samples++
	m.lastTokens, m.lastUsed = held, r.Used
	dt, du := held-m.meanTokens, r.Used-m.meanUsed
	m.meanTokens += weight * dt
	m.meanUsed += weight * du
	m.varTokens = (1 - weight) * (m.varTokens + weight*dt*dt)
	m.varUsed = (1 - weight) * (m.varUsed + weight*du*du)
	m.cov = (1 - weight) * (m.cov + weight*dt*du)
	m.learnSlope()
}

// slope is the measured MiB per token, false while there is too little to go by.
// Once measured it holds while the tokens in flight hardly move.
func (m *memory) slope() (float64, bool) { return m.beta, m.measured }

func (m *memory) learnSlope() {
	if m.samples < 8 || m.varTokens < 300*300 {
		return
	}
	m.beta, m.measured = m.cov/m.varTokens, true
	if m.beta < .005 {
		m.beta = 0
	}
}

// caution is the factor by which a token may take more than expected.
func (m *memory) caution() float64 {
	if m.samples >= 30 && m.onLine() {
		return cautionSure
	}
	return caution
}

// onLine means that the readings lie on a line over tokens.
func (m *memory) onLine() bool {
	return m.varTokens >= 300*300 && m.cov*m.cov > .98*m.varTokens*m.varUsed
}

// givesBack means that memory was seen to fall with the tokens. An engine that keeps
// what it once took has room in it that no reading shows.
func (m *memory) givesBack() bool { return m.given >= 3 }

// mibPerToken is what one more token will take, and whether that was measured.
func (g *Governor) mibPerToken() (mib float64, measured bool) {
	if g.facts.Preallocated {
		return 0, false
	}
	if beta, ok := g.memory.slope(); ok {
		return beta, true
	}
	if g.facts.MiBPerToken > 0 {
		return g.facts.MiBPerToken, false
	}
	return assumedMiBPerToken, false
}

// sighted means that a recent reading of the memory is there.
func (g *Governor) sighted() bool { return g.memory.seen && g.now-g.memory.at < stale }

// blind means that nothing protects the memory but a small limit.
func (g *Governor) blind() bool {
	return !g.facts.Preallocated && g.facts.KVTokens == 0 && !g.sighted()
}

// bound says what the tokens in flight are bound by.
type bound uint8

const (
	unbound bound = iota
	byCache       // the engine's cache
	byCard        // the GPU's memory
)

// budget is the most tokens that may be in flight, those to come included.
func (g *Governor) budget() (tokens int, by bound) {
	m := &g.memory
	if g.facts.KVTokens > 0 {
		tokens, by = max(1, int(poolShare*float64(g.facts.KVTokens))), byCache
	}
	mib, _ := g.mibPerToken()
	if mib == 0 || !g.sighted() {
		return tokens, by
	}
	room := (m.last.Total - g.config.Reserve - m.last.Used) / (m.caution() * mib)
	if card := max(1, int(m.tokens+room)); by == unbound || card < tokens {
		return card, byCard
	}
	return tokens, by
}

// largest is the most tokens that one request can hold with nothing of ours beside
// it; 0 where that is not certain. Requests are refused by it, so it takes what was
// measured, only where memory follows the tokens up and down, and the kinder of the
// last reading and the mean. A cache of the engine's own is the engine's to refuse: it
// knows its size and what of a prompt it has.
func (g *Governor) largest() int {
	m := &g.memory
	if g.facts.Preallocated || g.facts.KVTokens > 0 || !g.sighted() || m.beta == 0 || !m.onLine() || !m.givesBack() {
		return 0
	}
	base := min(m.last.Used-m.tokens*m.beta, m.meanUsed-m.meanTokens*m.beta)
	return max(1, int((m.last.Total-g.config.Reserve-base)/m.beta))
}
