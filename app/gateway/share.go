package gateway

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// share has the call answered by the run of an equal one, if there is any, or
// makes it the leader of a run. True means that it was answered.
func (c *call) share() bool {
	if !c.policy.Share || !c.sketch.repeats {
		return false
	}
	r, leads := c.runs.join(c.ctx, c.runKey(), c.body, &c.memory)
	if !leads {
		c.body = nil
		c.follow(r)
		return true
	}
	c.lead(r)
	return false
}

// lead makes the call the leader of r: its exchange goes on for the others when
// its own client has left.
func (c *call) lead(r *run) {
	own := c.ctx
	l := &leader{client: c.client, run: r, own: own}
	l.leave = sync.OnceFunc(func() { r.leave(context.Cause(own)) })
	l.stop = context.AfterFunc(own, func() {
		if cause := context.Cause(own); errors.Is(cause, errShutdown) {
			r.cancel(cause)
			return
		}
		l.leave()
	})
	c.leader, c.ctx, c.cancel = l, r.ctx, r.cancel
}

// leader is the client of the call that leads a run. While there is no other one
// the engine's bytes go to it directly. From then on it reads what is kept, like
// the others, on a goroutine of its own: one slow client must not hold them up.
type leader struct {
	*client
	run   *run
	own   context.Context // ends with its client, or with Interrupt
	leave func()          // the run, once
	stop  func() bool     // looking for its client's end

	copied chan struct{} // closed when its goroutine is done; nil = there is none
	at     int64         // bytes of the answer it was given by then
	err    error
	done   time.Time
}

// Write implements http.ResponseWriter.
func (l *leader) Write(p []byte) (int, error) {
	if l.copied == nil && !l.run.canServe(l.written) {
		n, err := l.client.Write(p)
		if err == nil {
			return n, nil
		}
		if l.leave(); l.run.deserted() {
			return n, err
		}
	}
	if l.copied == nil {
		l.copied = make(chan struct{})
		at := l.written
		go func() {
			defer close(l.copied)
			l.at, l.err = l.client.copyRun(l.own, l.run, at, nil)
			l.done = time.Now()
			if l.err != nil {
				l.leave()
			}
		}()
	}
	return len(p), nil
}

// FlushError is for http.ResponseController.
func (l *leader) FlushError() error {
	if l.copied != nil {
		return nil
	}
	return l.client.FlushError()
}

// writer is where the exchange's answer goes.
func (c *call) writer() sink {
	if c.leader != nil {
		return c.leader
	}
	return c.client
}

// lost is why the exchange is for nobody any more: its client's failure, unless
// others share it.
func (c *call) lost() error {
	if c.leader != nil && c.leader.run.isShared() {
		return nil
	}
	return c.client.failure()
}

// gone reports whether there is nobody any more to be told.
func (c *call) gone() bool {
	if c.leader != nil {
		return c.leader.run.deserted()
	}
	return c.in.Context().Err() != nil
}

// keep hands what the engine said to those who share it.
func (c *call) keep(p []byte) {
	if c.leader != nil {
		c.leader.run.add(p, c.rec.FirstToken > 0, c.tap != nil && c.tap.ended)
	}
}

// publish tells those who share the answer that it begins.
func (c *call) publish(res *http.Response, form framing) {
	if c.leader != nil {
		c.leader.run.begin(res.StatusCode, res.Header, form, res.ContentLength)
	}
}

// endRun tells those who share the run how it ended.
func (c *call) endRun() {
	r := c.leader.run
	c.runs.forget(r)
	r.end(c.fault, c.rec.EngineStatus, c.ending, c.midLine)
}

// leaveRun waits until the leader's own client has all of a shared answer, and
// settles how the call ended for that one, which may have left before the run
// ended. True means that its connection must be broken.
func (c *call) leaveRun(left bool) (broken bool) {
	l := c.leader
	if l.copied != nil {
		<-l.copied
		c.rec.Total = l.done.Sub(c.arrived)
		c.fault, broken = c.conclude(l.run, l.at, l.err)
	} else if left && l.run.isShared() && !c.complete {
		c.fault = newFault(clientGone, "the client left")
	}
	l.stop()
	l.leave()
	return broken
}

// follow answers the call with what r says.
func (c *call) follow(r *run) {
	c.shared.Add(1)
	c.rec.Shared = true
	c.rec.PromptTokens, c.rec.OutputTokens = 0, 0 // the leader's record has them
	defer func() { r.leave(context.Cause(c.ctx)) }()

	_, err := r.await(c.ctx, 0)
	r.mu.Lock()
	opened, over, f, released, status := r.opened, r.over, r.fault, r.released, r.status
	r.mu.Unlock()
	c.admitted = !released.IsZero()
	c.rec.Queued = time.Since(c.arrived)
	if c.admitted {
		c.rec.Queued = max(0, released.Sub(c.arrived))
	}
	c.rec.EngineStatus = status
	switch {
	case errors.Is(err, errBehind):
		c.fail(newFault(queueFull, "too many answers are held, try again later"))
		return
	case err != nil:
		c.fail(newFault(clientGone, "the client left"))
		return
	case !opened && over:
		c.fail(f)
		return
	}
	h := c.client.Header()
	for name, values := range r.header {
		h[name] = values
	}
	h.Set("X-Carpool-Wait-Ms", strconv.FormatInt(c.rec.Queued.Milliseconds(), 10))
	h.Set("X-Carpool-Shared", "run")
	c.client.WriteHeader(status)
	at, err := c.client.copyRun(c.ctx, r, 0, func(token bool) {
		if token && c.rec.FirstToken == 0 {
			c.rec.FirstToken = time.Since(c.arrived)
		}
	})
	f, broken := c.conclude(r, at, err)
	c.fault, c.complete = f, f == nil
	if broken {
		panic(http.ErrAbortHandler)
	}
}

// copyRun writes what r says to the client, from at on, until its end or that of
// ctx. passed hears after each piece whether the first token was in it or before;
// nil = no one.
func (c *client) copyRun(ctx context.Context, r *run, at int64, passed func(token bool)) (reached int64, err error) {
	for {
		if more, err := r.await(ctx, at); !more {
			return at, err
		}
		n, err := c.copyKept(r, at)
		if at += int64(n); err != nil {
			return at, err
		}
		if passed != nil {
			r.mu.Lock()
			token := r.tokenAt > 0 && at >= r.tokenAt
			r.mu.Unlock()
			passed(token)
		}
	}
}

// copyKept writes what is kept of r from at on, as much as a buffer takes.
func (c *client) copyKept(r *run, at int64) (n int, err error) {
	buffer := largeBuffers.take()
	defer largeBuffers.Put(buffer)
	if n, err = r.read(at, *buffer); n == 0 {
		return 0, err
	}
	if _, err := c.Write((*buffer)[:n]); err != nil {
		return 0, err
	}
	return n, c.FlushError()
}

// conclude ends a shared answer that was copied up to at, where err stopped it
// (nil = the run's end): with our words, where they are needed. broken means that
// the connection must not end well.
func (c *call) conclude(r *run, at int64, err error) (f *fault, broken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.fault == nil && r.isAllAt(at): // clients leave there
		return nil, false
	case errors.Is(c.client.failure(), os.ErrDeadlineExceeded), errors.Is(err, errBehind):
		return newFault(slowClient, "the client read too slowly"), true
	case c.client.failure() != nil, err != nil:
		return newFault(clientGone, "the client left"), true
	case r.ending == framed:
		words, clean := c.dialect.lastWords(r.fault, c.id, r.form, r.length >= 0, r.midLine)
		_, _ = c.client.Write(words) // nothing comes after them
		_ = c.client.FlushError()
		return r.fault, !clean
	}
	return r.fault, r.ending == torn
}
