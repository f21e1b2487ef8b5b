package backends

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// maker is what the registry must know of one kind of engine.
type maker struct {
	kind  Kind
	label string // for people
	apis  []API  // what it serves by itself
	// places lists where the engine may be when no address is set, best first,
	// as parsePlace reads them.
	places func() []string
	// probe asks the engine what it is and has. It must not generate a token,
	// load a model, or touch one that is not loaded.
	probe func(ctx context.Context, c *http.Client, base *url.URL) (report, error)
	// preallocated says that its memory does not grow with the requests in it.
	preallocated bool
	// parallelHint says what a person can change for more slots.
	parallelHint string
	// advice says what a person can do when the engine does not answer.
	advice string
}

// report is what a probe finds.
type report struct {
	version  string
	models   []Model
	slots    int // 0 = not told
	kvTokens int // 0 = not told
}

var errIsCarpool = errors.New("this is Carpool's own address: set engine.url to the engine's")

// engine is one candidate that is watched. Registry.mu guards all that changes.
type engine struct {
	candidate
	self      bool // our own address, known without asking
	found     bool // it has answered as its kind does
	transport *http.Transport
	client    *http.Client

	info     Info
	probing  bool
	next     time.Time     // of the next probe
	ended    time.Time     // of the last probe
	failures int           // in a row
	news     chan struct{} // closed when a probe has ended, then replaced
}

func newEngine(name string, c candidate, self bool, t *http.Transport) *engine {
	return &engine{
		candidate: c, self: self, transport: t,
		client: &http.Client{
			Transport: t,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return &unexpected{"with a redirect, which is never followed"}
			},
		},
		info: Info{Name: name, Kind: c.kind, Label: c.label, URL: c.String(), Health: Unknown, Problem: "not looked at yet",
			APIs: c.apis, Preallocated: c.preallocated, ParallelHint: c.parallelHint},
		news: make(chan struct{}),
	}
}

// probe asks the engine, and first, if it is a stranger, whether it is one. It
// reads only what never changes.
func (e *engine) probe(ctx context.Context, stranger bool) probed {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	p := probed{engine: e}
	switch {
	case e.self:
		p.err = errIsCarpool
	case stranger:
		p.err = notCarpool(ctx, e.client, e.url)
	}
	if p.err == nil {
		p.report, p.err = e.maker.probe(ctx, e.client, e.url)
	}
	p.at = time.Now()
	return p
}

// take takes over what a probe found.
func (e *engine) take(p probed) {
	e.probing, e.ended = false, p.at
	defer func() {
		close(e.news)
		e.news = make(chan struct{})
	}()
	if p.err == nil {
		e.failures, e.found = 0, true
		e.next = p.at.Add(probeEvery)
		if e.info.Health != Up || e.info.Version != p.report.version ||
			e.info.Slots != p.report.slots || e.info.KVTokens != p.report.kvTokens {
			e.info.Epoch++
		}
		e.info.Health, e.info.Problem, e.info.Seen = Up, "", p.at
		e.info.Version, e.info.Models = p.report.version, p.report.models
		e.info.Slots, e.info.KVTokens = p.report.slots, p.report.kvTokens
		return
	}
	e.failures++
	if _, ok := errors.AsType[*notReady](p.err); ok {
		e.found = true
	}
	latest := probeLatest
	if !e.local() {
		latest = probeRemote
	}
	e.next = p.at.Add(min(probeSoonest<<min(e.failures-1, 10), latest))
	if e.info.Health == Up && e.failures < 2 && isTimeout(p.err) {
		return // a machine under full load is slow to answer; once is no proof
	}
	if e.info.Health == Up {
		e.transport.CloseIdleConnections()
	}
	e.info.Health, e.info.Problem = Down, e.problem(p.err)
}

// problem says in words why the engine is not up, and what to do.
func (e *engine) problem(err error) string {
	if errors.Is(err, errIsCarpool) {
		return err.Error()
	}
	who, advice := e.label+" at "+e.info.URL, e.advice
	if wait, ok := errors.AsType[*notReady](err); ok {
		return who + " " + wait.Error()
	}
	if e.guessed && !e.found {
		who, advice = "the engine at "+e.info.URL, "start it"
	}
	what := "does not answer"
	if isTimeout(err) {
		what = "does not answer in time"
	} else if status := new(unexpected); errors.As(err, &status) {
		what = "answers, but " + status.Error()
	}
	return fmt.Sprintf("%s %s: %s, or set engine.url", who, what, advice)
}

// has returns whether the engine's list holds a model, exactly or with ":latest".
func (i Info) has(model string) bool {
	return slices.ContainsFunc(i.Models, func(m Model) bool { return m.Name == model || m.Name == model+":latest" })
}

// serves reports whether a request for a model can succeed. llama-server answers
// with the one model that it has whatever name it is asked for.
func (i Info) serves(model string) bool {
	return i.has(model) || i.Kind == KindLlamaCPP && len(i.Models) == 1
}

// unexpected is an answer that the kind of engine would not give.
type unexpected struct{ what string }

func (u *unexpected) Error() string { return u.what }

// notReady is an engine that is there but cannot serve yet.
type notReady struct{ what string }

func (n *notReady) Error() string { return n.what }

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
