package adaptive

import "time"

// prompts is what was learned of how long prompts are and how fast the engine reads them.
type prompts struct {
	rate    float64 // prompt tokens per second; a low estimate, since it bounds patience
	samples int
	scale   float64 // real prompt tokens per estimated one
}

const unmeasuredPromptRate = 1000

func newPrompts() prompts { return prompts{rate: unmeasuredPromptRate, scale: 1} }

// sample takes the time of a prompt that was read with nothing beside it. A
// prefix in the engine's cache makes it look fast, so the rate falls at once
// and rises slowly.
func (p *prompts) sample(tokens int, took time.Duration) {
	if tokens < 16 || took <= 0 {
		return
	}
	rate := float64(tokens) / took.Seconds()
	p.samples++
	weight := .1
	switch {
	case p.samples <= 5:
		weight = 1 / float64(p.samples)
	case rate < p.rate:
		weight = .3
	}
	p.rate += weight * (rate - p.rate)
}

// atLeast takes a time in which so many tokens were read, and perhaps more was
// done: a lower bound.
func (p *prompts) atLeast(tokens int, took time.Duration) {
	if tokens < 64 || took <= 0 {
		return
	}
	if rate := float64(tokens) / took.Seconds(); rate > p.rate {
		p.rate += .3 * (rate - p.rate)
	}
}

// correct compares an estimate with what the engine counted, as the scheduler
// does: the tokens of both must be the same.
func (p *prompts) correct(estimate, counted int) {
	if estimate > 0 && counted > 0 {
		p.scale += .2 * (min(max(float64(counted)/float64(estimate), 1./16), 16) - p.scale)
	}
}

// expected is the time that reading so many tokens takes.
func (p *prompts) expected(tokens int) time.Duration {
	return seconds(float64(tokens) / max(p.rate, 1))
}
