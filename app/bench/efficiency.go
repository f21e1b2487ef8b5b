package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"carpool/app/gateway"
	"carpool/backends"
	"carpool/batching"
)

// Efficiency is how much of an engine's places batching keeps taken.
type Efficiency struct {
	Version string          `json:"version"`
	Date    time.Time       `json:"date"`
	System  string          `json:"system"` // "linux/amd64, 2 cores, go1.26"
	Quick   bool            `json:"quick"`  // one short round: no figure to quote
	Rounds  int             `json:"rounds"`
	Delay   time.Duration   `json:"delay_ns"`
	Sizes   []EfficiencyRow `json:"sizes"`
	Lone    Lone            `json:"lone"`
	Goals   []Goal          `json:"goals"`
}

// EfficiencyRow is one mode and size. Rates are requests per second, medians over the
// rounds.
type EfficiencyRow struct {
	Mode     batching.Mode `json:"mode"`
	Size     int           `json:"size"`
	Direct   float64       `json:"direct"`    // the engine alone under the same load: its own line never leaves a place empty
	Carpool  float64       `json:"carpool"`   // through Carpool
	ToDirect float64       `json:"to_direct"` // median of the ratios within each round
	OfBest   float64       `json:"of_best"`   // Carpool to Size / Delay
	Virtual  float64       `json:"virtual"`   // of the best, by the scheduler's rules alone in virtual time
}

// Lone is what a request waits in Carpool while nothing else is there.
type Lone struct {
	Requests int           `json:"requests"`
	P50      time.Duration `json:"p50_ns"` // from the question for a place to the lease
	P99      time.Duration `json:"p99_ns"`
	Counted  time.Duration `json:"counted_ns"` // the longest wait that Carpool counted, of as many requests over HTTP
}

// Goal is a figure that was asked for and what came out.
type Goal struct {
	Name     string `json:"name"`
	Wanted   string `json:"wanted"`
	Measured string `json:"measured"`
	Met      bool   `json:"met"`
}

const (
	efficiencyGoal = .97
	loneGoal       = time.Millisecond
	clientsPerSize = 3 // clients for each place: some always wait
)

var (
	efficiencySizes = []int{1, 2, 4, 8, 16}
	judgedSizes     = []int{8, 16}
)

// MeasureEfficiency has clients that ask again as soon as they are answered keep an
// engine busy, directly and through Carpool in turn.
func MeasureEfficiency(ctx context.Context, version string, quick bool) (Efficiency, error) {
	e := Efficiency{Version: version, Date: time.Now(), Quick: quick, Rounds: 7, Delay: 50 * time.Millisecond,
		System: fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())}
	turn, requests := 2*time.Second, 1000
	if quick {
		e.Rounds, turn, requests = 1, 200*time.Millisecond, 50
	}
	for _, size := range efficiencySizes {
		rows, err := e.size(ctx, size, turn)
		if err != nil {
			return e, fmt.Errorf("size %d: %w", size, err)
		}
		e.Sizes = append(e.Sizes, rows...)
	}
	var err error
	if e.Lone, err = lone(ctx, requests); err != nil {
		return e, fmt.Errorf("lone requests: %w", err)
	}
	e.judge()
	return e, nil
}

// size measures both modes of one size.
func (e *Efficiency) size(ctx context.Context, size int, turn time.Duration) ([]EfficiencyRow, error) {
	ways := []*batching.Limits{
		nil, // direct
		{Mode: batching.Fixed, Size: size},
		{Mode: batching.Static, Size: size, Wait: Default().Wait, Parallel: 1},
	}
	rates := make([][]float64, len(ways))
	for range e.Rounds {
		for i, l := range ways {
			rate, err := keepBusy(ctx, size, e.Delay, turn, l)
			if err != nil {
				return nil, err
			}
			rates[i] = append(rates[i], rate)
		}
	}
	var rows []EfficiencyRow
	for i, l := range ways {
		if l == nil {
			continue
		}
		var ratios []float64
		for round, rate := range rates[i] {
			ratios = append(ratios, rate/rates[0][round])
		}
		const rounds = 100
		got := EfficiencyRow{Mode: l.Mode, Size: size, Direct: middle(rates[0]), Carpool: middle(rates[i]), ToDirect: middle(ratios),
			Virtual: ideal(*l, clientsPerSize*size, e.Delay, rounds)}
		got.OfBest = got.Carpool * e.Delay.Seconds() / float64(size)
		rows = append(rows, got)
	}
	return rows, nil
}

// keepBusy is the requests per second of an engine with so many places, under limits l
// or directly.
func keepBusy(ctx context.Context, size int, delay, turn time.Duration, l *batching.Limits) (float64, error) {
	engine := newPlaces(size, delay)
	clients := clientsPerSize * size
	s, err := newStand(ctx, engine, clients, l, func(gateway.Record) {})
	if err != nil {
		return 0, err
	}
	defer s.close()
	all, sending := errgroup.WithContext(ctx)
	var over atomic.Bool
	for range clients {
		all.Go(func() error {
			for !over.Load() {
				if err := s.ask(sending); err != nil {
					return err
				}
			}
			return nil
		})
	}
	const warm = 4 // times the delay: by then all connections are open
	pause(sending, warm*delay)
	before := engine.tally()
	pause(sending, turn)
	rate := engine.tally().since(before)
	over.Store(true)
	return rate, all.Wait()
}

// lone measures what requests wait that come one after the other.
func lone(ctx context.Context, requests int) (Lone, error) {
	l := batching.Limits{Mode: batching.Fixed, Size: Default().Size, Wait: Default().Wait}
	scheduler := batching.New(batching.Settings{Limits: l, MaxWaiting: 1}, batching.Options{})
	r := batching.Request{Key: batching.Key{Engine: "engine", Model: "model"}, App: "bench"}
	waits := make([]time.Duration, requests)
	for i := range waits {
		begun := time.Now()
		lease, err := scheduler.Acquire(ctx, r)
		if err != nil {
			return Lone{}, err
		}
		waits[i] = time.Since(begun)
		lease.Release(batching.Served)
	}
	slices.Sort(waits)
	counted, err := countedWait(ctx, requests, l)
	return Lone{Requests: requests, P50: waits[requests/2], P99: waits[requests*99/100], Counted: counted}, err
}

// countedWait is the longest wait on the records of lone requests through a gateway.
func countedWait(ctx context.Context, requests int, l batching.Limits) (longest time.Duration, err error) {
	var mu sync.Mutex
	s, err := newStand(ctx, newPlaces(1, time.Millisecond), 1, &l, func(r gateway.Record) {
		mu.Lock()
		defer mu.Unlock()
		longest = max(longest, r.Queued)
	})
	if err != nil {
		return 0, err
	}
	for range requests {
		if err = s.ask(ctx); err != nil {
			break
		}
	}
	s.close()
	mu.Lock()
	defer mu.Unlock()
	return longest, err
}

// stand is an engine, a gateway before it unless it is asked directly, and clients.
type stand struct {
	engine    *loopback
	front     *loopback // nil = none
	scheduler *batching.Scheduler
	client    *http.Client
	url       string
}

func newStand(ctx context.Context, engine http.Handler, clients int, l *batching.Limits, record func(gateway.Record)) (*stand, error) {
	behind, err := serve(ctx, engine)
	if err != nil {
		return nil, err
	}
	s := &stand{engine: behind}
	at := behind
	if l != nil {
		s.scheduler = batching.New(batching.Settings{Limits: *l, MaxWaiting: clients + 1}, batching.Options{})
		if s.front, err = serveGateway(ctx, s.scheduler, engineAt(behind, clients), record); err != nil {
			behind.close()
			return nil, err
		}
		at = s.front
	}
	s.client, s.url = &http.Client{Transport: at.transport(clients)}, "http://"+at.address+"/api/generate"
	return s, nil
}

func (s *stand) ask(ctx context.Context) error { return post(ctx, s.client, s.url, question()) }

func (s *stand) close() {
	s.client.CloseIdleConnections()
	if s.front != nil {
		s.front.close()
	}
	s.engine.close()
}

// question is what is asked everywhere in this package.
func question() string {
	return fmt.Sprintf(`{"model":%q,"prompt":"How long does it take?","stream":false,"options":{"num_predict":8}}`, backends.DemoModel)
}

// engineAt is the gateway's view of an engine that keeps so many connections.
func engineAt(engine *loopback, connections int) fixedEngine {
	return fixedEngine{backends.Target{
		Info: backends.Info{Name: "demo", Kind: backends.KindDemo, Health: backends.Up, Active: true, Simulated: true,
			APIs: []backends.API{backends.OllamaAPI, backends.OpenAIAPI, backends.ResponsesAPI, backends.AnthropicAPI}},
		Base:      &url.URL{Scheme: "http", Host: engine.address},
		Transport: engine.transport(connections),
	}}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func middle(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
