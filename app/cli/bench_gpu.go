package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	gpubench "carpool/app/bench/gpu"
)

// gpuOptions are the flags of `carpool bench --gpu`.
type gpuOptions struct {
	gpubench.Options
	on bool
}

func (c *cli) benchGPU(ctx context.Context, o benchOptions) error {
	if o.suite.name != "" {
		return errors.New("--gpu and --suite are two benchmarks: give one of them")
	}
	o.gpu.Engine = c.place.engine
	if len(o.sizes) > 0 {
		o.gpu.Sizes = o.sizes
	}
	o.gpu.Done = func(s gpubench.Size) { c.note("%d at once: %.0f tokens/s, %.1f×", s.Size, s.TokensPS, s.Speedup) }
	begun := time.Now()
	r, err := gpubench.Measure(ctx, o.gpu.Options)
	if len(r.Sizes) == 0 && !errors.Is(err, gpubench.ErrNoGPU) {
		return err
	}
	if o.write != "" {
		if err := writeReport(o.write, r); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		c.note("written to %s", o.write)
	}
	if len(r.Sizes) == 0 {
		return err
	}
	c.note("measured in %s", span(time.Since(begun)))
	show := func() error { return r.Text(c.stdout) }
	if o.asJSON {
		show = func() error { return c.printJSON(r) }
	}
	if err := errors.Join(err, show()); err != nil {
		return err
	}
	if r.Check != nil && !r.Check.Equal() {
		return errors.New("the GPU is not read as nvidia-smi reads it")
	}
	return nil
}
