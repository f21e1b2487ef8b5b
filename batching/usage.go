package batching

// Units of use: a prompt token that the engine has to read counts 1, a generated
// one 2, since it takes a step of its own.
const unitsPerOutput = 2

// Estimates learn by this part of what they were off.
const learning = 0.2

// admit puts on the account of t's app what it is about to have read, and
// remembers it for the corrections to come.
func (c *Core) admit(t *Ticket) {
	t.prompt, t.output = c.promptOf(t), c.outputOf(t)
	t.cached = 0
	if t.queue.recent(t.Request.Prefix, c.limits(t.queue)) {
		t.cached = min(int(float64(t.Request.PrefixTokens)*t.queue.model.ratio), t.prompt)
	}
	t.charged = float64(t.prompt - t.cached)
	t.app.charge(t.charged)
}

// meter charges what has been generated since the last time. It reads a count that
// the streams keep, so a token costs no lock, and a decision no look at each stream.
func (a *account) meter() {
	n := a.generated.Load()
	a.charge(float64(unitsPerOutput * (n - a.metered)))
	a.metered = n
}

// settle corrects what t was charged by what the engine told at its end, and
// learns from it for the next.
func (c *Core) settle(t *Ticket, o Outcome, r Report) {
	t.app.meter()
	wrote := int(t.tokens.Load())
	if r.OutputTokens >= 0 {
		t.app.charge(float64(unitsPerOutput * (r.OutputTokens - wrote)))
		wrote = r.OutputTokens
	}
	if o == Served {
		t.outputs.add(wrote)
	}
	if r.PromptTokens < 0 {
		return
	}
	cached := t.cached
	if r.CachedTokens >= 0 {
		cached = r.CachedTokens
	}
	read := float64(max(0, r.PromptTokens-cached))
	t.app.charge(read - t.charged)
	t.charged = read
	m := t.queue.model
	if estimate := t.Request.PromptTokens; estimate > 0 && r.PromptTokens > 0 {
		m.ratio += learning * (clamp(float64(r.PromptTokens)/float64(estimate), 1./16, 16) - m.ratio)
	}
	if r.Prompt > 0 && read > 0 {
		rate := read / r.Prompt.Seconds()
		if m.rate == 0 {
			m.rate = rate
		}
		m.rate += learning * (rate - m.rate)
	}
}
