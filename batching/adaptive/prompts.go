package adaptive

import "time"

// prompts is what was learned of how requests spend their time before and after
// their first token.
type prompts struct {
	rate    float64 // prompt tokens per second; a low estimate, since it bounds patience
	samples int
	reading float64 // mean seconds that a prompt takes at that rate
	writing float64 // mean seconds from first token to end
	ends    int
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

// ended takes a stream that ended by itself.
func (p *prompts) ended(tokens int, writing time.Duration) {
	p.ends++
	weight := max(.05, 1/float64(p.ends))
	p.reading += weight * (p.expected(tokens).Seconds() - p.reading)
	p.writing += weight * (writing.Seconds() - p.writing)
}

// expected is the time that reading so many tokens takes.
func (p *prompts) expected(tokens int) time.Duration {
	return seconds(float64(tokens) / max(p.rate, 1))
}

// busy is the share of its life that a request spends on its prompt.
func (p *prompts) busy() float64 {
	if p.ends < 3 || p.reading+p.writing <= 0 {
		return .1
	}
	return p.reading / (p.reading + p.writing)
}
