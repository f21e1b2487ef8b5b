package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"carpool/app/bench"
)

// benchEfficiency is `carpool bench --suite batching`.
func (c *cli) benchEfficiency(ctx context.Context, o suiteOptions, write string, asJSON bool) error {
	if len(o.Only) > 0 {
		return errors.New("the suite batching has no parts: leave out --only")
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	begun := time.Now()
	r, err := bench.MeasureEfficiency(ctx, c.version.Version(), o.Quick)
	if err != nil {
		return err
	}
	c.note("measured in %s", span(time.Since(begun)))
	if err := c.tellReport(r, write, asJSON); err != nil {
		return err
	}
	if n := r.Missed(); n > 0 && !o.Quick {
		return fmt.Errorf("%d of the goals were missed", n)
	}
	return nil
}
