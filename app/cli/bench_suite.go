package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"carpool/app/bench/scheduling"
)

// suiteOptions are the flags of `carpool bench --suite`.
type suiteOptions struct {
	scheduling.Options
	name     string
	profiles string // folder for profiles of Carpool under the gateway suite's load, instead of figures; "" = none
}

func (c *cli) benchSuite(ctx context.Context, o suiteOptions, write string, asJSON bool) error {
	if o.profiles != "" && o.name != "gateway" {
		return errors.New("--profiles needs --suite gateway")
	}
	switch o.name {
	case "scheduling":
	case "batching":
		return c.benchEfficiency(ctx, o, write, asJSON)
	case "gateway":
		return c.benchRelay(ctx, o, write, asJSON)
	default:
		return fmt.Errorf("suite %q is not known; there are: scheduling, gateway, batching", o.name)
	}
	begun := time.Now()
	r, err := scheduling.Measure(ctx, o.Options)
	if err != nil {
		return err
	}
	c.note("measured in %s", span(time.Since(begun)))
	if err := c.tellReport(r, write, asJSON); err != nil {
		return err
	}
	if n := r.Missed(); n > 0 {
		return fmt.Errorf("%d of the figures asked for were not met", n)
	}
	return nil
}

// report is what a suite found out.
type report interface {
	Text(w io.Writer) error
	Markdown(w io.Writer) error
}

// tellReport writes a report to a file, if one is named, and prints it.
func (c *cli) tellReport(r report, file string, asJSON bool) error {
	if file != "" {
		if err := writeReport(file, r); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		c.note("written to %s", file)
	}
	if asJSON {
		return c.printJSON(r)
	}
	return r.Text(c.stdout)
}

// writeReport replaces a file by the report.
func writeReport(name string, r interface{ Markdown(io.Writer) error }) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := r.Markdown(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
