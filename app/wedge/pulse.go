// Package wedge decides whether an engine has stopped answering for one of its models
// although it takes connections: Ollama, for one, can lose a model's slots for good
// when clients leave in mid-stream. It has no clock, goroutine or I/O: what happens to
// requests comes in with its time, a verdict with its reason comes out.
//
// A false alarm costs a reload of the model, so silence alone is no proof. What may
// take time is allowed for: loading the model, and reading every prompt that came since
// the last sign of life. Requests that may be silent to their end (unstreamed ones,
// embeddings, those with tools or images) prove nothing by their silence, only by the
// limit of the first token.
package wedge

import (
	"fmt"
	"time"
)

const (
	unknownLoad  = 2 * time.Minute // allowed for a load where none was measured
	loadMargin   = 2               // times the longest load measured
	unknownRate  = 20.0            // prompt tokens per second, of a small CPU
	promptMargin = 4               // times what the slowest rate measured explains
	longestStep  = 5 * time.Second // of time that counts as one: more, and Carpool itself stood still
	missesProve  = 2               // first-token limits passed in a row
	lossesTell   = 2               // and among requests that are answered
	lossesFor    = 10 * time.Minute
	rateTokens   = 64 // a prompt of fewer says little of the rate
)

// Pulse is what is seen of one model on its engine since its last sign of life. The
// zero value has seen nothing. Times must not go back.
type Pulse struct {
	at        time.Time     // accounted for until then
	quiet     time.Duration // with a witness in flight and no sign of life
	witnesses int
	asked     int // requests let in since the last sign of life
	owed      int // tokens of their prompts
	missed    int // first-token limits passed since then

	rate   float64       // the least of prompt tokens read per second; 0 = not measured
	load   time.Duration // the longest; 0 = none was measured
	losses []time.Time   // of first-token limits passed, the oldest first
}

// Verdict is what a Pulse tells. The zero value is a model that is well.
type Verdict struct {
	Wedged  bool
	Partial bool   // some of its requests never begin while others do
	Reason  string // for people, without the names of engine and model
}

// Released tells that a request was let in. A witness is one whose tokens come as they
// are generated.
func (p *Pulse) Released(now time.Time, promptTokens int, witness bool) {
	p.pass(now)
	p.asked++
	p.owed += max(promptTokens, 0)
	if witness {
		p.witnesses++
	}
}

// Alive tells of a sign of life: a token, or any end that was the engine's doing.
func (p *Pulse) Alive(now time.Time) {
	p.pass(now)
	if p.missed >= missesProve {
		p.losses = nil // they were the wedge's
	}
	p.quiet, p.asked, p.owed, p.missed = 0, 0, 0, 0
}

// Ended tells that a request that was let in is over.
func (p *Pulse) Ended(now time.Time, witness bool) {
	p.pass(now)
	if witness {
		p.witnesses--
	}
}

// Missed tells that a request got no first token within its limit.
func (p *Pulse) Missed(now time.Time) {
	p.pass(now)
	p.missed++
	p.losses = append(p.losses, now)
}

// Read tells how long the engine took to read the tokens of a prompt.
func (p *Pulse) Read(tokens int, took time.Duration) {
	if tokens < rateTokens || took <= 0 {
		return
	}
	if rate := float64(tokens) / took.Seconds(); p.rate == 0 || rate < p.rate {
		p.rate = rate
	}
}

// Loaded tells how long the engine took to load the model.
func (p *Pulse) Loaded(took time.Duration) { p.load = max(p.load, took) }

// Excuse forgets the silence until now: the model is not loaded, or its engine is
// away, which others see to.
func (p *Pulse) Excuse(now time.Time) {
	p.Alive(now)
	p.losses = nil
}

// Idle reports whether nothing of the model is in flight that could prove anything.
func (p *Pulse) Idle() bool { return p.asked == 0 && p.witnesses == 0 && len(p.losses) == 0 }

// Judge says how the model is. stall is the longest silence of a stream that is well.
func (p *Pulse) Judge(now time.Time, stall time.Duration) Verdict {
	p.pass(now)
	for len(p.losses) > 0 && now.Sub(p.losses[0]) > lossesFor {
		p.losses = p.losses[1:]
	}
	switch {
	case p.missed >= missesProve:
		return Verdict{Wedged: true, Reason: fmt.Sprintf("%d requests one after the other had no first token in time", p.missed)}
	case p.quiet >= p.patience(stall):
		return Verdict{Wedged: true, Reason: fmt.Sprintf("%s waited for %v without a token, and the model is loaded", requests(p.asked), p.quiet.Round(time.Second))}
	case len(p.losses) >= lossesTell:
		return Verdict{Partial: true, Reason: fmt.Sprintf("%s had no first token in time, while others were answered", requests(len(p.losses)))}
	}
	return Verdict{}
}

// patience is the silence that proves nothing yet.
func (p *Pulse) patience(stall time.Duration) time.Duration {
	load := unknownLoad
	if p.load > 0 {
		load = loadMargin * p.load
	}
	rate := p.rate
	if rate == 0 {
		rate = unknownRate
	}
	return stall + load + time.Duration(promptMargin*float64(p.owed)/rate*float64(time.Second))
}

// pass accounts for the time until now.
func (p *Pulse) pass(now time.Time) {
	if p.witnesses > 0 && !p.at.IsZero() {
		p.quiet += min(max(now.Sub(p.at), 0), longestStep)
	}
	p.at = now
}

func requests(n int) string {
	if n <= 1 {
		return "a request"
	}
	return fmt.Sprintf("%d requests", n)
}
