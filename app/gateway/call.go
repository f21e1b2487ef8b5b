package gateway

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
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
	body, held, f := readBody(c.client, c.in, &c.memory, c.policy.MaxBody)
	c.held = held
	defer c.dropBody()
	if f != nil {
		c.client.refuse(c.dialect, f)
		return
	}
	c.body = body
	if e := c.in.Header.Get("Content-Encoding"); e == "" || e == "identity" {
		if c.sketch, f = peek(body, c.dialect, c.route); f != nil {
			c.client.refuse(c.dialect, f)
			return
		}
		if c.route.vectors != noVectors && c.in.URL.RawQuery == "" {
			c.embed, _ = readEmbedCall(c.route.vectors, body)
		}
	} else {
		// Some engines read compressed bodies. Such a call takes its turn like
		// any other, under no model's name.
		c.sketch = sketch{stream: true, filled: true, packed: true}
	}
	if c.remote && c.sketch.moves() {
		c.client.refuse(c.dialect, notFromNetwork())
		return
	}
	if !c.sketch.filled {
		c.serveStraight() // loads or unloads a model
		return
	}
	if c.about, f = supersedeKey(c.in); f != nil {
		c.client.refuse(c.dialect, f)
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

// locate finds the engine.
func (c *call) locate() *fault {
	target, err := c.resolve(c.engines.Resolve)
	if err != nil {
		return c.orGone(faultOfResolve(err))
	}
	if other, ok := c.unwedged(target); ok {
		target = other
	}
	if c.sketch.packed && c.pinned == "" && !passesUnknown(target.Kind) && c.several() {
		return newFault(unsupportedMedia, "the body is compressed, which hides whose model it asks for: send it plain")
	}
	return c.settleOn(target)
}

// settleOn takes a target for the call's.
func (c *call) settleOn(t backends.Target) *fault {
	c.target = t
	c.first = cmp.Or(c.first, t.Name)
	c.rec.Engine, c.rec.Simulated = t.Name, t.Simulated
	if t.Why != "" {
		c.log.Debug("engine chosen", "id", c.id, "engine", t.Name, "model", t.Model, "reason", t.Why)
	}
	c.client.head.Del(numCtxHeader) // of an engine before
	c.harmonise()
	return c.translate()
}

// admit waits for a lease.
func (c *call) admit() *fault {
	key := batching.Key{Engine: c.target.Name, Model: canonical(c.target, c.sketch.model)}
	if c.route.own && c.rec.Model == "" {
		c.rec.Model = key.Model // the one that the engine has
	}
	about, stop := c.supersedes(key)
	ctx, cancel := context.WithCancelCause(c.ctx)
	defer cancel(nil)
	stay := c.watchEngine(cancel)
	c.queue(key, cancel)
	lease, err := c.scheduler.Acquire(ctx, batching.Request{
		Key:          key,
		ID:           c.id,
		App:          c.rec.App,
		Priority:     c.rec.Priority,
		PromptTokens: int(c.sketch.prompt / bytesPerToken),
		PromptLeast:  c.promptLeast(),
		MaxTokens:    c.sketch.maxTokens,
		Prefix:       c.sketch.prefix,
		PrefixTokens: int(c.sketch.prefixBytes / bytesPerToken),
		Unlisted:     unlisted(c.target, key.Model),
		Streams:      c.sketch.stream,
		Withheld:     c.withheld(),
		Embedding:    c.route.embedding,
		Supersede:    about,
		Since:        c.queuedSince(),
		Merge:        c.mergeWord(key),
		Texts:        c.embed.count(),
	})
	stay()
	stop()
	c.rec.Queued = time.Since(c.arrived)
	if err != nil {
		c.wedged.exit(c)
		f := faultOfQueue(err)
		if f == nil {
			f = newFault(internalError, "the scheduler failed")
			c.log.Error("scheduler failed", "id", c.id, "error", err)
		}
		return c.orGone(f)
	}
	c.lease, c.admitted = lease, true
	lease.OnCancel(func() { c.cancel(batching.ErrCancelled) })
	c.away.enter(c)
	c.rec.Line = key
	c.wedged.enter(c)
	if c.leader != nil {
		c.leader.run.start(time.Now())
	}
	c.rec.Batch, c.rec.Queued = lease.Batch().ID, lease.Waited()
	c.rec.Observed, c.rec.Aboard = lease.Stream(), 1
	if ride, _ := lease.Ride(); ride != nil {
		c.rec.Aboard = ride.Requests()
	}
	return nil
}

// queuedSince is when the call was first queued, if that was for another engine: it
// keeps its place by age. Zero = it is queued for the first time.
func (c *call) queuedSince() time.Time {
	if c.moves == 0 {
		return time.Time{}
	}
	return c.arrived
}

const (
	bytesPerToken = 4 // a fair mean for text in many languages
	bytesAtMost   = 6 // more than the mean of any text but one that repeats itself
)

// promptLeast is what the prompt holds of the engine's cache for certain. The texts
// of an embedding are read one after the other.
func (c *call) promptLeast() int {
	if c.route.embedding {
		return 0
	}
	return int(c.sketch.prompt / bytesAtMost)
}

// muchElse is more of a body than what surrounds a prompt: images.
const muchElse = 32 << 10

// withheld reports whether the engine may be silent for long before the first token
// of a stream, or between two: it reads images, or holds a tool call back until it is
// whole.
func (c *call) withheld() bool {
	return c.sketch.tools || c.sketch.packed || int64(len(c.body))-c.sketch.prompt > muchElse
}

// finder is Engines.Resolve, or Engines.Look for calls without a turn.
type finder func(ctx context.Context, model string, but ...string) (backends.Target, error)

func (c *call) resolve(find finder) (backends.Target, error) {
	if c.pinned != "" {
		return c.resolvePinned(find)
	}
	if c.sketch.model == "" {
		return c.engines.Preferred()
	}
	return find(c.ctx, c.sketch.model)
}

// several reports whether more than one engine is up.
func (c *call) several() bool {
	up := 0
	for _, e := range c.known() {
		if e.Health == backends.Up {
			up++
		}
	}
	return up > 1
}

// canonical is the engine's own spelling of a model's name, so that "m" and
// "m:latest" share a batch, and so do all names of llama-server's one model.
func canonical(t backends.Target, name string) string {
	if t.Model != "" {
		return t.Model
	}
	return name
}

// unlisted tells whether an engine will refuse a model for want of it. Ollama
// ignores case and knows its own library's names by their full spelling, too.
func unlisted(t backends.Target, name string) bool {
	if t.Kind != backends.KindOllama {
		return false
	}
	if name == "" {
		return true // what a packed body asks for is not known, so nothing can make room for it
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "registry.ollama.ai/"), "library/")
	return !slices.ContainsFunc(t.Models, func(m backends.Model) bool {
		return strings.EqualFold(m.Name, name) || strings.EqualFold(m.Name, name+":latest")
	})
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

// reader is the body for the engine, fresh for each try.
func (c *call) reader() (io.ReadCloser, error) { return c.send(c.body), nil }

func (c *call) send(body []byte) io.ReadCloser {
	c.sending = bytes.NewReader(body)
	return io.NopCloser(c.sending)
}

// sent lets the body go, once the engine has it and answers: nobody will ask again, and
// an answer may take minutes.
func (c *call) sent() {
	if c.try == nil || c.try.written.Load() == 0 {
		return // it may still be read from
	}
	c.sending.Reset(nil)
	c.dropBody()
}

// dropBody gives back what the body takes of the memory. It may be called again.
func (c *call) dropBody() {
	c.memory.give(c.held)
	c.body, c.held = nil, 0
}
