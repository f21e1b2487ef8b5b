package gateway

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"carpool/app/gateway/translate"
	"carpool/backends"
	"carpool/batching"
)

// call is one request on its way through the gateway. It lives on the goroutine
// of its handler.
type call struct {
	*Gateway
	policy  *policy
	client  *client
	in      *http.Request
	ctx     context.Context // ends with the client, a timeout or Interrupt
	cancel  context.CancelCauseFunc
	id      string
	dialect Dialect
	remote  bool // from the network
	route   route
	arrived time.Time
	pinned  string // the engine that it is bound to; "" = whichever has the model
	prefix  string // of the path, taken off: "/engine/<pinned>"; "" = there was none

	// Of scheduled calls only.
	body     []byte
	held     int64         // bytes that body takes of the gateway's memory
	sending  *bytes.Reader // body as the engine is sent it; the latest
	try      *attempt      // at asking the engine; the latest
	sketch   sketch
	about    string // X-Carpool-Supersede; "" = none
	target   backends.Target
	tried    []string            // engines that went away
	moves    int                 // from one engine to another one
	first    string              // the engine that it was first for
	next     *backends.Target    // where the call goes on; nil = nowhere else
	asked    *translate.Exchange // what the engine will be asked; nil = the client's own words, or not prepared
	lease    *batching.Lease
	admitted bool    // it was let into the engine, by a lease of its own or by another's
	leader   *leader // nil = its exchange is for nobody else
	watch    *watchdog
	tap      *tap
	inner    *tap // of what was translated, before it was; nil = nothing was
	rec      Record
	embed    *embedCall       // nil = no call for vectors, or one that only the engine understands
	told     *batching.Report // of a part of a merged call
	scope    *cacheScope      // where its vectors are kept; nil = nowhere
	fault    *fault           // what ended it, if not the engine's own good answer
	complete bool             // the answer was passed on to its end
	ending   ending           // of an answer that had begun
	rated    bool             // how the engine did is told by another one of its ride
	midLine  bool             // it broke off within a line
}

// schedule serves a request that has to wait for its turn.
func (c *call) schedule() {
	defer c.dropBody()
	if f := c.read(); f != nil {
		c.client.refuse(c.dialect, f)
		return
	}
	if !c.sketch.filled {
		c.serveStraight() // loads or unloads a model
		return
	}
	c.begin()
	defer c.account()
	if f := c.locate(); f != nil {
		c.fail(f)
		return
	}
	if c.recall() || c.share() {
		return
	}
	c.place()
}

// read reads the request's body, and what scheduling has to know of it.
func (c *call) read() (f *fault) {
	if c.body, c.held, f = readBody(c.client, c.in, &c.memory, c.policy.MaxBody); f != nil {
		return f
	}
	if e := c.in.Header.Get("Content-Encoding"); e == "" || e == "identity" {
		if c.sketch, f = peek(c.body, c.dialect, c.route); f != nil {
			return f
		}
		if c.route.vectors != noVectors && c.in.URL.RawQuery == "" {
			c.embed, _ = readEmbedCall(c.route.vectors, c.body)
		}
	} else {
		// Some engines read compressed bodies. Such a call takes its turn like
		// any other, under no model's name.
		c.sketch = sketch{stream: true, filled: true, packed: true}
	}
	if c.remote && c.sketch.moves() {
		return notFromNetwork()
	}
	if c.sketch.filled {
		c.about, f = supersedeKey(c.in)
	}
	return f
}

// begin opens the record.
func (c *call) begin() {
	app := c.policy.appOf(c.in)
	c.rec = Record{
		ID: c.id, Started: c.arrived.UTC(), App: app, Model: c.sketch.model,
		Route: c.in.URL.Path, Dialect: c.dialect, Stream: c.sketch.stream, Priority: c.policy.priorityOf(c.in, app),
		PromptBytes: c.sketch.prompt, PromptTokens: -1, OutputTokens: -1,
	}
	if c.policy.Trace {
		c.rec.Trace = newTrace(c.in.Header)
	}
}

// orGone is f, unless there is no client any more to be told.
func (c *call) orGone(f *fault) *fault {
	if c.gone() && !errors.Is(context.Cause(c.ctx), errShutdown) {
		return newFault(clientGone, "the client left")
	}
	return f
}

// fail ends a call that has not sent anything yet. A client that only closed its
// sending side must not read our silence as net/http's empty 200, so its
// connection is broken off.
func (c *call) fail(f *fault) {
	f = c.blame(f)
	c.fault = f
	if f.kind == clientGone {
		panic(http.ErrAbortHandler)
	}
	c.client.refuse(c.dialect, f)
}
