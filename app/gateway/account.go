package gateway

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"carpool/batching"
)

// account gives the lease back and writes the one record. It runs last, also
// after a panic.
func (c *call) account() {
	left := c.leader != nil && c.leader.own.Err() != nil
	c.settleFault()
	c.rate()
	c.remember()
	if c.leader != nil {
		c.endRun()
	}
	if c.lease != nil {
		c.away.leave(c)
		c.wedged.exit(c)
		c.countTokens()
		c.detect()
		c.lease.Report(c.report())
		c.lease.Release(c.release())
	}
	r := &c.rec
	r.Total = time.Since(c.arrived)
	if c.leader != nil && c.leaveRun(left) {
		defer panic(http.ErrAbortHandler) // once the record is written
	}
	r.AnswerBytes = c.client.written
	r.Status = c.client.status
	r.Outcome = OK
	if c.isEmpty() {
		r.ErrorKind = string(empty)
	}
	if c.fault != nil {
		if c.fault.kind == superseded {
			c.superseded.Add(1)
		}
		r.ErrorKind = string(c.fault.kind)
		r.Silent = c.admitted && r.FirstToken == 0 && errors.Is(context.Cause(c.ctx), errSilent)
		r.Outcome = c.outcome()
		switch {
		case rules[c.fault.kind].status == statusClientClosed:
			r.Status = statusClientClosed
		case r.Status == 0: // a panic's answer follows
			r.Status = c.fault.status()
		}
	}
	c.record(*r)
}

// settleFault names what ended a call that nothing has named yet: the client,
// when a write to it failed, else a panic.
func (c *call) settleFault() {
	switch {
	case c.complete:
	case errors.Is(c.lost(), os.ErrDeadlineExceeded):
		c.fault = newFault(slowClient, "the client read too slowly")
	case c.lost() != nil:
		c.fault = newFault(clientGone, "the client left")
	case c.fault == nil:
		c.fault = c.orGone(newFault(internalError, "internal error"))
	}
}

func (c *call) outcome() Outcome {
	switch c.fault.kind {
	case clientGone, slowClient, cancelled:
		return Canceled
	case queueFull, rateLimited, queueTimeout, superseded, insufficientMemory:
		if !c.admitted {
			return Rejected
		}
	case shuttingDown, gpuYielded:
		if !c.admitted {
			return Rejected
		}
		return Interrupted
	}
	return Failed
}

// release tells the scheduler how the engine is left. What was broken off may
// still be worked on, whoever broke it off.
func (c *call) release() batching.Outcome {
	overload := c.rec.EngineStatus == http.StatusServiceUnavailable || c.rec.EngineStatus == http.StatusTooManyRequests
	switch {
	case c.fault == nil:
		return batching.Served
	case overload:
		return batching.Overload
	case c.ctx.Err() != nil, c.lost() != nil, c.fault.kind == backendBadResponse:
		return batching.Canceled
	}
	refused := c.rec.EngineStatus >= 400 && c.rec.EngineStatus < 500 // and may quote the client
	switch c.fault.kind {
	case insufficientMemory:
		if refused {
			return batching.Served
		}
		return batching.Exhausted
	case backendUnavailable, backendDisconnected, backendTruncated, backendTimeout:
		return batching.Failed
	}
	return batching.Served
}

// report is what the engine told, for the scheduler. What it tells before the end
// is a part.
func (c *call) report() batching.Report {
	if c.told != nil {
		return *c.told
	}
	switch {
	case c.tap == nil || !c.tap.ended:
		return batching.Untold()
	case c.inner != nil: // the times in what was translated are our own
		return c.inner.told
	}
	return c.tap.told
}

// countTokens puts the engine's own counts in the place of those of the tap.
func (c *call) countTokens() {
	t := c.tap
	if t == nil {
		return
	}
	r := &c.rec
	r.PromptTokens = t.told.PromptTokens
	switch {
	case c.route.embedding:
		r.OutputTokens = 0
	case t.told.OutputTokens >= 0 && t.ended: // before the end it is a part, or a zero
		r.OutputTokens = t.told.OutputTokens
	case t.form != plain:
		r.OutputTokens, r.TokensEstimated = t.tokens, true
	}
	reported := 0
	if t.form != plain {
		reported = t.tokens
	}
	if told := max(r.OutputTokens, 0); told != reported {
		c.lease.Tokens(told - reported)
	}
}

// isEmpty reports whether a good answer has not a token in it: it may be what the
// model has to say, or a template that does not fit it. One that was not read to its
// end, or in a form whose text is not counted, is not called empty.
func (c *call) isEmpty() bool {
	t := c.tap
	switch {
	case c.fault != nil || t == nil || !t.ended || t.tokens > 0 || t.unread || t.whole.cut || c.route.embedding || c.route.own:
		return false
	case t.form == plain && !tellsTextWhole[c.in.URL.Path]:
		return t.told.OutputTokens == 0
	}
	return true
}

// tellsTextWhole are the routes whose unstreamed answers have their text where the tap
// looks for it.
var tellsTextWhole = map[string]bool{"/api/generate": true, "/api/chat": true, "/v1/chat/completions": true, "/v1/completions": true}
