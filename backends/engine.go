package backends

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// engine is one address that is watched. Registry.mu guards all that changes.
type engine struct {
	candidate
	self      bool // our own address, known without asking
	transport *lean
	trusted   *x509.CertPool // by transport

	maker    maker // what it is, or is taken for until it has answered
	found    bool  // it has answered as its kind does
	strange  bool  // what answers there is no engine
	loading  bool  // it is there, and will serve once its model is loaded
	facts    facts // of its last study
	memories memories
	breaker  breaker
	info     Info
	probing  bool
	next     time.Time       // of the next probe
	ended    time.Time       // of the last probe
	failures int             // in a row
	news     chan struct{}   // closed when a probe has ended, then replaced
	life     context.Context // ends when it is up no more; nil while it is not up
	gone     context.CancelFunc
	struck   context.Context // ends when the settings do not name it any more
	strike   context.CancelFunc
}

func newEngine(c candidate, self bool, t *lean) *engine {
	e := &engine{candidate: c, self: self, transport: t, news: make(chan struct{}),
		info: Info{URL: c.String(), Health: Unknown, Problem: "not looked at yet"}}
	e.struck, e.strike = context.WithCancel(context.Background())
	e.become(c.makers[0])
	return e
}

// become takes the engine for one of m's kind. Its name is the caller's to set.
func (e *engine) become(m maker) {
	e.maker = m
	e.info.Kind, e.info.Label = m.kind, m.label
	e.info.Preallocated, e.info.ParallelHint = m.preallocated, m.parallelHint
	if e.name != "" && e.name != string(m.kind) {
		e.info.Label = m.label + " (" + e.name + ")"
	}
}

// client asks the engine with a key; "" = without.
func (e *engine) client(key string) *http.Client {
	return &http.Client{Transport: keyed{e.transport, key}, CheckRedirect: refuseRedirect}
}

func refuseRedirect(*http.Request, []*http.Request) error {
	return &unexpected{what: "with a redirect, which is never followed"}
}

// take takes over what a probe found.
func (e *engine) take(p probed) {
	e.probing, e.ended, e.loading = false, p.at, false
	defer func() {
		close(e.news)
		e.news = make(chan struct{})
	}()
	if p.err == nil {
		e.takeReport(p)
		return
	}
	e.failures++
	odd, isOdd := errors.AsType[*unexpected](p.err)
	_, waits := errors.AsType[*notReady](p.err)
	if !e.found && (waits || isOdd && odd.key) {
		e.become(p.maker)
	}
	e.found, e.loading = e.found || waits, waits
	e.strange = isOdd && !odd.key && !e.found
	latest := probeLatest
	switch {
	case e.loading:
		latest = probeSoonest
	case e.strange && !e.wanted:
		latest = probeStrange
	case !e.local():
		latest = probeRemote
	}
	e.next = p.at.Add(min(probeSoonest<<min(e.failures-1, 10), latest))
	if e.info.Health == Up && e.failures < 2 && isTimeout(p.err) {
		return // a machine under full load is slow to answer; once is no proof
	}
	if e.info.Health == Up {
		e.transport.CloseIdleConnections()
		e.end()
	}
	e.info.Health, e.info.Problem = Down, e.problem(p.err)
}

// takeReport takes over what an engine that is up tells of itself.
func (e *engine) takeReport(p probed) {
	e.failures, e.found, e.strange = 0, true, false
	e.next = p.at.Add(probeEvery)
	if p.maker.kind != e.maker.kind {
		e.become(p.maker)
	}
	if p.studied != nil {
		e.facts = *p.studied
	}
	r := p.report
	if r.kvTokens == 0 {
		r.kvTokens = e.facts.kvTokens
	}
	if r.apis == nil {
		r.apis = e.facts.apis
	}
	e.memories = e.memories.with(p.read, r.models)
	i := &e.info
	if i.Health != Up || i.Version != r.version || i.Slots != r.slots || i.KVTokens != r.kvTokens {
		i.Epoch++
	}
	if i.Health != Up {
		e.life, e.gone = context.WithCancel(context.Background())
		e.breaker = breaker{}
	}
	i.Health, i.Problem, i.Seen = Up, "", p.at
	i.Version, i.Models, i.APIs = r.version, r.models, r.apis
	i.Slots, i.KVTokens = r.slots, r.kvTokens
}

// end tells who waits that the engine is up no more.
func (e *engine) end() {
	if e.life != nil {
		e.gone()
		e.life, e.gone = nil, nil
	}
}

// problem says in words why the engine is not up, and what to do.
func (e *engine) problem(err error) string {
	if errors.Is(err, errIsCarpool) {
		return err.Error()
	}
	who, advice := e.info.Label+" at "+e.info.URL, e.maker.advice
	if wait, ok := errors.AsType[*notReady](err); ok {
		return who + " " + wait.Error()
	}
	if e.wanted && len(e.makers) > 1 && !e.found {
		who, advice = "the engine at "+e.info.URL, "start it"
	}
	what := "does not answer"
	if isTimeout(err) {
		what = "does not answer in time"
	} else if odd, ok := errors.AsType[*unexpected](err); ok {
		if odd.key {
			return who + " " + odd.Error()
		}
		what = "answers, but " + odd.Error()
	}
	return fmt.Sprintf("%s %s: %s, or set %s", who, what, advice, e.setting())
}

// setting is where the engine's address is set.
func (e *engine) setting() string {
	if e.name != "" {
		return "engines.list"
	}
	return "engine.url"
}

// uniqueName returns the kind's name, numbered from the second one on.
func uniqueName(k Kind, taken []*engine) string {
	name := string(k)
	for n := 2; slices.ContainsFunc(taken, func(e *engine) bool { return e.info.Name == name }); n++ {
		name = fmt.Sprintf("%s-%d", k, n)
	}
	return name
}
