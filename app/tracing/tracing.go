// Package tracing tells a collector of OpenTelemetry traces what requests did: OTLP
// over HTTP, as protobuf. Nobody is told anything unless an endpoint is set.
//
// A request that has ended comes in as plain values, without prompts, answers or
// headers, and becomes up to three spans: the request itself, its wait in the queue,
// and the engine's work on it. Add never waits: up to 2,048 requests are held, those
// beyond are dropped. Run owns the one goroutine that sends them; a collector that
// does not answer is tried again with what comes next, and said once in the log. It
// knows no other part of Carpool.
//
// The messages are those of OpenTelemetry itself; its SDK and exporter would add a
// gRPC stack, 6 MB, to the program for what is off by default.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// mostHeld is how many requests wait for being told.
	mostHeld = 2048
	// mostSent is how many requests go in one message.
	mostSent = 512
	// pace is the time between two messages. Collectors look at whole traces late anyway.
	pace = 2 * time.Second
	// farewell is how long the last message may take when the program ends.
	farewell = 2 * time.Second
)

// Options are fixed for a Tracer's life.
type Options struct {
	Version string       // of Carpool
	Log     *slog.Logger // nil = none
}

// Tracer holds what is to be told. Its methods may be called from any goroutine.
type Tracer struct {
	version string
	log     *slog.Logger
	full    chan struct{} // there is enough for a message, or the endpoint has changed

	mu       sync.Mutex
	endpoint string // "" = off
	held     []Request
	dropped  int // since the last message that arrived
}

// New returns a tracer that is off. It starts no goroutine.
func New(o Options) *Tracer {
	t := &Tracer{version: o.Version, log: o.Log, full: make(chan struct{}, 1)}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	return t
}

// Configure sets the collector's address, such as "http://127.0.0.1:4318"; without a
// path it is asked at /v1/traces. Empty turns tracing off, and forgets what was held.
func (t *Tracer) Configure(endpoint string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if endpoint == t.endpoint {
		return
	}
	t.endpoint = endpoint
	if endpoint == "" {
		t.held, t.dropped = nil, 0
	}
	t.ring()
}

// Add takes a request that has ended. It never waits.
func (t *Tracer) Add(r Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.endpoint == "":
	case len(t.held) >= mostHeld:
		t.dropped++
	default:
		t.held = append(t.held, r)
		if len(t.held) >= mostSent {
			t.ring()
		}
	}
}

func (t *Tracer) ring() {
	select {
	case t.full <- struct{}{}:
	default:
	}
}

// take hands out what is to be sent now, and to whom.
func (t *Tracer) take() (endpoint string, some []Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.held), mostSent)
	some = t.held[:n:n]
	if t.held = t.held[n:]; len(t.held) == 0 {
		t.held = nil
	}
	return t.endpoint, some
}

// giveBack undoes take.
func (t *Tracer) giveBack(some []Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.endpoint != "" {
		t.held = append(some, t.held...)
	}
}

// lost notes requests that could not be told.
func (t *Tracer) lost(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropped += n
}

// arrived returns how many were dropped since the last message that arrived.
func (t *Tracer) arrived() (dropped int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dropped, t.dropped = t.dropped, 0
	return dropped
}

// Run sends what is held, until ctx ends; then it sends the rest once, for at most
// two seconds.
func (t *Tracer) Run(ctx context.Context) {
	s := newSender()
	defer s.close()
	var state listener
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
			defer cancel()
			for t.send(last, s, &state) {
			}
			return
		case <-ticker.C:
		case <-t.full:
		}
		for t.send(ctx, s, &state) {
		}
	}
}

// listener is what is known of the collector.
type listener struct {
	endpoint string
	silent   bool // the last message did not arrive, which is said
}

// send sends one message, and reports whether there may be more to send.
func (t *Tracer) send(ctx context.Context, s *sender, l *listener) bool {
	endpoint, some := t.take()
	if endpoint == "" || len(some) == 0 {
		return false
	}
	if endpoint != l.endpoint {
		*l = listener{endpoint: endpoint}
	}
	err := s.send(ctx, endpoint, message(t.version, some))
	switch {
	case err != nil && ctx.Err() != nil:
		t.giveBack(some) // for the last message
		return false
	case err != nil:
		t.lost(len(some))
		if !l.silent {
			l.silent = true
			t.log.Warn("traces are lost", "endpoint", endpoint, "error", err)
		}
		return false
	case l.silent:
		l.silent = false
		t.log.Info("traces arrive again", "endpoint", endpoint, "lost", fmt.Sprintf("%d requests", t.arrived()))
	}
	return true
}
