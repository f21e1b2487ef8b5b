//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"carpool/app/gateway"
	"carpool/app/tuner"
	"carpool/storage"
)

// pool is a running Carpool in front of a metered engine, with its own settings,
// state and runtime folder.
type pool struct {
	*process
	engine *engine // nil = one that the pool does not own
	kind   string  // of engine, as Carpool calls it
	meter  *meter  // nil = there is nothing between Carpool and the engine
	ledger *ledger
	url    string
	binary string
	state  string
	config string
	left   int // requests that the suite has abandoned on purpose
	vars   []string
}

func buildCarpool(ctx context.Context, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "headless", "-o", to, ".")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build carpool: %w\n%s", err, out)
	}
	return nil
}

func startCarpool(ctx context.Context, binary, dir string, e *engine) (*pool, error) {
	p, err := startBefore(ctx, binary, dir, "ollama", e.url)
	if err != nil {
		return nil, err
	}
	p.engine = e
	return p, nil
}

// startBefore starts a Carpool before an engine that is not the pool's own, and of
// which it finds out the kind. If routes are named, it sees no others.
func startBefore(ctx context.Context, binary, dir, kind, url string, routes ...string) (*pool, error) {
	m, err := startMeter(url, routes...)
	if err != nil {
		return nil, err
	}
	p, err := startAt(ctx, binary, dir, kind, m.url)
	if err != nil {
		return nil, errors.Join(err, m.stop())
	}
	p.meter = m
	return p, nil
}

// startAt starts a Carpool that asks the engine at url itself.
func startAt(ctx context.Context, binary, dir, kind, url string) (*pool, error) {
	p := &pool{kind: kind, binary: binary, state: filepath.Join(dir, "state"), config: filepath.Join(dir, "carpool.toml"), ledger: newLedger()}
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"} {
		folder := filepath.Join(dir, strings.ToLower(name))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, err
		}
		p.vars = append(p.vars, name+"="+folder)
	}
	p.vars = append(p.vars, "PATH="+os.Getenv("PATH"))
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p.url = "http://" + addr
	args := []string{binary, "serve", "--listen", addr, "--config", p.config, "--state", p.state}
	if kind == "ollama" {
		args = append(args, "--engine", url)
	} else {
		settings := fmt.Sprintf("[engines]\ndiscover = false\nlist = [%q]\n", kind+"="+kind+" "+url)
		if err := os.WriteFile(p.config, []byte(settings), 0o600); err != nil {
			return nil, err
		}
	}
	p.process, err = start("carpool", filepath.Join(dir, "carpool.log"), p.vars, args...)
	if err != nil {
		return nil, err
	}
	err = poll(ctx, 20*time.Second, func() error {
		if err := p.failed(); err != nil {
			return giveUp{err}
		}
		h, err := p.health(ctx)
		if err == nil && (h.Engine == nil || h.Engine.Kind != kind || h.Engine.Simulated) {
			err = fmt.Errorf("engine is %+v", h.Engine)
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("carpool is not ready: %w", err), errors.New(p.tail()), p.stop())
	}
	return p, nil
}

// health is what the suite needs of GET /health.
type health struct {
	Batching struct {
		Enabled      bool    `json:"enabled"`
		Mode         string  `json:"mode"`
		Batches      int     `json:"total_batches"`
		Requests     int     `json:"total_requests"`
		AvgBatchSize float64 `json:"avg_batch_size"`
		QueueDepth   int     `json:"queue_depth"`
		InFlight     int     `json:"in_flight"`
	} `json:"batching"`
	Models []healthModel `json:"models"`
	Engine *struct {
		Kind      string `json:"kind"`
		Version   string `json:"version"`
		Simulated bool   `json:"simulated"`
	} `json:"engine"`
	History struct {
		OK      bool   `json:"ok"`
		Problem string `json:"problem"`
		Dropped int    `json:"dropped"`
	} `json:"history"`
}

type healthModel struct {
	Model   string `json:"model"`
	Limit   int    `json:"limit"`
	Slots   int    `json:"slots"`
	SlotsBy string `json:"slots_by"`
	Why     string `json:"why"`
}

func (p *pool) health(ctx context.Context) (h health, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/health", nil)
	if err != nil {
		return h, err
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return h, err
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return h, err
	}
	if answer.StatusCode != http.StatusOK {
		return h, fmt.Errorf("health: %s: %s", answer.Status, b)
	}
	return h, json.Unmarshal(b, &h)
}

// status is what the suite needs of `carpool status --json`.
type status struct {
	History storage.State `json:"history"`
	Tuning  []tuner.State `json:"tuning"`
	Gateway gateway.Stats `json:"gateway"`
	LogFile string        `json:"log_file"`
}

func (p *pool) status(ctx context.Context) (s status, err error) {
	err = p.snapshot(ctx, &s)
	return s, err
}

// snapshot reads what `carpool status --json` prints into v.
func (p *pool) snapshot(ctx context.Context, v any) error {
	out, err := p.command(ctx, "status", "--json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, v); err != nil {
		return fmt.Errorf("carpool status --json: %w", err)
	}
	return nil
}

// tuned is what Carpool knows of the engine for a model.
func (p *pool) tuned(ctx context.Context, model string) (tuner.State, error) {
	s, err := p.status(ctx)
	if err != nil {
		return tuner.State{}, err
	}
	i := slices.IndexFunc(s.Tuning, func(t tuner.State) bool { return t.Model == model || t.Model == model+":latest" })
	if i < 0 {
		return tuner.State{}, nil
	}
	return s.Tuning[i], nil
}

// command runs a carpool command against this Carpool and returns its output.
func (p *pool) command(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, p.binary, append(args, "--state", p.state, "--config", p.config)...)
	cmd.Env = p.vars
	out, err := cmd.Output()
	if err != nil {
		var said []byte
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			said = exit.Stderr
		}
		return nil, fmt.Errorf("carpool %s: %w: %s", strings.Join(args, " "), err, said)
	}
	return out, nil
}

// do is command for a test that cannot go on without it.
func (p *pool) do(t *testing.T, args ...string) {
	t.Helper()
	if _, err := p.command(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
}

// idle waits until nothing runs or waits.
func (p *pool) idle(ctx context.Context) (h health, err error) {
	err = poll(ctx, 10*time.Second, func() (err error) {
		if h, err = p.health(ctx); err == nil && h.Batching.QueueDepth+h.Batching.InFlight > 0 {
			err = fmt.Errorf("%d waiting, %d running", h.Batching.QueueDepth, h.Batching.InFlight)
		}
		return err
	})
	return h, err
}

func (p *pool) ollama() *api.Client { return ollamaClient(p.url, p.ledger) }

// app is the Ollama client of an app that says who it is, and more, in headers.
func (p *pool) app(name string, more ...string) *api.Client {
	h := http.Header{"X-Carpool-App": {name}}
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return ollamaClient(p.url, saying{h, p.ledger})
}

// saying is a transport that adds headers to what is asked.
type saying struct {
	header http.Header
	via    http.RoundTripper
}

func (s saying) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	maps.Copy(r.Header, s.header)
	return s.via.RoundTrip(r)
}

func (p *pool) openai() openai.Client { return openaiClient(p.url, p.ledger) }

func openaiClient(base string, via http.RoundTripper) openai.Client {
	return openai.NewClient(option.WithBaseURL(base+"/v1/"), option.WithAPIKey("ollama"),
		option.WithMaxRetries(0), option.WithHTTPClient(&http.Client{Transport: via}))
}

// ledger is the transport of the suite's clients: it remembers which requests
// Carpool says it has scheduled, and in which batch, and how many it says were
// answered by another one's run.
type ledger struct {
	transport *http.Transport
	mu        sync.Mutex
	batches   map[string]string // by request id
	shared    uint64
}

func newLedger() *ledger {
	return &ledger{transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}, batches: map[string]string{}}
}

func (l *ledger) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if answer.Header.Get("X-Carpool-Shared") != "" {
		l.shared++ // its batch is that of the other one
	} else if batch := answer.Header.Get("X-Carpool-Batch"); batch != "" {
		l.batches[answer.Header.Get("X-Request-Id")] = batch
	}
	return answer, nil
}

func (l *ledger) all() (batches map[string]string, shared uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.batches), l.shared
}
