package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"carpool/app"
)

// liveOptions are the flags of `carpool bench --live`.
type liveOptions struct {
	app.TrialWanted
	on bool
}

// lookAgain is how often the running Carpool is asked how far it is.
const lookAgain = 500 * time.Millisecond

func (c *cli) benchLive(ctx context.Context, o benchOptions) error {
	if o.gpu.on || o.suite.name != "" {
		return errors.New("--live, --gpu and --suite are three benchmarks: give one of them")
	}
	o.live.Model, o.live.Sizes = o.gpu.Model, o.sizes
	var err error
	if o.live.Engine, err = c.engineNamed(ctx, c.place.engine); err != nil {
		return err
	}
	if err := c.running().StartTrial(ctx, o.live.TrialWanted); err != nil {
		return err
	}
	s, err := c.followTrial(ctx)
	if err != nil {
		// What was measured is kept; who interrupts this does not want the rest.
		return errors.Join(err, c.running().CancelTrial(context.WithoutCancel(ctx)))
	}
	if o.write != "" && len(s.Trial.Rows) > 0 {
		if err := writeReport(o.write, s.Trial); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		c.note("written to %s", o.write)
	}
	switch {
	case o.asJSON:
		err = c.printJSON(s.Trial)
	case len(s.Trial.Rows) > 0:
		var b strings.Builder
		_ = s.Trial.Markdown(&b) // a strings.Builder takes everything
		err = c.print(b.String())
	}
	if s.Problem != "" {
		err = errors.Join(err, errors.New("the benchmark ended early: "+s.Problem))
	}
	return err
}

// engineNamed is the name of an engine of the running Carpool that is told by its
// name or its URL, as everywhere else; "" stays "".
func (c *cli) engineNamed(ctx context.Context, told string) (string, error) {
	if told == "" {
		return "", nil
	}
	s, _, err := c.snapshot(ctx)
	for _, e := range s.Engines {
		if e.URL == strings.TrimSuffix(told, "/") {
			return e.Name, nil
		}
	}
	return told, err
}

// followTrial waits for the end of the benchmark that runs, with a line for each row.
func (c *cli) followTrial(ctx context.Context) (app.TrialState, error) {
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	told := -1
	for {
		s, _, err := c.snapshot(ctx)
		if err != nil || !s.Trial.Running {
			return s.Trial, err
		}
		if rows := s.Trial.Trial.Rows; len(rows) > told {
			told = len(rows)
			c.note("%s", progressText(s.Trial))
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return s.Trial, context.Cause(ctx)
		}
	}
}

// progressText says what was measured last and what is now.
func progressText(s app.TrialState) string {
	rows := s.Trial.Rows
	if len(rows) == 0 {
		return fmt.Sprintf("measuring %s on %s", s.Trial.Model, s.Trial.Label)
	}
	last := rows[len(rows)-1]
	text := fmt.Sprintf("%s: %.1f tokens/s; now %s, %.0f %% done", atOnce(last.Size), last.TokensPS, atOnce(s.Size), 100*s.Done)
	if s.Left > 0 {
		text += ", about " + s.Left.Round(time.Second).String() + " left"
	}
	return text
}

func atOnce(size int) string {
	if size == 0 {
		return "batching off"
	}
	return strconv.Itoa(size) + " at once"
}
