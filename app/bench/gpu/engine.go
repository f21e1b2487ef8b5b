package gpubench

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"carpool/app/bench/rig"
	"carpool/app/energy"
	"carpool/backends"
)

// bench is the engine that is measured.
type bench struct {
	engine, model string
	rig           *rig.Rig
	stop          context.CancelFunc
	parts         errgroup.Group
}

func openBench(ctx context.Context, o Options) (*bench, error) {
	work, stop := context.WithCancel(ctx)
	b := &bench{stop: stop}
	registry := backends.NewRegistry(backends.Options{
		Settings: backends.Settings{URL: o.Engine, NoDiscovery: o.Engine != "", Demo: "never"}})
	b.parts.Go(func() error { return registry.Run(work) })
	if err := b.open(ctx, o, registry); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) open(ctx context.Context, o Options, registry *backends.Registry) error {
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
	b.engine = strings.TrimSpace(target.Label + " " + target.Version)
	if b.model = o.Model; b.model == "" {
		if b.model = rig.Pick(target.Models); b.model == "" {
			return errors.New("the engine has no model that writes")
		}
	}
	b.rig = rig.Open(rig.Options{Engines: registry, Engine: target.Name, Model: b.model})
	return nil
}

func (b *bench) close() {
	if b.rig != nil {
		b.rig.Close()
	}
	b.stop()
	_ = b.parts.Wait()
}

// measure has n clients chat, each o.Rounds times, after each has chatted once to
// have all loaded and open.
func (b *bench) measure(ctx context.Context, o Options, n int) (Size, error) {
	load := rig.Load{Size: n, Chats: n, Rounds: 1, Tokens: o.Tokens}
	if _, err := b.rig.Run(ctx, load); err != nil {
		return Size{}, err
	}
	w := watch(ctx, o)
	load.Rounds = o.Rounds
	got, err := b.rig.Run(ctx, load)
	joules, memory := w.stop(ctx)
	if err != nil {
		return Size{}, err
	}
	s := Size{Size: n, Requests: got.Requests, Tokens: got.Tokens, Duration: got.Duration, TokensPS: got.TokensPS,
		FirstP50: got.FirstP50, FirstP95: got.FirstP95, MemoryPeak: memory, Joules: joules}
	if joules != nil {
		s.JoulesPer1000 = energy.Per1000(*joules, int64(s.Tokens))
	}
	return s, nil
}

// Reference are the speedups of the gateway that Carpool grew out of, by size; it
// measured them on a simulated engine.
var Reference = map[int]float64{1: 1.0, 2: 1.8, 4: 3.2, 8: 5.8, 16: 8.5}
