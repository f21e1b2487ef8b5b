package gpubench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"carpool/app/energy"
	"carpool/app/gateway"
	"carpool/backends"
	"carpool/batching"
)

// rig is an engine behind a gateway of our own.
type rig struct {
	engine, model string
	base          string
	scheduler     *batching.Scheduler
	client        *http.Client
	server        *http.Server
	stop          context.CancelFunc
	parts         errgroup.Group
	records       chan gateway.Record
}

func openRig(ctx context.Context, o Options) (*rig, error) {
	r := &rig{scheduler: batching.New(settings(1), batching.Options{}),
		records: make(chan gateway.Record, slices.Max(o.Sizes)*o.Rounds)}
	work, stop := context.WithCancel(ctx)
	r.stop = stop
	registry := backends.NewRegistry(backends.Options{
		Settings: backends.Settings{URL: o.Engine, NoDiscovery: o.Engine != "", Demo: "never"}})
	r.parts.Go(func() error { return registry.Run(work) })
	if err := r.open(ctx, o, registry); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rig) open(ctx context.Context, o Options, registry *backends.Registry) error {
	select {
	case <-registry.Ready():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	target, err := registry.Preferred()
	if err != nil {
		return err
	}
	if target.Simulated || !target.Local() {
		return fmt.Errorf("%s does not run on this machine's GPU: name one that does with --engine", target.Label)
	}
	r.engine = strings.TrimSpace(target.Label + " " + target.Version)
	if r.model = o.Model; r.model == "" {
		if r.model = pick(target.Models); r.model == "" {
			return errors.New("the engine has no model")
		}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r.base = "http://" + l.Addr().String()
	r.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: slices.Max(o.Sizes), DisableCompression: true}}
	r.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: gateway.New(gateway.Options{
		Scheduler: r.scheduler, Engines: registry, Record: func(rec gateway.Record) { r.records <- rec }, Listen: l.Addr().String()}, gateway.Limits{})}
	r.parts.Go(func() error { _ = r.server.Serve(l); return nil }) // always ErrServerClosed
	return nil
}

// pick is a model that is loaded, else the first.
func pick(models []backends.Model) string {
	if i := slices.IndexFunc(models, func(m backends.Model) bool { return m.Loaded }); i >= 0 {
		return models[i].Name
	}
	if len(models) > 0 {
		return models[0].Name
	}
	return ""
}

func (r *rig) close() {
	if r.server != nil {
		_ = r.server.Close()
		r.client.CloseIdleConnections()
	}
	r.stop()
	_ = r.parts.Wait()
}

func settings(size int) batching.Settings {
	return batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: size}, MaxWaiting: 1024}
}

// measure has n clients chat, each o.Rounds times, after each has chatted once to
// have all loaded and open.
func (r *rig) measure(ctx context.Context, o Options, n int) (Size, error) {
	r.scheduler.Configure(settings(n))
	err := r.chat(ctx, o, n, 1)
	if err == nil {
		_, err = r.ended(ctx, n)
	}
	if err != nil {
		return Size{}, err
	}
	w := watch(ctx, o)
	begun := time.Now()
	err = r.chat(ctx, o, n, o.Rounds)
	took := time.Since(begun)
	joules, memory := w.stop(ctx)
	if err != nil {
		return Size{}, err
	}
	records, err := r.ended(ctx, n*o.Rounds)
	if err != nil {
		return Size{}, err
	}
	s := Size{Size: n, Requests: len(records), Duration: took, MemoryPeak: memory, Joules: joules}
	var firsts []time.Duration
	for _, rec := range records {
		s.Tokens += max(rec.OutputTokens, 0)
		firsts = append(firsts, rec.FirstToken)
	}
	s.TokensPS = float64(s.Tokens) / took.Seconds()
	s.FirstP50, s.FirstP95 = percentile(firsts, 0.50), percentile(firsts, 0.95)
	if joules != nil {
		s.JoulesPer1000 = energy.Per1000(*joules, int64(s.Tokens))
	}
	return s, nil
}

// ended are the records of n chats that clients have seen end, which come a little
// later. It fails if one of them did not end well.
func (r *rig) ended(ctx context.Context, n int) ([]gateway.Record, error) {
	records := make([]gateway.Record, 0, n)
	for len(records) < n {
		select {
		case rec := <-r.records:
			if rec.Outcome != gateway.OK {
				return nil, fmt.Errorf("a chat ended with %s (%s)", rec.Outcome, rec.ErrorKind)
			}
			records = append(records, rec)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return records, nil
}

func (r *rig) chat(ctx context.Context, o Options, clients, rounds int) error {
	all, ctx := errgroup.WithContext(ctx)
	for client := range clients {
		all.Go(func() error {
			for round := range rounds {
				if err := r.ask(ctx, o, client, round); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return all.Wait()
}

// ask has one chat. No two of a run are equal, so that no cache answers them.
func (r *rig) ask(ctx context.Context, o Options, client, round int) error {
	body, err := json.Marshal(map[string]any{
		"model": r.model, "stream": true, "max_tokens": o.Tokens,
		"stream_options": map[string]any{"include_usage": true},
		"messages": []map[string]string{{"role": "user",
			"content": fmt.Sprintf("Tell story %d of traveller %d, a long one, about a journey by train.", round+1, client+1)}},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return fmt.Errorf("the engine answers %s: %s", answer.Status, text)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// percentile is the nearest-rank percentile p (0 < p <= 1) of values, which it
// sorts; 0 for no values.
func percentile(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[int(math.Ceil(p*float64(len(values))))-1]
}

// Reference are the speedups of the gateway that Carpool grew out of, by size; it
// measured them on a simulated engine.
var Reference = map[int]float64{1: 1.0, 2: 1.8, 4: 3.2, 8: 5.8, 16: 8.5}
