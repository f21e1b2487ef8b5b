package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"carpool/backends"
)

// judge looks at the engine's answer before a byte of it goes on, and returns its body
// as it may. On a stream that takes the first event: until then the status is still ours
// to choose.
func (c *call) judge(res *http.Response) (pieces, error) {
	c.rec.EngineStatus = res.StatusCode
	cleanHeaders(res.Header)
	c.mark(res.Header)
	c.heed(res.StatusCode, res.Header)
	if res.StatusCode >= 400 {
		return c.passRefusal(res)
	}
	form, known := framingOf(res.Header.Get("Content-Type"))
	if res.StatusCode < 200 || res.StatusCode >= 300 || !known {
		return nil, newFault(backendBadResponse, "the engine answered with something that is not an answer")
	}
	c.tap = newTap(form, c.tokensCame)
	if c.scope != nil {
		c.tap.whole.most = maxVectors
	}
	a := &answer{call: c, src: piecesOf(res.Body, form), fixed: res.ContentLength >= 0}
	if err := a.readAhead(); err != nil {
		_ = a.Close()
		return nil, err
	}
	if form != plain {
		c.sent()
	}
	c.publish(res, form)
	return a, nil
}

// mark puts on an answer with whom and how long its request waited.
func (c *call) mark(h http.Header) {
	h.Set("X-Carpool-Batch", strconv.FormatUint(c.lease.Batch().ID, 10))
	h.Set("X-Carpool-Wait-Ms", strconv.FormatInt(c.lease.Waited().Milliseconds(), 10))
	markEngine(h, c.target)
}

func markEngine(h http.Header, t backends.Target) {
	h.Set("X-Carpool-Engine", t.Name)
	if t.Simulated {
		h.Set("X-Carpool-Simulated", "true")
	}
}

// cleanHeaders takes off an answer what only concerns us: the engine's CORS
// headers, which judge the rewritten request.
func cleanHeaders(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			h.Del(name)
		}
	}
	if h.Get("Retry-After") != "" {
		h.Set("Retry-After", strconv.Itoa(retryAfter(h.Get("Retry-After"), time.Now)))
	}
}

// heed keeps others from an engine that asks to be left alone for a while.
func (c *call) heed(status int, h http.Header) {
	after := h.Get("Retry-After")
	if after == "" || status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return
	}
	pause := time.Duration(retryAfter(after, time.Now)) * time.Second
	reason := fmt.Sprintf("%s answered %d and asked to wait %v", c.target.Label, status, pause)
	c.log.Warn("engine pauses", "engine", c.target.Name, "reason", reason)
	c.scheduler.Pause(c.target.Name, time.Now().Add(pause), reason)
}

// tokensCame hears of each piece of generated text.
func (c *call) tokensCame(n int) {
	if c.rec.FirstToken == 0 {
		c.rec.FirstToken = time.Since(c.arrived)
		c.lease.FirstToken()
		c.runners.lives(c)
		c.watch.tokens(c.stallLimit())
	}
	c.lease.Tokens(n)
}

// explain turns what went wrong with the engine into a fault, and has the
// registry look at an engine that could not be reached.
func (c *call) explain(err error) *fault {
	if cause := context.Cause(c.ctx); cause != nil {
		err = cause
	}
	if f := c.orGone(nil); f != nil {
		return f
	}
	f := faultOfTransport(err)
	if f.isLoss() {
		c.engines.Trouble(c.target.Name, err)
	}
	return f
}
