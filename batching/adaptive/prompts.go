package adaptive

import "time"

// prompts is what was learned of how fast the engine reads prompts.
type prompts struct {
	rate    float64 // prompt tokens per second; a low estimate, since it bounds patience
	samples int
}

const unmeasuredPromptRate = 1000

func newPrompts() prompts { return prompts{rate: unmeasuredPromptRate} }

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

// expected is the time that reading so many tokens takes.
func (p *prompts) expected(tokens int) time.Duration {
	return seconds(float64(tokens) / max(p.rate, 1))
}
