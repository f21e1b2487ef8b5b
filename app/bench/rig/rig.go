// Package rig sends chats to an engine that runs, through a gateway and a scheduler
// of their own, for benchmarks. It opens no port and keeps nothing.
package rig

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"carpool/app/gateway"
	"carpool/backends"
	"carpool/batching"
	"carpool/internal/serve"
)

// Options are fixed for a rig's life.
type Options struct {
	Engines  gateway.Engines
	Engine   string            // its name
	Model    string            // as the engine calls it
	NumCtx   map[string]int    // as in gateway.Limits: another context than the user's would load the model again
	Observer batching.Observer // hears of every release; nil = none
}

// Rig is an engine behind a gateway of our own. Its methods may be called from any
// goroutine, but one load runs at a time.
type Rig struct {
	model     string
	path      string // of chats with the engine
	scheduler *batching.Scheduler
	server    *serve.Server
	client    *http.Client

	mu      sync.Mutex
	load    Load             // that runs, or ran last
	wrote   uint64           // tokens before it
	records []gateway.Record // of it
	came    chan struct{}    // has an element when there is a new one
}

// address is what the gateway takes its own for; nothing listens there.
const address = "127.0.0.1:11435"

// Open builds a rig. Close ends it.
func Open(o Options) *Rig {
	r := &Rig{
		model:     o.Model,
		path:      "http://" + address + "/engine/" + url.PathEscape(o.Engine) + "/v1/chat/completions",
		scheduler: batching.New(batching.Settings{}, batching.Options{Observer: o.Observer}),
		came:      make(chan struct{}, 1),
	}
	g := gateway.New(gateway.Options{Scheduler: r.scheduler, Engines: o.Engines, Record: r.record, Listen: address},
		gateway.Limits{NumCtx: o.NumCtx})
	pipe := serve.NewPipe()
	r.server = serve.Start(pipe, g)
	r.client = &http.Client{Transport: &http.Transport{DialContext: pipe.Dial, MaxIdleConnsPerHost: most, DisableCompression: true}}
	return r
}

// Close breaks off what runs and returns when it has ended.
func (r *Rig) Close() {
	r.client.CloseIdleConnections()
	r.server.Close()
}

// most is how many connections are kept for the next load.
const most = 256

// Load says which chats are sent.
type Load struct {
	Serial bool // batching off: one request at a time
	Size   int  // the scheduler's limit; unused if Serial
	Chats  int  // at once
	Rounds int  // that each of them has, one after the other
	Tokens int  // most of an answer
}

// Requests is how many that are.
func (l Load) Requests() int { return l.Chats * l.Rounds }

func (l Load) settings() batching.Settings {
	s := batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: l.Size}, MaxWaiting: max(1, l.Chats)}
	if l.Serial {
		s.Limits = batching.Limits{Mode: batching.Serial}
	}
	return s
}

// Result is what a load gave.
type Result struct {
	Requests int
	Tokens   int // written
	Duration time.Duration
	TokensPS float64
	FirstP50 time.Duration // from the request's arrival
	FirstP95 time.Duration
}

// Run sends a load and waits for its end, or for that of ctx, which breaks it off. It
// fails if one of the chats did not end well.
func (r *Rig) Run(ctx context.Context, l Load) (Result, error) {
	r.mu.Lock()
	r.load, r.wrote, r.records = l, r.scheduler.Totals().Tokens, nil
	r.mu.Unlock()
	r.scheduler.Configure(l.settings())
	begun := time.Now()
	err := r.chat(ctx, l)
	took := time.Since(begun)
	if err != nil {
		return Result{}, err
	}
	records, err := r.ended(ctx, l.Requests())
	if err != nil {
		return Result{}, err
	}
	return resultOf(records, took), nil
}

// Done is how much of the load that runs is done, 0 to 1, as far as its answers are
// as long as they may be.
func (r *Rig) Done() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := float64(max(1, r.load.Requests()))
	written := float64(r.scheduler.Totals().Tokens-r.wrote) / (n * float64(max(1, r.load.Tokens)))
	return max(min(written, 0.99), float64(len(r.records))/n)
}

func (r *Rig) record(rec gateway.Record) {
	r.mu.Lock()
	r.records = append(r.records, rec)
	r.mu.Unlock()
	select {
	case r.came <- struct{}{}:
	default:
	}
}

// ended are the records of n chats that clients have seen end, which come a little
// later.
func (r *Rig) ended(ctx context.Context, n int) ([]gateway.Record, error) {
	for {
		r.mu.Lock()
		records := slices.Clone(r.records)
		r.mu.Unlock()
		if len(records) >= n {
			for _, rec := range records {
				if rec.Outcome != gateway.OK {
					return nil, fmt.Errorf("a chat ended with %s (%s)", rec.Outcome, rec.ErrorKind)
				}
			}
			return records, nil
		}
		select {
		case <-r.came:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func resultOf(records []gateway.Record, took time.Duration) Result {
	s := Result{Requests: len(records), Duration: took}
	var firsts []time.Duration
	for _, rec := range records {
		s.Tokens += max(rec.OutputTokens, 0)
		firsts = append(firsts, rec.FirstToken)
	}
	s.TokensPS = float64(s.Tokens) / took.Seconds()
	s.FirstP50, s.FirstP95 = percentile(firsts, 0.50), percentile(firsts, 0.95)
	return s
}

func (r *Rig) chat(ctx context.Context, l Load) error {
	all, ctx := errgroup.WithContext(ctx)
	for client := range l.Chats {
		all.Go(func() error {
			for round := range l.Rounds {
				if err := r.ask(ctx, l, client, round); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return all.Wait()
}

// Pick is a model that is loaded and writes, else the first that writes; "" = there
// is none.
func Pick(models []backends.Model) string {
	first := ""
	for _, m := range models {
		switch {
		case m.Embedding:
		case m.Loaded:
			return m.Name
		case first == "":
			first = m.Name
		}
	}
	return first
}
