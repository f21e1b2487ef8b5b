package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"carpool/app/bench/rig"
	"carpool/app/energy"
	"carpool/app/gateway"
	"carpool/backends"
	"carpool/batching"
)

// ErrCancelled is the cause to end a Bench by where the user wants it.
var ErrCancelled = errors.New("cancelled")

// Draw tells what requests draw of a GPU.
type Draw interface {
	batching.Observer // of the benchmark's scheduler
	// Joules waits until those of all requests since the last call are known; nil =
	// they cannot be. It ends with ctx.
	Joules(ctx context.Context) *float64
}

// Options are fixed for a Bench's life.
type Options struct {
	Wanted  Wanted
	Engines gateway.Engines
	NumCtx  map[string]int                 // as in gateway.Limits
	Slots   func(engine, model string) int // how many the engine runs at once; 0 = not known
	GPU     func(engine string) string     // the one that an engine runs on, for people; "" = none is read; nil = none
	Draw    Draw                           // nil = none
	Others  func() int                     // counts requests of apps that ran since New; nil = there are none
}

// Bench is one benchmark. State may be called from any goroutine, Run once.
type Bench struct {
	options Options
	wanted  Wanted
	sizes   []int    // of all rows
	rig     *rig.Rig // while Run runs

	mu      sync.Mutex
	trial   Trial
	running bool
	row     int       // being measured
	begun   time.Time // when that began; zero = it warms up
	paces   []time.Duration
}

// New finds the engine and the model, and asks neither anything. It fails if they
// cannot be measured.
func New(o Options) (*Bench, error) {
	target, err := targetOf(o.Engines, o.Wanted.Engine)
	if err != nil {
		return nil, err
	}
	w := o.Wanted
	if w.Engine = target.Name; w.Model == "" {
		if w.Model = rig.Pick(target.Models); w.Model == "" {
			return nil, fmt.Errorf("%s: %w", target.Label, errNoModel)
		}
	}
	slots := 0
	if o.Slots != nil {
		slots = o.Slots(w.Engine, w.Model)
	}
	if w, err = w.withDefaults(slots); err != nil {
		return nil, err
	}
	gpu := ""
	if o.GPU != nil {
		gpu = o.GPU(w.Engine)
	}
	return &Bench{
		options: o, wanted: w, sizes: append([]int{0}, w.Sizes...), running: true,
		trial: Trial{At: time.Now(), Engine: w.Engine, Label: strings.TrimSpace(target.Label + " " + target.Version), Model: w.Model,
			GPU: gpu, Simulated: target.Simulated, Rounds: w.Rounds, Tokens: w.Tokens},
	}, nil
}

func targetOf(engines gateway.Engines, name string) (backends.Target, error) {
	if name == "" {
		return engines.Preferred()
	}
	t, err := engines.Target(name)
	if err != nil {
		return t, fmt.Errorf("engine %s: %w", name, err)
	}
	return t, nil
}

// Run measures batching off and then all sizes, the smallest first, after one chat
// that has the model loaded. It returns what was measured, also where the engine
// fails or ctx ends; ErrCancelled as its cause makes it the user's wish.
func (b *Bench) Run(ctx context.Context) Trial {
	o := rig.Options{Engines: b.options.Engines, Engine: b.wanted.Engine, Model: b.wanted.Model, NumCtx: b.options.NumCtx}
	if b.options.Draw != nil {
		o.Observer = b.options.Draw
	}
	b.rig = rig.Open(o)
	defer b.rig.Close()
	err := b.warmUp(ctx)
	for i := 0; i < len(b.sizes) && err == nil; i++ {
		err = b.measure(ctx, i)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = false
	b.trial.Others = b.others()
	switch {
	case errors.Is(err, ErrCancelled):
		b.trial.Cancelled = true
	case err != nil:
		b.trial.Problem = err.Error()
	}
	return b.trial
}

func (b *Bench) warmUp(ctx context.Context) error {
	if _, err := b.rig.Run(ctx, rig.Load{Size: 1, Chats: 1, Rounds: 1, Tokens: b.wanted.Tokens}); err != nil {
		return err
	}
	b.joules(ctx) // those are no row's
	return context.Cause(ctx)
}

// measure takes the i-th row.
func (b *Bench) measure(ctx context.Context, i int) error {
	size := b.sizes[i]
	b.mu.Lock()
	b.row, b.begun = i, time.Now()
	b.mu.Unlock()
	got, err := b.rig.Run(ctx, b.wanted.load(size))
	if err != nil {
		return err
	}
	row := Row{Size: size, Requests: got.Requests, OutputTokens: got.Tokens, Duration: got.Duration, TokensPS: got.TokensPS,
		FirstP50: got.FirstP50, FirstP95: got.FirstP95}
	if j := b.joules(ctx); j != nil {
		row.JoulesPer1000 = energy.Per1000(*j, int64(got.Tokens))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trial.Rows = append(b.trial.Rows, row)
	last := &b.trial.Rows[i]
	if off := b.trial.Rows[0].TokensPS; off > 0 {
		last.Speedup = last.TokensPS / off
	}
	b.paces = append(b.paces, got.Duration/time.Duration(b.wanted.rounds(size)))
	return nil
}

func (b *Bench) joules(ctx context.Context) *float64 {
	if b.options.Draw == nil {
		return nil
	}
	return b.options.Draw.Joules(ctx)
}

func (b *Bench) others() int {
	if b.options.Others == nil {
		return 0
	}
	return b.options.Others()
}

// State is what the benchmark is at.
func (b *Bench) State(now time.Time) State {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := State{Running: b.running, Trial: b.trial, Problem: b.trial.Problem}
	s.Trial.Rows = slices.Clone(s.Trial.Rows)
	switch {
	case b.trial.Cancelled:
		s.Problem = ErrCancelled.Error()
	case b.running:
		s.Trial.Others = b.others()
		s.Size = b.sizes[b.row]
		if !b.begun.IsZero() {
			p := progress{wanted: b.wanted, sizes: b.sizes, paces: b.paces, now: now.Sub(b.begun), done: b.rig.Done()}
			s.Done, s.Left = p.estimate()
		}
		return s
	}
	s.Done = float64(len(s.Trial.Rows)) / float64(len(b.sizes))
	return s
}
