package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"carpool/batching"
)

// passenger is a client's part in a ride.
type passenger struct {
	*call
	left   bool
	aboard bool
	from   int // of its vectors in the answer
	ride   *ride
}

// together serves a call that was released with others.
func (c *call) together(b *batching.Ride, seat int) {
	p := c.merger.join(c, b, seat)
	select {
	case <-p.ride.done:
	case <-c.ctx.Done():
		p.leave()
		c.fail(c.explain(context.Cause(c.ctx)))
		return
	}
	switch r := p.ride; {
	case p.left: // before it began, so nothing in it is for c
		c.fail(c.explain(context.Cause(c.ctx)))
	case r.answer != nil:
		p.receive()
	case r.refusal != nil:
		p.pass(r.refusal, r.kind)
	case r.fault != nil:
		fault := *r.fault // each its own: they are noted one by one
		c.rated = p != r.aboard[0]
		if !c.movesFrom(&fault) {
			c.fail(&fault)
		}
	default:
		p.alone()
	}
}

// errDeserted is the cause of a ride that all have left.
var errDeserted = errors.New("all clients have left")

// leave takes p out of its ride. The last one to leave ends the call and waits
// for it, so that none outlives its requests.
func (p *passenger) leave() {
	r := p.ride
	r.mu.Lock()
	p.left = true
	last := false
	if p.aboard {
		p.aboard = false
		r.staying--
		last = r.staying == 0 && r.cancel != nil
	}
	r.mu.Unlock()
	if last {
		r.cancel(errDeserted)
		<-r.done
	}
}

// receive writes p's part of the answer.
func (p *passenger) receive() {
	r, c := p.ride, p.call
	c.rec.EngineStatus = http.StatusOK
	vectors := r.answer.vectors[p.from : p.from+len(c.embed.texts)]
	c.copyHeader(r.header)
	c.client.Header().Set("X-Carpool-Merged", strconv.Itoa(len(r.aboard)))
	c.rec.TokensEstimated = r.answer.prompt >= 0
	c.deliver(r.answer, r.aboard[0].embed.model, vectors)
	told := r.took
	told.PromptTokens = c.rec.PromptTokens
	c.told = &told
	if c.scope != nil {
		c.cache.keep(*c.scope, c.embed.texts, vectors)
	}
}

// pass writes an engine's refusal as it came.
func (p *passenger) pass(f *whole, k kind) {
	c := p.call
	c.rec.EngineStatus = f.status
	c.fault = newFault(k, "the engine's own error")
	c.copyHeader(f.header)
	if rules[k].hopeless {
		c.client.Header().Set("X-Should-Retry", "false")
	}
	c.client.Header().Set("Content-Length", strconv.Itoa(len(f.body)))
	c.client.WriteHeader(f.status)
	_, _ = c.client.Write(f.body) // a client that has gone needs no error
}

// copyHeader puts an engine's header on c's answer.
func (c *call) copyHeader(from http.Header) {
	h := c.client.Header()
	for name, values := range from {
		h[name] = append([]string(nil), values...)
	}
	c.mark(h)
}

// alone asks the engine for p only, one of the ride after another: they have one
// place together.
func (p *passenger) alone() {
	r, c := p.ride, p.call
	select {
	case <-r.baton:
		defer func() { r.baton <- struct{}{} }()
	case <-c.ctx.Done():
		c.fail(c.explain(context.Cause(c.ctx)))
		return
	}
	if len(r.aboard) > 1 {
		r.mu.Lock()
		r.stats.Retried++
		r.stats.Saved--
		r.mu.Unlock()
	}
	c.askAlone()
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.complete {
		r.fine++
	}
	if r.split && r.fine == len(r.aboard) {
		r.rest(r.key, "the engine refuses texts together that it takes one by one", offAfterFailure)
	}
}

// askAlone passes c on by itself.
func (c *call) askAlone() {
	if c.route.embedding {
		c.askTimed()
	} else {
		c.exchange()
	}
}

// askTimed passes c on by itself, and takes its time where it is a measure for merging.
func (c *call) askTimed() {
	key := c.lease.Batch().Key
	beside := c.merger.enter(key)
	defer c.merger.exit(key)
	began := time.Now()
	c.exchange()
	switch {
	case !c.isMeasure():
	case c.complete:
		c.merger.sample(key, false, time.Since(began), 1, beside)
	default:
		c.merger.missed(key)
	}
}

// isMeasure reports whether the call's time by itself says what merging gains.
func (c *call) isMeasure() bool {
	return c.embed != nil && c.embed.form != legacyVector && len(c.embed.texts) == 1
}
