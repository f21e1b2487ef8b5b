package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"carpool/app/gateway/translate"
	"carpool/backends"
)

// noLog keeps ReverseProxy's notes out of the log: each failure is recorded.
var noLog = log.New(io.Discard, "", 0)

// buffers are shared by copies of answers.
type buffers struct {
	size int // bytes
	pool sync.Pool
}

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, b.size)
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

// A stream holds its buffer for as long as it lasts, so it has a small one: as much as
// its connection reads at a time, and as fits with the frame of a chunk into what
// net/http writes at a time.
var (
	copyBuffers   = buffers{size: 32 << 10}
	streamBuffers = buffers{size: 4<<10 - 7}
)

// buffersFor are those for an answer of a form.
func buffersFor(f framing) *buffers {
	if f == plain {
		return &copyBuffers
	}
	return &streamBuffers
}

// answerBuffers are those for the call's answer. ReverseProxy asks once that has begun.
type answerBuffers struct{ *call }

// Get implements httputil.BufferPool.
func (b answerBuffers) Get() []byte { return b.buffers().Get() }

// Put implements httputil.BufferPool.
func (b answerBuffers) Put(p []byte) { b.buffers().Put(p) }

func (b answerBuffers) buffers() *buffers {
	if b.tap == nil { // an engine's own error
		return &copyBuffers
	}
	return buffersFor(b.tap.form)
}

// exchange asks the engine and passes its answer on.
func (c *call) exchange() {
	c.watch = newWatchdog(c.firstTokenLimit(), func(cause error) { c.cancel(cause) })
	defer c.watch.stop()
	defer c.runners.enter(c)()
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			rewrite(p, c.target)
			c.keepKeys(p.Out.Header)
			c.rec.Trace.mark(p.Out.Header)
			p.Out.Header.Set("Accept-Encoding", "identity") // the tap reads plain text
			p.Out.Body, _ = c.reader()                      // never fails
			p.Out.GetBody = nil                             // else net/http has retries of its own
			p.Out.ContentLength = int64(len(c.body))
			p.Out.TransferEncoding = nil
		},
		Transport: roundTripper(c.roundTrip),
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) {
			if f := c.explain(err); !c.movesFrom(f) {
				c.fail(f)
			}
		},
		FlushInterval: -1,
		BufferPool:    answerBuffers{c},
		ErrorLog:      noLog,
	}
	proxy.ModifyResponse = func(res *http.Response) error {
		err := c.judge(res)
		if c.tap != nil && c.tap.form == plain {
			proxy.FlushInterval = 0 // it is there, so it needs no timer to be sent in time
		}
		return err
	}
	proxy.ServeHTTP(c.writer(), c.in.WithContext(c.ctx))
}

// unstreamedFactor is how much longer than a stream's first token an unstreamed
// answer may take: it is silent until its last token.
const unstreamedFactor = 4

func (c *call) firstTokenLimit() time.Duration {
	if c.sketch.stream {
		return c.policy.FirstToken
	}
	return unstreamedFactor * c.policy.FirstToken
}

// stallLimit holds between bytes once tokens flow. Engines hold a tool call
// back until it is whole, which can take as long as a first token.
func (c *call) stallLimit() time.Duration {
	if c.sketch.tools {
		return max(c.policy.Stall, c.policy.FirstToken)
	}
	return c.policy.Stall
}

// rewrite addresses a request to the engine. It leaves out what was meant for
// us: the origin, which has been judged, our own headers, offers to change the
// protocol, and trailers.
func rewrite(p *httputil.ProxyRequest, t backends.Target) {
	p.SetURL(t.Base)
	p.Out.Trailer = nil // as fields behind a body they would come in past all checks
	h := p.Out.Header
	for _, name := range []string{"Origin", "Expect", "Upgrade", "Connection", "Te"} {
		h.Del(name)
	}
	for name := range h {
		if strings.HasPrefix(name, "X-Carpool-") {
			h.Del(name)
		}
	}
	if h.Get("Accept-Encoding") == "" {
		h.Set("Accept-Encoding", "identity") // else the transport asks for gzip and unpacks it
	}
}

// keepKeys takes the client's keys off a request that goes to another engine than
// the one that it was meant for: they may be that one's own.
func (c *call) keepKeys(h http.Header) {
	if c.target.Name != c.first {
		h.Del("Authorization")
		h.Del("X-Api-Key")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// idleRace is how long after a request was written its connection may fail and
// still be taken for an idle one that the engine had closed before: the time in
// which a local engine's reset comes back, and well under that of any real work.
const idleRace = 100 * time.Millisecond

// attempt is what is seen of one request on its connection. The transport tells
// it on goroutines of its own.
type attempt struct {
	reused  atomic.Bool  // the connection had been idle
	heard   atomic.Bool  // a byte of an answer has come
	written atomic.Int64 // when the last byte was sent, in nanoseconds after start; 0 = it was not
	start   time.Time
}

func (a *attempt) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			a.reused.Store(i.Reused)
			a.written.Store(0)
		},
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			if i.Err == nil {
				a.written.Store(max(1, int64(time.Since(a.start))))
			}
		},
		GotFirstResponseByte: func() { a.heard.Store(true) },
	}
}

// unheard reports whether the engine cannot have worked on a request that has
// just failed with err.
func (a *attempt) unheard(err error) bool {
	switch {
	case a.heard.Load() || isTimeout(err):
		return false
	case isDial(err):
		return true
	}
	written := a.written.Load()
	return a.reused.Load() && (written == 0 || time.Since(a.start)-time.Duration(written) < idleRace)
}

// roundTrip asks the engine, and asks once more if it cannot have heard: the
// connection could not be made, or an idle one had been closed. Never after a
// timeout.
func (c *call) roundTrip(r *http.Request) (*http.Response, error) {
	c.watch.wait()
	defer c.watch.rest()
	try := &attempt{start: time.Now()}
	c.try = try
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), try.trace()))
	engine := c.engine()
	res, err := c.onceLoaded(engine, r)
	if err == nil || c.ctx.Err() != nil || !try.unheard(err) {
		return res, err
	}
	again := r.Clone(r.Context())
	again.Body, _ = c.reader() // never fails
	return c.onceLoaded(engine, again)
}

// loadPoll is how often an engine that loads its model is asked again.
const loadPoll = time.Second

// onceLoaded asks the engine, and asks again while it says that it loads its
// model: llama-server has no line for those who come meanwhile. The limit of the
// first token ends it.
func (c *call) onceLoaded(engine http.RoundTripper, r *http.Request) (*http.Response, error) {
	for {
		res, err := engine.RoundTrip(r)
		if err == nil && !c.isForeign() {
			withErrors(c.target.Kind, res)
		}
		if err != nil || res.StatusCode != http.StatusServiceUnavailable || c.target.Kind != backends.KindLlamaCPP || !saysLoading(res) {
			return res, err
		}
		_ = res.Body.Close()
		select {
		case <-time.After(loadPoll):
		case <-c.ctx.Done():
			return nil, context.Cause(c.ctx)
		}
		r = r.Clone(r.Context())
		r.Body, _ = c.reader() // never fails
	}
}

// saysLoading looks whether an answer says so, and leaves it as it was.
func saysLoading(res *http.Response) bool {
	head := make([]byte, maxErrorText)
	n, _ := io.ReadFull(res.Body, head) // what it cannot read it does not say
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head[:n]), res.Body), res.Body}
	return bytes.Contains(head[:n], []byte("Loading model"))
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
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

// judge looks at the engine's answer before a byte of it goes on. On a stream
// that takes the first event: until then the status is still ours to choose.
func (c *call) judge(res *http.Response) error {
	c.rec.EngineStatus = res.StatusCode
	cleanHeaders(res.Header)
	c.mark(res.Header)
	c.heed(res.StatusCode, res.Header)
	if res.StatusCode >= 400 {
		return c.passRefusal(res)
	}
	form, known := framingOf(res.Header.Get("Content-Type"))
	if res.StatusCode < 200 || res.StatusCode >= 300 || !known {
		return newFault(backendBadResponse, "the engine answered with something that is not an answer")
	}
	c.tap = newTap(form, c.tokensCame)
	if c.scope != nil {
		c.tap.whole.most = maxVectors
	}
	a := &answer{call: c, src: res.Body, fixed: res.ContentLength >= 0}
	if err := a.readAhead(); err != nil {
		return err
	}
	if form != plain {
		c.sent()
	}
	c.publish(res, form)
	c.client.ahead = len(a.held) > 0
	res.Body = a
	return nil
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

// passRefusal passes an engine's own error on as it is, and notes its kind.
func (c *call) passRefusal(res *http.Response) error {
	head := make([]byte, maxErrorText)
	c.watch.wait()
	n, err := io.ReadFull(res.Body, head)
	c.watch.rest()
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	c.fault = c.blame(newFault(kindOfEngine(res.StatusCode, string(head[:n])), "the engine's own error"))
	if res.StatusCode >= http.StatusInternalServerError { // a refusal may quote the client
		c.hearEnd(string(head[:n]))
	}
	if rules[c.fault.kind].hopeless {
		res.Header.Set("X-Should-Retry", "false")
	}
	if err != nil && !c.dialect.reads(head[:n]) {
		head = translate.Refusal(refusalRoutes[c.dialect], res.StatusCode, head[:n])
		n = len(head)
		res.ContentLength = int64(n)
		res.Header.Set("Content-Length", strconv.Itoa(n))
		res.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	c.watch.tokens(c.policy.Stall) // it comes in one go
	c.publish(res, plain)
	c.keep(head[:n])
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head[:n]), &refusal{c, watched{res.Body, c.watch}}), res.Body}
	return nil
}

// watched reads from an engine with the watchdog beside.
type watched struct {
	src   io.Reader
	watch *watchdog
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	w.watch.wait()
	defer w.watch.rest()
	return w.src.Read(p)
}

// refusal is the rest of an engine's own error.
type refusal struct {
	*call
	watched
}

// Read implements io.Reader.
func (r *refusal) Read(p []byte) (int, error) {
	n, err := r.watched.Read(p)
	r.keep(p[:n])
	if errors.Is(err, io.EOF) {
		r.ending = proper
	}
	return n, err
}

// localRedirect keeps a redirect from leading a client around us: one to the
// engine's own address becomes one to ours; one to elsewhere is refused.
func localRedirect(res *http.Response, base *url.URL) error {
	location := res.Header.Get("Location")
	if location == "" {
		return nil
	}
	u, err := url.Parse(location)
	switch {
	case err == nil && u.Host == "" && u.Scheme == "":
		return nil
	case err == nil && u.Host == base.Host && u.Scheme == base.Scheme:
		u.Scheme, u.Host, u.User = "", "", nil
		u.Path = "/" + strings.TrimPrefix(strings.TrimPrefix(u.Path, strings.TrimSuffix(base.Path, "/")), "/")
		u.RawPath = ""
		res.Header.Set("Location", u.String())
		return nil
	}
	return newFault(backendBadResponse, "the engine redirects to another address")
}
