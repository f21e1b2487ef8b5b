package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"carpool/app/trial"
	"carpool/app/yield"
	"carpool/storage"
)

// trials run the benchmarks that the user asks for, one at a time.
type trials struct {
	keep   func(trial.Trial) (id int64) // 0 = it could not be kept
	ended  func(trial.Trial)
	orders chan *trial.Bench

	mu     sync.Mutex
	bench  *trial.Bench            // that runs, or ran last; nil = none yet
	runs   bool                    // from its order to its end
	cancel context.CancelCauseFunc // nil = it has not begun
	early  error                   // why it is to end, before it has begun
	id     int64                   // of the last one, in the history
}

func newTrials(keep func(trial.Trial) int64, ended func(trial.Trial)) *trials {
	return &trials{keep: keep, ended: ended, orders: make(chan *trial.Bench, 1)}
}

// run takes orders until ctx ends.
func (t *trials) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-t.orders:
			t.carryOut(ctx, b)
		}
	}
}

func (t *trials) carryOut(ctx context.Context, b *trial.Bench) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t.mu.Lock()
	if t.cancel = cancel; t.early != nil {
		cancel(t.early)
	}
	t.mu.Unlock()
	got := b.Run(ctx)
	var id int64
	if len(got.Rows) > 0 {
		id = t.keep(got)
	}
	t.mu.Lock()
	t.runs, t.cancel, t.early, t.id = false, nil, nil, id
	t.mu.Unlock()
	t.ended(got)
}

// order has b carried out, unless another one is.
func (t *trials) order(b *trial.Bench) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.runs {
		return errors.New("a benchmark runs already: wait for its end, or cancel it")
	}
	t.bench, t.runs = b, true
	t.orders <- b // never blocks: there is one at a time
	return nil
}

// stop ends the one that runs.
func (t *trials) stop(cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !t.runs:
	case t.cancel == nil:
		t.early = cause
	default:
		t.cancel(cause)
	}
}

func (t *trials) state(now time.Time) trial.State {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bench == nil {
		return trial.State{}
	}
	s := t.bench.State(now)
	if s.Running = t.runs; !t.runs {
		s.Trial.ID = t.id
	}
	return s
}

// engine is that of the one that runs; "" = none does.
func (t *trials) engine() string {
	if s := t.state(time.Now()); s.Running {
		return s.Trial.Engine
	}
	return ""
}

// StartTrial begins a benchmark; Snapshot.Trial tells how it goes. Apps go on being
// served meanwhile. It fails if one runs, or the engine cannot be measured now.
func (a *App) StartTrial(_ context.Context, w TrialWanted) error {
	if a.draining.Load() {
		return errors.New("carpool is shutting down")
	}
	before := a.scheduler.Totals()
	b, err := trial.New(trial.Options{
		Wanted: w, Engines: a.engines, Slots: a.slotsOf, GPU: a.gpuNameOf,
		NumCtx: a.config.Load().Models.NumCtxOf(),
		Draw:   &draw{meter: a.meter},
		Others: func() int { return int(a.scheduler.Totals().Requests-before.Requests) + before.InFlight },
	})
	if err != nil {
		return fmt.Errorf("benchmark: %w", err)
	}
	engine := b.State(time.Now()).Trial.Engine
	if y := a.yielder.State(); y.On && slices.Contains(y.Engines, engine) {
		return fmt.Errorf("benchmark: Carpool makes way on %s (%s): measure it when the GPU is free", engine, y.Reason)
	}
	if err := a.trials.order(b); err != nil {
		return err
	}
	a.log.Info("benchmark", "engine", engine)
	// What began between the look above and the order has not seen it.
	a.makeWay(a.yielder.State())
	a.changed()
	return nil
}

// CancelTrial ends the benchmark that runs; what was measured is kept.
func (a *App) CancelTrial() { a.trials.stop(trial.ErrCancelled) }

// makeWay ends a benchmark on an engine whose GPU others need now.
func (a *App) makeWay(y yield.State) {
	if y.On && slices.Contains(y.Engines, a.trials.engine()) {
		a.trials.stop(errors.New("the GPU is needed: " + y.Reason))
	}
}

// Trials are the newest benchmarks of the history, newest first, at most 50.
func (a *App) Trials(ctx context.Context) ([]Trial, error) {
	if a.store == nil {
		return nil, errors.New(a.storeProblem)
	}
	const most = 50
	rows, err := a.store.Trials(ctx, most)
	if err != nil {
		return nil, err
	}
	all := make([]Trial, len(rows))
	for i, r := range rows {
		if err := json.Unmarshal(r.Figures, &all[i]); err != nil {
			return nil, fmt.Errorf("benchmark %d: %w", r.ID, err)
		}
		all[i].ID = r.ID
	}
	return all, nil
}

// keepTrial writes a benchmark to the history and returns its id; 0 = it could not.
func (a *App) keepTrial(t trial.Trial) int64 {
	if a.store == nil {
		return 0
	}
	figures, err := json.Marshal(t)
	if err != nil {
		a.log.Error("keep benchmark", "error", err)
		return 0
	}
	const limit = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	id, err := a.store.AddTrial(ctx, storage.Trial{At: t.At, Engine: t.Engine, Model: t.Model, Figures: figures})
	if err != nil {
		a.log.Error("keep benchmark", "error", err)
	}
	return id
}

// trialEnded notes the end of a benchmark.
func (a *App) trialEnded(t trial.Trial) {
	a.log.Info("benchmark ended", "engine", t.Engine, "model", t.Model, "rows", len(t.Rows), "cancelled", t.Cancelled, "problem", t.Problem)
	a.changed()
}

// slotsOf is how many requests an engine runs at once, as far as it is known; 0 = it
// is not.
func (a *App) slotsOf(engine, model string) int {
	return Snapshot{Tuning: a.tuner.States(), Engines: a.engines.Snapshot()}.SlotsOf(engine, model)
}

// gpuNameOf is the GPU that an engine runs on, for people; "" = none that is read.
func (a *App) gpuNameOf(engine string) string {
	if a.metered(engine) == "" {
		return ""
	}
	return a.gpuOf(engine).Name
}
