package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"carpool/app/gateway"
	"carpool/backends"
	"carpool/backends/sim"
	"carpool/batching"
)

// run sends o.Requests at once through a gateway with limits l.
func run(ctx context.Context, o Options, l batching.Limits) (Result, error) {
	demo := backends.NewDemo(backends.DemoOptions{
		Profile: sim.Profile{Name: "bench", Request: o.Delay.Seconds()}, Slots: o.slots()})
	defer demo.Close()

	engine, err := serve(ctx, demo)
	if err != nil {
		return Result{}, err
	}
	defer engine.close()
	scheduler := batching.New(batching.Settings{Limits: l, MaxWaiting: o.Requests + 1}, batching.Options{})
	front, err := serveGateway(ctx, scheduler, engineAt(engine, o.slots()), func(gateway.Record) {})
	if err != nil {
		return Result{}, err
	}
	defer front.close()

	client := &http.Client{Transport: front.transport(o.Requests)}
	if err := warmUp(ctx, client, front.address, o.Requests); err != nil {
		return Result{}, err
	}
	all, sending := errgroup.WithContext(ctx)
	begun := time.Now()
	for range o.Requests {
		all.Go(func() error { return post(sending, client, "http://"+front.address+"/api/generate", question()) })
	}
	if err := all.Wait(); err != nil {
		return Result{}, err
	}
	took := time.Since(begun)
	// The last clients have their answers before their batch counts as ended.
	if err := scheduler.Shutdown(ctx); err != nil {
		return Result{}, err
	}
	return Result{Requests: o.Requests, Duration: took,
		RPS: float64(o.Requests) / took.Seconds(), Batching: scheduler.Totals()}, nil
}

// warmUp opens the connections, so that dialling is in no figure.
func warmUp(ctx context.Context, client *http.Client, address string, connections int) error {
	all, ctx := errgroup.WithContext(ctx)
	for range connections {
		all.Go(func() error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health", nil)
			if err != nil {
				return err
			}
			return do(client, req)
		})
	}
	return all.Wait()
}

func post(ctx context.Context, client *http.Client, to, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	return do(client, req)
}

func do(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("%s %s: %s %s", req.Method, req.URL.Path, resp.Status, text)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// fixedEngine is the gateway's view of the one engine under test.
type fixedEngine struct{ target backends.Target }

func (e fixedEngine) Resolve(context.Context, string, ...string) (backends.Target, error) {
	return e.target, nil
}

func (e fixedEngine) Look(context.Context, string, ...string) (backends.Target, error) {
	return e.target, nil
}

func (e fixedEngine) Preferred() (backends.Target, error)    { return e.target, nil }
func (e fixedEngine) Target(string) (backends.Target, error) { return e.target, nil }
func (e fixedEngine) Snapshot() []backends.Info              { return []backends.Info{e.target.Info} }
func (e fixedEngine) Trouble(string, error)                  {}
func (e fixedEngine) Served(string)                          {}
func (e fixedEngine) Failed(string) bool                     { return false }

// loopback is a server on a port of 127.0.0.1.
type loopback struct {
	address string
	server  *http.Server
	done    chan struct{}
}

func serveGateway(ctx context.Context, s *batching.Scheduler, e gateway.Engines, record func(gateway.Record)) (*loopback, error) {
	l, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	g := gateway.New(gateway.Options{
		Scheduler: s, Engines: e, Listen: l.Addr().String(),
		Record: record, Health: func() any { return struct{}{} },
	}, gateway.Limits{MaxBody: 1 << 20, FirstToken: time.Hour, Stall: time.Hour})
	return serveOn(l, g), nil
}

func serve(ctx context.Context, h http.Handler) (*loopback, error) {
	l, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	return serveOn(l, h), nil
}

func listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", "127.0.0.1:0")
}

func serveOn(l net.Listener, h http.Handler) *loopback {
	s := &loopback{address: l.Addr().String(), done: make(chan struct{}),
		server: &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(l) // always ErrServerClosed
	}()
	return s
}

// close ends the server and waits for it.
func (s *loopback) close() {
	_ = s.server.Close()
	<-s.done
}

func (s *loopback) transport(connections int) *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}
}
