package cli

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"carpool/app/top"
)

const (
	topEvery  = time.Second            // between two looks at Carpool
	topResize = 250 * time.Millisecond // between two looks at the terminal's size
)

func (c *cli) topCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show what runs and waits, live in the terminal",
		Long: `Show what runs and what waits, limits and why, tokens per second and the GPU, once
a second. Without a terminal it prints this once and ends.

Keys: q quits, p turns batching off and on, arrows or j and k choose a request that
waits, x ends it, f makes it the next.`,
		Example: `  carpool top
  carpool top --once | head`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, out, ok := c.terminal()
			if once || !ok {
				s, _, err := c.snapshot(cmd.Context())
				if err != nil {
					return err
				}
				return c.print(linesText((&topView{state: s}).lines(0)))
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			return c.top(ctx, in, out)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "print it once and end")
	return cmd
}

// terminal is where to read keys and to draw; false where either is none.
func (c *cli) terminal() (in, out *os.File, ok bool) {
	in, inFile := c.stdin.(*os.File)
	out, outFile := c.stdout.(*os.File)
	ok = inFile && outFile && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd())) //nolint:gosec // descriptors fit
	return in, out, ok
}

// top draws until q, or ctx ends. The terminal is as it was afterwards, also where
// something panics.
func (c *cli) top(ctx context.Context, in, out *os.File) (err error) {
	was, err := term.MakeRaw(int(in.Fd())) //nolint:gosec // a descriptor fits
	if err != nil {
		return err
	}
	screen, err := top.NewScreen(out)
	defer func() {
		err = errors.Join(err, screen.Close(), term.Restore(int(in.Fd()), was)) //nolint:gosec // a descriptor fits
	}()
	if err != nil {
		return err
	}
	keys, ended := make(chan top.Key), make(chan struct{})
	defer close(ended)
	go func() { // it ends with the terminal, or with the program
		top.Keys(in, func(k top.Key) {
			select {
			case keys <- k:
			case <-ended:
			}
		})
	}()
	look, size := time.NewTicker(topEvery), time.NewTicker(topResize)
	defer look.Stop()
	defer size.Stop()
	v := &topView{}
	for again := true; ; {
		if again {
			c.look(ctx, v)
		}
		width, height, err := term.GetSize(int(out.Fd())) //nolint:gosec // a descriptor fits
		if err != nil {
			return err
		}
		if err := screen.Draw(v.lines(height), width, height); err != nil {
			return err
		}
		again = false
		select {
		case <-ctx.Done():
			return nil
		case <-size.C:
		case <-look.C:
			again = true
		case k := <-keys:
			if k == 'q' || k == top.Interrupt {
				return nil
			}
			again = c.pressed(ctx, v, k)
		}
	}
}

// look reads Carpool's state. One that hangs must not take the keys with it for long.
func (c *cli) look(ctx context.Context, v *topView) {
	ctx, cancel := context.WithTimeout(ctx, 2*topEvery)
	defer cancel()
	v.state, _, v.problem = c.snapshot(ctx)
	v.settle()
}

// pressed does what a key says, and reports whether Carpool's state may have changed.
func (c *cli) pressed(ctx context.Context, v *topView, k top.Key) bool {
	var err error
	switch k {
	case top.Up, 'k':
		v.move(-1)
		return false
	case top.Down, 'j':
		v.move(1)
		return false
	case 'p':
		on := !v.state.Config.Batching.Enabled
		if err = c.running().Set(ctx, enabled, strconv.FormatBool(on)); err == nil {
			v.message = "batching is off"
			if on {
				v.message = "batching is on"
			}
		}
	case 'x', 'f':
		if v.ticket == 0 {
			v.message = "no request is chosen: use the arrows or j and k"
			return false
		}
		if k == 'x' {
			err = c.running().CancelRequest(ctx, v.ticket)
			v.message = "ended"
		} else {
			err = c.running().MoveToFront(ctx, v.ticket)
			v.message = "it goes next"
		}
	default:
		return false
	}
	if err != nil {
		v.message = err.Error()
	}
	return true
}

func linesText(lines []top.Line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(l.Text, " ") + "\n")
	}
	return b.String()
}
