package gateway

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"carpool/batching"
)

// merger makes one call for vectors of those that the scheduler has released as
// one, and gives each client its part of the answer.
type merger struct {
	unmerged func(Unmerged)

	mu    sync.Mutex
	rides map[*batching.Ride]*ride // those not complete yet
	paces map[batching.Key]*pace
	stats MergeStats
}

func newMerger(unmerged func(Unmerged)) *merger {
	if unmerged == nil {
		unmerged = func(Unmerged) {}
	}
	return &merger{unmerged: unmerged, rides: map[*batching.Ride]*ride{}, paces: map[batching.Key]*pace{}}
}

// maxMergeBody is the size up to which a body is merged, in bytes. Larger ones
// keep an engine busy by themselves.
const maxMergeBody = 256 << 10

// mergeWord is what the scheduler may merge c by; "" = c goes alone.
func (c *call) mergeWord(key batching.Key) string {
	if !c.policy.Merge || c.embed == nil || c.embed.form == legacyVector || len(c.body) > maxMergeBody {
		return ""
	}
	if !c.merger.pays(key, time.Now()) {
		return ""
	}
	return wordOf(c.embed, tellingHeaders(c.in.Header))
}

// ride is one call for several clients. It is made once all of them are there;
// who left before is not in it. It goes on until all have left.
type ride struct {
	*merger
	key    batching.Key
	seats  []*passenger // in the order of the queue
	taken  int
	done   chan struct{} // closed when the result is there
	cancel context.CancelCauseFunc
	baton  chan struct{} // who holds it may ask the engine alone

	// Guarded by merger.mu until done is closed.
	aboard  []*passenger
	staying int // of those aboard
	fine    int // of those that asked alone

	// The result: exactly one of them, or none, and each asks alone.
	answer  *embedAnswer
	refusal *whole
	kind    kind // of refusal
	fault   *fault
	header  http.Header // of answer
	split   bool        // refused in a way that may be about a single text
	took    batching.Report
}

// passenger is a client's part in a ride.
type passenger struct {
	*call
	left   bool
	aboard bool
	from   int // of its vectors in the answer
	ride   *ride
}

// whole is an engine's answer, read to its end.
type whole struct {
	status int
	header http.Header
	body   []byte
}

// join takes c's seat in the ride of its lease. The last one to join starts it.
func (m *merger) join(c *call, b *batching.Ride, seat int) *passenger {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rides[b]
	if r == nil {
		r = &ride{merger: m, seats: make([]*passenger, b.Requests()), key: c.lease.Batch().Key, done: make(chan struct{}), baton: make(chan struct{}, 1)}
		r.baton <- struct{}{}
		m.rides[b] = r
	}
	p := &passenger{call: c, ride: r, left: c.ctx.Err() != nil}
	r.seats[seat] = p
	if r.taken++; r.taken == len(r.seats) {
		delete(m.rides, b)
		r.start()
	}
	return p
}

// start makes the call, if there are still several who want it.
func (r *ride) start() {
	texts := 0
	for _, p := range r.seats {
		if !p.left {
			p.aboard, p.from = true, texts
			texts += len(p.embed.texts)
			r.aboard = append(r.aboard, p)
		}
	}
	r.staying = len(r.aboard)
	r.stats.Saved += int64(len(r.seats) - len(r.aboard))
	if len(r.aboard) < 2 {
		close(r.done)
		return
	}
	r.stats.Calls++
	r.stats.Requests += uint64(len(r.aboard))
	r.stats.Texts += uint64(texts)
	r.stats.Saved += int64(len(r.aboard) - 1)
	ctx, cancel := context.WithCancelCause(context.Background())
	r.cancel = cancel
	go r.run(ctx)
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

// askAlone passes c on by itself, and takes its time where it is a measure for
// merging.
func (c *call) askAlone() {
	if !c.route.embedding {
		c.exchange()
		return
	}
	key := c.lease.Batch().Key
	beside := c.merger.enter(key)
	defer c.merger.exit(key)
	began := time.Now()
	c.exchange()
	if c.complete && c.embed != nil && c.embed.form != legacyVector && len(c.embed.texts) == 1 {
		c.merger.sample(key, false, time.Since(began), 1, beside)
	}
}

// run makes the call and leaves its result.
func (r *ride) run(ctx context.Context) {
	defer close(r.done)
	defer r.cancel(nil)
	lead := r.aboard[0].call
	defer func() {
		if p := recover(); p != nil {
			lead.log.Error("merged call panicked", "panic", p, "stack", string(debug.Stack()))
			r.fault = newFault(internalError, "internal error")
		}
	}()
	calls := make([]*embedCall, len(r.aboard))
	var texts [][]byte
	for i, p := range r.aboard {
		calls[i] = p.embed
		texts = append(texts, p.embed.texts...)
	}
	body := mergedBody(calls)
	if !lead.memory.take(int64(len(body))) {
		return
	}
	defer lead.memory.give(int64(len(body)))
	beside := r.enter(r.key)
	began := time.Now()
	res, err := lead.ask(ctx, r.cancel, body)
	took := time.Since(began)
	r.exit(r.key)
	if err != nil {
		r.broken(lead, err)
		return
	}
	if res.status >= 400 {
		r.refused(res)
		return
	}
	a, err := readEmbedAnswer(lead.embed.form, texts, res.body)
	if form, known := framingOf(res.header.Get("Content-Type")); res.status != http.StatusOK || !known || form != plain {
		err = errNotVectors
	}
	if err != nil {
		r.stop(r.key, err.Error(), offAfterFailure)
		return
	}
	if r.checks(r.key) && !r.agrees(ctx, lead, texts, a) {
		r.stop(r.key, "merged vectors differ from single ones", offAfterLie)
		return
	}
	r.sample(r.key, true, took, len(texts), beside)
	r.header = res.header
	r.took = batching.Untold()
	r.took.OutputTokens = 0
	r.took.Total, r.took.Load = a.durations()
	r.answer = a
}

// broken is the end of a call without an answer. The array may be to blame, so
// the next ones go singly.
func (r *ride) broken(lead *call, err error) {
	r.fault = faultOfTransport(err)
	if r.fault.isLoss() {
		lead.engines.Trouble(lead.target.Name, err)
	}
	if r.fault.kind != backendUnavailable && !errors.Is(err, errDeserted) {
		r.stop(r.key, "a merged call failed: "+r.fault.message, offAfterFailure)
	}
}

// refused judges an engine's error: one that may be about a single text is left
// to each client to hear alone, any other is everyone's.
func (r *ride) refused(res *whole) {
	r.aboard[0].call.heed(res.status, res.header)
	k := kindOfEngine(res.status, string(res.body[:min(len(res.body), maxErrorText)]))
	switch k {
	case invalidRequest, contextLength, requestTooLarge, backendError:
		if res.status != http.StatusUnauthorized && res.status != http.StatusForbidden {
			r.split = true
			return
		}
	case insufficientMemory:
		r.stop(r.key, "a merged call took too much memory", offAfterFailure)
	}
	r.refusal, r.kind = res, k
}

// agrees asks again for one of the texts, alone, and compares. An engine that
// fails now is asked another time.
func (r *ride) agrees(ctx context.Context, lead *call, texts [][]byte, a *embedAnswer) bool {
	i := rand.IntN(len(texts))
	probe := *lead.embed
	probe.texts = texts[i : i+1]
	r.mu.Lock()
	r.stats.Checks++
	r.stats.Saved--
	r.mu.Unlock()
	res, err := lead.ask(ctx, r.cancel, mergedBody([]*embedCall{&probe}))
	if err != nil || res.status != http.StatusOK {
		return true
	}
	single, err := readEmbedAnswer(probe.form, probe.texts, res.body)
	if err != nil {
		return true
	}
	r.checked(r.key)
	return sameDirection(a.vectors[i].raw, single.vectors[0].raw)
}

// ask sends a body in the place of c's own, and reads the answer whole. It ends
// when the engine is silent for too long or ctx ends.
func (c *call) ask(ctx context.Context, cancel context.CancelCauseFunc, body []byte) (*whole, error) {
	ask := &call{Gateway: c.Gateway, policy: c.policy, in: c.in, ctx: ctx, cancel: cancel, target: c.target, route: c.route, body: body}
	ask.watch = newWatchdog(ask.firstTokenLimit(), func(cause error) { cancel(cause) })
	defer ask.watch.stop()
	src, _ := ask.reader() // never fails
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.target.Base.JoinPath(c.in.URL.Path).String(), src)
	if err != nil {
		return nil, err
	}
	req.GetBody = nil // else net/http has retries of its own
	req.ContentLength = int64(len(body))
	req.Header = tellingHeaders(c.in.Header)
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "carpool")
	res, err := ask.roundTrip(req)
	if err != nil {
		return nil, causeOr(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	ask.watch.tokens(c.policy.Stall) // it comes in one go
	answer, err := io.ReadAll(io.LimitReader(&watched{res.Body, ask.watch}, maxVectors+1))
	if err != nil {
		return nil, causeOr(ctx, err)
	}
	if len(answer) > maxVectors {
		return nil, newFault(backendBadResponse, "the engine's answer is too large")
	}
	cleanHeaders(res.Header)
	for _, name := range []string{"Content-Length", "Connection", "Keep-Alive", "Transfer-Encoding", "Trailer"} {
		res.Header.Del(name)
	}
	return &whole{res.StatusCode, res.Header, answer}, nil
}

// causeOr is why ctx ended, else err.
func causeOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
