//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"carpool/storage"
)

// TestAnEngineDiesUnderLoad has two real servers share the requests of a crowd, and
// kills one of them in the middle.
func TestAnEngineDiesUnderLoad(t *testing.T) {
	const slots, clients = 4, 16
	p, err := open(t.Context(), "first", slots)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.stop(), p.meter.stop(), p.engine.stop()); err != nil {
			t.Error(err)
		}
	})
	second, err := startEngine(t.Context(), ollama, t.TempDir(), filepath.Join(dir, "models"), slots)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := second.stop(); err != nil && !errors.Is(err, errKilled(second)) {
			t.Error(err)
		}
	})
	p.do(t, "set", "engines.list=second="+second.url)
	p.do(t, "set", "batching.mode=fixed")
	p.do(t, "set", "batching.max_batch_size="+strconv.Itoa(slots))
	if err := poll(t.Context(), 20*time.Second, func() error { return p.up(t.Context(), "second") }); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ollama", "second"} { // both have it loaded
		if a := p.generate(t.Context(), name+"/"+medium, 4, func(string) {}); a.end != inFull {
			t.Fatalf("%s: %+v", name, a)
		}
	}
	if err := poll(t.Context(), 20*time.Second, func() error { return p.loadedOn(t.Context(), 2) }); err != nil {
		t.Fatal(err)
	}

	crowd := startThrong(t.Context(), p, clients)
	if err := crowd.servedBy("second", 8); err != nil {
		t.Fatal(err)
	}
	killed := kill(t, second)
	if err := crowd.servedBy("ollama", 16); err != nil {
		t.Fatal(err)
	}
	if err := second.serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	if err := crowd.servedBy("second", 1); err != nil {
		t.Fatal(err)
	}
	again := time.Since(back)
	all := crowd.stop()
	t.Logf("%d requests: %v; longest %v; used again %v after it was back, %v after the kill",
		len(all), ends(all), longest(all).Round(time.Millisecond), again.Round(time.Millisecond), time.Since(killed).Round(time.Millisecond))
	if again > 20*time.Second {
		t.Errorf("used again only %v after its return", again)
	}
	p.accountsFor(t, len(all)+2)
	for _, a := range all {
		if a.end == tornOff {
			t.Errorf("a client was left without a word: %+v", a)
		}
	}
	if n := ends(all); n[withError] > slots+clients || n[inFull] < len(all)-slots-clients {
		t.Errorf("more clients were told of a failure than could have been on the killed engine: %v", n)
	}
}

// accountsFor checks that each request has one row, and that those that had a turn
// at each of two engines are all that the scheduler released more often.
func (p *pool) accountsFor(t *testing.T, requests int) {
	t.Helper()
	h, err := p.idle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rows, released := p.rows(t), 0
	for _, r := range rows {
		if r.Batch != nil {
			released++
		}
	}
	if len(rows) != requests || h.Batching.Requests != released+int(s.Gateway.Again) {
		t.Errorf("%d rows for %d requests; %d of them released and %d again, %d by /health",
			len(rows), requests, released, s.Gateway.Again, h.Batching.Requests)
	}
}

// rows are the requests in the history.
func (p *pool) rows(t *testing.T) []storage.Request {
	t.Helper()
	out, err := p.command(t.Context(), "history", "--limit", "0", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var history struct {
		Requests []storage.Request `json:"requests"`
	}
	if err := json.Unmarshal(out, &history); err != nil {
		t.Fatalf("%v: %.200s", err, out)
	}
	return history.Requests
}

// The ends of an answer.
const (
	inFull    = "in full"
	withError = "with an error in the client's dialect"
	tornOff   = "torn off"
)

// answerTo is how a request was answered.
type answerTo struct {
	engine string
	status int
	end    string
	last   string
	took   time.Duration
}

// generate asks for so many tokens, streamed, with nothing between us and the wire.
// begins hears which engine answers once it does.
func (p *pool) generate(ctx context.Context, model string, tokens int, begins func(engine string)) answerTo {
	begun := time.Now()
	body := fmt.Sprintf(`{"model":%q,"prompt":"tell a story","options":{"num_predict":%d}}`, model, tokens)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/api/generate", strings.NewReader(body))
	if err != nil {
		return answerTo{end: tornOff, last: err.Error()}
	}
	res, err := p.ledger.RoundTrip(r)
	if err != nil {
		return answerTo{end: tornOff, last: err.Error(), took: time.Since(begun)}
	}
	defer func() { _ = res.Body.Close() }()
	begins(res.Header.Get("X-Carpool-Engine"))
	text, err := io.ReadAll(res.Body)
	text = bytes.TrimSpace(text)
	a := answerTo{engine: res.Header.Get("X-Carpool-Engine"), status: res.StatusCode, end: tornOff,
		last: string(text[bytes.LastIndexByte(text, '\n')+1:]), took: time.Since(begun)}
	var line struct {
		Done  bool
		Error string
	}
	switch {
	case err != nil || json.Unmarshal([]byte(a.last), &line) != nil:
	case line.Done && line.Error == "":
		a.end = inFull
	case line.Error != "":
		a.end = withError
	}
	return a
}

// throng are clients that ask again and again.
type throng struct {
	cancel  context.CancelFunc
	clients sync.WaitGroup
	quit    chan struct{}

	mu      sync.Mutex
	begun   map[string]int // answers by engine
	answers []answerTo
}

func startThrong(ctx context.Context, p *pool, n int) *throng {
	c := &throng{quit: make(chan struct{}), begun: map[string]int{}}
	ctx, c.cancel = context.WithCancel(ctx)
	for range n {
		c.clients.Go(func() {
			for {
				select {
				case <-c.quit:
					return
				default:
				}
				a := p.generate(ctx, medium, 60, func(engine string) {
					c.mu.Lock()
					defer c.mu.Unlock()
					c.begun[engine]++
				})
				c.mu.Lock()
				c.answers = append(c.answers, a)
				c.mu.Unlock()
			}
		})
	}
	return c
}

// servedBy waits until an engine has begun n more answers.
func (c *throng) servedBy(engine string, n int) error {
	count := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.begun[engine]
	}
	before := count()
	return poll(context.Background(), time.Minute, func() error {
		if got := count() - before; got < n {
			return fmt.Errorf("%s has begun %d answers", engine, got)
		}
		return nil
	})
}

// stop lets each client end what it asks for. None may take longer than any request
// could.
func (c *throng) stop() []answerTo {
	close(c.quit)
	late := time.AfterFunc(time.Minute, c.cancel)
	c.clients.Wait()
	late.Stop()
	c.cancel()
	return c.answers
}

func ends(all []answerTo) map[string]int {
	n := map[string]int{}
	for _, a := range all {
		n[a.end]++
	}
	return n
}

func longest(all []answerTo) (d time.Duration) {
	for _, a := range all {
		d = max(d, a.took)
	}
	return d
}

// kill ends a server at once, and with it its runners, as a crash of the machine
// would.
func kill(t *testing.T, e *engine) time.Time {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range environs {
		env, _ := os.ReadFile(file) // it may have ended
		if !bytes.Contains(env, []byte("OLLAMA_HOST="+e.url+"\x00")) || bytes.Contains(env, []byte(leashEnv+"=")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
	<-e.ended
	return time.Now()
}

// errKilled is what a server that was killed and not started again ends with.
func errKilled(e *engine) error { return e.err }

// up fails until an engine of a name is.
func (p *pool) up(ctx context.Context, name string) error {
	_, err := p.engineState(ctx, name)
	return err
}

// loadedOn fails until so many engines have the model loaded, as Carpool knows.
func (p *pool) loadedOn(ctx context.Context, n int) error {
	for _, name := range []string{"ollama", "second"}[:n] {
		models, err := p.engineState(ctx, name)
		if err != nil {
			return err
		}
		if !models[medium+":latest"] {
			return fmt.Errorf("%s has loaded %v", name, models)
		}
	}
	return nil
}

// engineState tells which models of an engine that is up are loaded.
func (p *pool) engineState(ctx context.Context, name string) (loaded map[string]bool, err error) {
	var s struct {
		Engines []struct {
			Name   string
			Health string
			Models []struct {
				Name   string
				Loaded bool
			}
		}
	}
	if err := p.snapshot(ctx, &s); err != nil {
		return nil, err
	}
	for _, e := range s.Engines {
		if e.Name == name && e.Health == "up" {
			loaded = map[string]bool{}
			for _, m := range e.Models {
				loaded[m.Name] = m.Loaded
			}
			return loaded, nil
		}
	}
	return nil, fmt.Errorf("%s is not up: %+v", name, s.Engines)
}
