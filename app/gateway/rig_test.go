package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"carpool/backends"
	"carpool/backends/backendstest"
	"carpool/batching"
)

func TestMain(m *testing.M) {
	// net/http waits for half a second before it closes a connection whose client
	// still sends: longer than goleak does.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// engines is a registry of one engine, of none, or of several.
type engines struct {
	mu      sync.Mutex
	target  *backends.Target
	more    []*backends.Target // beside it, in their order
	err     error
	known   []backends.Info // what Snapshot says; nil = the targets
	trouble []error
	failed  int // times that one was told to have failed
}

// all are the targets, the first one that is up as the active one.
func (e *engines) all() []backends.Target {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []backends.Target
	active := false
	for _, t := range append([]*backends.Target{e.target}, e.more...) {
		if t != nil {
			all = append(all, *t)
			all[len(all)-1].Active = !active && t.Health == backends.Up
			active = active || t.Health == backends.Up
		}
	}
	return all
}

// Resolve lets the one engine answer for every name. Several are told apart by
// their lists, or by their own name before the model's.
func (e *engines) Resolve(_ context.Context, model string, but ...string) (backends.Target, error) {
	if len(e.more) == 0 {
		t, err := e.Preferred()
		t.Model = model
		for _, m := range t.Models {
			if m.Name == model+":latest" {
				t.Model = m.Name
			}
		}
		if err == nil && slices.Contains(but, t.Name) {
			err = backends.ErrNoEngine
		}
		return t, err
	}
	for _, t := range e.all() {
		if slices.Contains(but, t.Name) {
			continue
		}
		for _, m := range t.Models {
			if bare, _ := strings.CutPrefix(model, t.Name+"/"); t.Health == backends.Up &&
				(m.Name == model || m.Name == model+":latest" || m.Name == bare || m.Name == bare+":latest") {
				t.Model = m.Name
				return t, nil
			}
		}
	}
	return backends.Target{}, fmt.Errorf("model '%s' not found: %w", model, backends.ErrUnknownModel)
}

func (e *engines) Look(ctx context.Context, model string, but ...string) (backends.Target, error) {
	return e.Resolve(ctx, model, but...)
}

func (e *engines) Served(string) {}

func (e *engines) Failed(string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failed++
	return false
}

func (e *engines) failures() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed
}

func (e *engines) Target(name string) (backends.Target, error) {
	if _, err := e.Preferred(); err != nil {
		return backends.Target{}, err
	}
	for _, t := range e.all() {
		if t.Name == name && t.Health == backends.Up {
			return t, nil
		}
	}
	return backends.Target{}, backends.ErrNoEngine
}

// change changes what is known of an engine.
func (e *engines) change(name string, to func(*backends.Info)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range append([]*backends.Target{e.target}, e.more...) {
		if t.Name == name {
			to(&t.Info)
		}
	}
}

func (e *engines) Preferred() (backends.Target, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return backends.Target{}, e.err
	}
	for _, t := range append([]*backends.Target{e.target}, e.more...) {
		if t != nil && t.Health == backends.Up {
			return *t, nil
		}
	}
	return backends.Target{}, backends.ErrNoEngine
}

func (e *engines) Snapshot() []backends.Info {
	if e.known != nil {
		return slices.Clone(e.known)
	}
	var all []backends.Info
	for _, t := range e.all() {
		all = append(all, t.Info)
	}
	return all
}

func (e *engines) Trouble(_ string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.trouble = append(e.trouble, err)
}

func (e *engines) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err = err
}

func (e *engines) troubles() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.trouble)
}

// rig is a gateway on a port of its own before one engine.
type rig struct {
	t         *testing.T
	url       string
	gateway   *Gateway
	server    *http.Server
	engines   *engines // nil = several
	scheduler *batching.Scheduler
	records   chan Record
	client    *http.Client
}

// newRig builds one. engine may be nil: then no engine is running.
func newRig(t *testing.T, engine http.Handler, l Limits, s batching.Settings) *rig {
	t.Helper()
	e := &engines{}
	if engine == nil {
		e.err = backends.ErrNoEngine
	} else {
		server := httptest.NewServer(engine)
		t.Cleanup(server.Close)
		e.target = targetOf(t, server.URL)
	}
	return rigFor(t, e, l, s)
}

// scripted is a rig before a scripted engine.
func scripted(t *testing.T, l Limits, s batching.Settings) (*rig, *backendstest.Engine) {
	t.Helper()
	engine := backendstest.New(t)
	e := &engines{target: targetOf(t, engine.URL)}
	e.target.Transport = engine.Transport()
	return rigFor(t, e, l, s), engine
}

var everyAPI = []backends.API{backends.OllamaAPI, backends.OpenAIAPI, backends.ResponsesAPI, backends.AnthropicAPI}

func targetOf(t testing.TB, address string) *backends.Target {
	t.Helper()
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &backends.Target{
		Info: backends.Info{Name: "ollama", Kind: backends.KindOllama, Health: backends.Up,
			APIs: everyAPI, Models: []backends.Model{{Name: "m:latest"}}},
		Base:      base,
		Transport: transport,
	}
}

func rigFor(t *testing.T, e Engines, l Limits, s batching.Settings) *rig {
	t.Helper()
	if s.Size == 0 {
		s.Limits = batching.Limits{Mode: batching.Fixed, Size: 8}
	}
	one, _ := e.(*engines)
	r := &rig{t: t, engines: one, scheduler: batching.New(s, batching.Options{}), records: make(chan Record, 4096)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.gateway = New(Options{
		Scheduler: r.scheduler,
		Engines:   e,
		Record:    func(rec Record) { r.records <- rec },
		Listen:    listener.Addr().String(),
	}, l)
	r.server = &http.Server{Handler: r.gateway, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.server.Serve(listener)
	}()
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	r.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	r.url = "http://" + listener.Addr().String()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = r.server.Close()
		<-done
	})
	return r
}

// virtually asks a gateway before e without a socket, so that it can be in a
// bubble. As in a server, an answer may be broken off.
func virtually(t *testing.T, e *engines, w http.ResponseWriter, path, body string) ([]Record, *batching.Scheduler) {
	t.Helper()
	var records []Record
	s := batching.New(batching.Settings{CancelGrace: 2 * time.Second}, batching.Options{})
	g := New(Options{Scheduler: s, Engines: e, Record: func(r Record) { records = append(records, r) }, Listen: "127.0.0.1:11435"}, Limits{})
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Host = "127.0.0.1:11435"
	func() {
		defer func() {
			switch p := recover(); p {
			case nil, http.ErrAbortHandler:
			default:
				panic(p)
			}
		}()
		g.ServeHTTP(w, r)
	}()
	return records, s
}

// post sends body to path.
func (r *rig) post(path, body string) *http.Response {
	r.t.Helper()
	res, err := r.client.Post(r.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

// do asks with headers, given as name and value in turn.
func (r *rig) do(method, path, body string, headers ...string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header[headers[i]] = append(req.Header[headers[i]], headers[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

// asks posts without waiting for the answer. The channel is closed without one if
// there is none.
func (r *rig) asks(path, body string, headers ...string) <-chan *http.Response {
	_, answer := r.leaving(path, body, headers...)
	return answer
}

// recorded waits for the next record.
func (r *rig) recorded() Record {
	r.t.Helper()
	select {
	case rec := <-r.records:
		return rec
	case <-time.After(patience):
		r.t.Fatal("nothing was recorded")
	}
	panic("unreachable")
}

// ended serves no more, and waits until every handler has returned: nothing is
// recorded after it. A handler may outlive its client.
func (r *rig) ended() {
	r.t.Helper()
	r.client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		r.t.Fatalf("the handlers do not end: %v", err)
	}
}

// allGivenBack waits until no memory is held: a handler gives it back after the
// client has the whole answer.
func (r *rig) allGivenBack() {
	r.t.Helper()
	eventually(r.t, "all memory is given back", func() bool { return r.gateway.memory.used.Load() == 0 })
}

// noMore checks that nothing else was recorded.
func (r *rig) noMore() {
	r.t.Helper()
	select {
	case rec := <-r.records:
		r.t.Fatalf("one record too many: %+v", rec)
	default:
	}
}

// text reads an answer whole.
func text(t *testing.T, res *http.Response) string {
	t.Helper()
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v after %q", err, b)
	}
	return string(b)
}

// read reads an answer that may break off, and says whether it did.
func read(res *http.Response) (got string, broke bool) {
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return string(b), err != nil
}

// patience is how long a test waits for what must happen. Only a failure takes
// that long.
const patience = 10 * time.Second

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// says is an engine that answers with pieces, each flushed.
func says(contentType string, pieces ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		for _, p := range pieces {
			_, _ = io.WriteString(w, p)
			w.(http.Flusher).Flush()
		}
	}
}

const (
	typeJSON   = "application/json; charset=utf-8"
	typeNDJSON = "application/x-ndjson"
	typeSSE    = "text/event-stream"
)
