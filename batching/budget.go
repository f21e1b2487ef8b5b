package batching

import "slices"

// A key's tokens are what its engine's cache must hold at once. Engines end or
// throw back running requests when it overflows, so a request only enters if what
// is in flight may grow to its expected end beside it.

// Expectations of an answer's length, in tokens.
const (
	unknownOutput = 512 // before enough answers were seen
	seenEnough    = 5
	leastGrowth   = 32 // what a running request may still write, however long it has written
)

// budget is what the requests of a pool hold of Limits.Tokens.
type budget struct {
	held   int // by those in flight, now
	growth int // that they are expected to write still
	need   int // of the one that wants to enter
}

func (b budget) fits(tokens int) bool { return b.held+b.growth+b.need <= tokens }

// free is what the one that wants to enter may have.
func (b budget) free(tokens int) int { return max(0, tokens-b.held-b.growth) }

// budget is that of q if t entered.
func (c *Core) budget(q *queue, t *Ticket) budget {
	b := budget{need: c.promptOf(t) + c.outputOf(t)}
	for _, other := range q.pool.queues {
		for r := range other.running.all() {
			n := int(r.tokens.Load())
			b.held += r.prompt + n
			b.growth += max(leastGrowth, r.output-n)
		}
	}
	return b
}

// hasRoom tells whether q's token budget lets t in. A lone request always may
// enter: no wait would make it smaller.
func (c *Core) hasRoom(q *queue, t *Ticket, l *Limits) bool {
	return l.Tokens <= 0 || q.pool.places() == 0 || c.budget(q, t).fits(l.Tokens)
}

// promptOf is the length of t's prompt, by how far estimates for its key were off.
func (c *Core) promptOf(t *Ticket) int {
	return int(float64(t.Request.PromptTokens) * t.queue.model.ratio)
}

// outputOf is the expected length of t's answer.
func (c *Core) outputOf(t *Ticket) int {
	if t.Request.Embedding {
		return 0
	}
	n := unknownOutput
	if len(t.outputs.sorted) >= seenEnough {
		n = t.outputs.most()
	}
	if limit := t.Request.MaxTokens; limit > 0 {
		n = min(n, limit)
	}
	return n
}

// outputs are the lengths of an app's last answers by one key.
type outputs struct {
	last   [64]int
	next   int // where the oldest is, once all are filled
	sorted []int
}

func (o *outputs) add(n int) {
	if len(o.sorted) == len(o.last) {
		i, _ := slices.BinarySearch(o.sorted, o.last[o.next])
		o.sorted = slices.Delete(o.sorted, i, i+1)
	}
	o.last[o.next] = n
	o.next = (o.next + 1) % len(o.last)
	i, _ := slices.BinarySearch(o.sorted, n)
	o.sorted = slices.Insert(o.sorted, i, n)
}

// most is the length that nine of ten answers stay within.
func (o *outputs) most() int { return o.sorted[(len(o.sorted)*9+9)/10-1] }

// keysRemembered bounds how many keys' answers an account keeps.
const keysRemembered = 32

// outputsOf are those by k.
func (a *account) outputsOf(k Key) *outputs {
	o := a.outputs[k]
	if o == nil {
		if len(a.outputs) >= keysRemembered {
			clear(a.outputs)
		}
		o = &outputs{}
		a.outputs[k] = o
	}
	return o
}
