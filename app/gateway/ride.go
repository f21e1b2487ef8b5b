package gateway

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"time"

	"carpool/batching"
)

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
