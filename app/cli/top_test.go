package cli

import (
	"errors"
	"strings"
	"testing"

	"carpool/app/top"
)

// frame is what a terminal of a size shows; ">" stands for the chosen line.
func frame(v *topView, width, height int) string {
	var b strings.Builder
	for _, l := range v.lines(height) {
		mark := " "
		if l.Mark {
			mark = ">"
		}
		b.WriteString(strings.TrimRight(mark+top.Cut(l.Text, width), " ") + "\n")
	}
	return b.String()
}

func TestTopFrames(t *testing.T) {
	v := &topView{state: busy()}
	v.move(1)
	v.move(1)
	t.Run("Wide", func(t *testing.T) { golden(t, "top.txt", frame(v, 140, 24)) })
	t.Run("Narrow", func(t *testing.T) { golden(t, "top-narrow.txt", frame(v, 40, 24)) })
	t.Run("LowKeepsTheChosenLine", func(t *testing.T) {
		got := frame(v, 80, 6)
		if n := strings.Count(got, "\n"); n != 6 {
			t.Errorf("%d lines", n)
		}
		if !strings.Contains(got, "\n>") || !strings.Contains(got, "more lines") || !strings.Contains(got, "q quit") {
			t.Errorf("got\n%s", got)
		}
	})
	t.Run("OfAnySize", func(t *testing.T) {
		for height := 1; height < 30; height++ {
			for _, width := range []int{0, 1, 7, 200} {
				if n := strings.Count(frame(v, width, height), "\n"); n != height && height > 1 {
					t.Errorf("%d lines in %d", n, height)
				}
			}
		}
	})
	t.Run("WithoutCarpool", func(t *testing.T) {
		got := frame(&topView{problem: errors.New("carpool is not running")}, 80, 10)
		if !strings.Contains(got, "not running") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("AChosenRequestThatRunsIsForgotten", func(t *testing.T) {
		v.state.Queues[0].Waiting = v.state.Queues[0].Waiting[:1]
		v.settle()
		if v.ticket != 0 {
			t.Errorf("%d is chosen", v.ticket)
		}
	})
}

func TestTopWithoutATerminal(t *testing.T) {
	i := newInstance(t)
	if status, _, errs := i.carpool("top"); status != 1 || !strings.Contains(errs, "not running") {
		t.Errorf("status %d: %s", status, errs)
	}
	i.serve(&fake{snapshot: busy()})
	for _, args := range [][]string{{"top"}, {"top", "--once"}} {
		status, out, errs := i.carpool(args...)
		if status != 0 || !strings.Contains(out, "1 running, 3 waiting") || strings.Contains(out, "\x1b") || strings.Contains(out, "q quit") {
			t.Errorf("%v: status %d, %s%s", args, status, out, errs)
		}
	}
}
