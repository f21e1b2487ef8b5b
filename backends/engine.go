package backends

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

var errIsCarpool = errors.New("this is Carpool's own address: set engine.url to the engine's")

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
}

// candidate is an address where an engine may be.
type candidate struct {
	place
	name   string  // that the settings gave it; "" = its kind's
	makers []maker // the kinds that it may be, best first
	wanted bool    // the settings name it; else it is a place where engines are by default
}

func (c candidate) is(o candidate) bool {
	return c.String() == o.String() && c.name == o.name && slices.EqualFunc(c.makers, o.makers, func(a, b maker) bool { return a.kind == b.kind })
}

func newEngine(c candidate, self bool, t *lean) *engine {
	e := &engine{candidate: c, self: self, transport: t, news: make(chan struct{}),
		info: Info{URL: c.String(), Health: Unknown, Problem: "not looked at yet"}}
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

// probed is what one probe found.
type probed struct {
	engine  *engine
	maker   maker
	report  report
	studied *facts // nil = it was not asked
	read    memories
	err     error
	at      time.Time
}

// look is what one probe is to find out.
type look struct {
	*engine
	stranger bool // not known to be an engine
	known    memories
	makers   []maker // what it may be, the likeliest first
	key      func(Kind) string
}

// probe asks the engine what it is and has, and first, if it is a stranger,
// whether it is Carpool itself. It reads only what never changes.
func (l look) probe(ctx context.Context) probed {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	p := probed{engine: l.engine, maker: l.makers[0]}
	switch {
	case l.self:
		p.err = errIsCarpool
	case l.stranger:
		p.err = notCarpool(ctx, l.client(""), l.url)
	}
	if p.err == nil {
		l.identify(ctx, &p)
	}
	if p.err == nil && !l.stranger && p.maker.inspect != nil {
		p.read = l.inspect(ctx, p.maker, p.report.models)
	}
	p.at = time.Now()
	return p
}

// identify asks as each kind in turn, until one knows the answer.
func (l look) identify(ctx context.Context, p *probed) {
	for i, m := range l.makers {
		c := l.client(l.key(m.kind))
		r, err := m.probe(ctx, c, l.url)
		if err == nil && m.study != nil && l.stranger {
			p.studied = l.study(ctx, m, c)
		}
		odd, isOdd := errors.AsType[*unexpected](err)
		if i == 0 || !isOdd || odd.key {
			p.maker, p.report, p.err = m, r, err
		}
		if !isOdd || odd.sure {
			return
		}
	}
}

// study asks what does not change. An engine that cannot tell is taken for one that
// serves OpenAI's API alone: the rest is translated.
func (l look) study(ctx context.Context, m maker, c *http.Client) *facts {
	ctx, cancel := context.WithTimeout(ctx, studyTimeout)
	defer cancel()
	f, err := m.study(ctx, c, l.url)
	if err != nil {
		f = facts{apis: []API{OpenAIAPI}}
	}
	return &f
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

// find returns the engine's own name of a model: the same, or the same with
// ":latest". Ollama, which knows more spellings, is asked by those, too.
func (i Info) find(model string) (name string, ok bool) {
	for _, m := range i.Models {
		if m.Name == model || m.Name == model+":latest" {
			return m.Name, true
		}
	}
	if i.Kind != KindOllama {
		return "", false
	}
	short := strings.TrimPrefix(strings.TrimPrefix(model, "registry.ollama.ai/"), "library/")
	for _, m := range i.Models {
		if strings.EqualFold(m.Name, short) || strings.EqualFold(m.Name, short+":latest") {
			return m.Name, true
		}
	}
	return "", false
}

// has returns whether the engine's list holds a model.
func (i Info) has(model string) bool {
	_, ok := i.find(model)
	return ok
}

// loaded reports whether a model of the engine is.
func (i Info) loaded(name string) bool {
	return slices.ContainsFunc(i.Models, func(m Model) bool { return m.Name == name && m.Loaded })
}

// AnswersAnyName reports whether the engine answers with the one model that it
// has whatever name it is asked for, as llama-server and KoboldCpp do.
func (i Info) AnswersAnyName() bool {
	return (i.Kind == KindLlamaCPP || i.Kind == KindKoboldCPP) && len(i.Models) == 1
}

// notCarpool fails if the address is that of a Carpool, this one or another.
// Its health page names it; an engine has none, or another one.
func notCarpool(ctx context.Context, c *http.Client, base *url.URL) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("health").String(), nil)
	if err != nil {
		return fmt.Errorf("health request: %w", err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	var page map[string]json.RawMessage
	if json.Unmarshal(b, &page) == nil && page["carpool"] != nil {
		return errIsCarpool
	}
	return nil
}

// uniqueName returns the kind's name, numbered from the second one on.
func uniqueName(k Kind, taken []*engine) string {
	name := string(k)
	for n := 2; slices.ContainsFunc(taken, func(e *engine) bool { return e.info.Name == name }); n++ {
		name = fmt.Sprintf("%s-%d", k, n)
	}
	return name
}
