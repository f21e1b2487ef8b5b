// Package top draws lines on a terminal and reads its keys. It knows nothing of
// what they mean.
//
// A Screen writes only the lines that changed since it was drawn last. It is for
// one goroutine at a time.
package top

import (
	"io"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
)

// Line is one line of the screen. Text must hold no control characters.
type Line struct {
	Text string
	Mark bool // shown in reverse
}

// Screen is a terminal's other screen, on which the shell's lines are not lost.
type Screen struct {
	out           io.Writer
	shown         []Line
	width, height int
}

// The sequences of xterm that all terminals know.
const (
	enter   = "\x1b[?1049h\x1b[?25l" // the other screen, no cursor
	leave   = "\x1b[?25h\x1b[?1049l"
	clear   = "\x1b[H\x1b[2J"
	endLine = "\x1b[K"
	reverse = "\x1b[7m"
	plain   = "\x1b[0m"
)

// NewScreen begins to draw. Close must follow.
func NewScreen(out io.Writer) (*Screen, error) {
	_, err := io.WriteString(out, enter)
	return &Screen{out: out}, err
}

// Close gives the terminal back as it was.
func (s *Screen) Close() error {
	_, err := io.WriteString(s.out, plain+leave)
	return err
}

// Draw shows lines, cut to the terminal's width and height in cells. Another size
// than before draws everything anew.
func (s *Screen) Draw(lines []Line, width, height int) error {
	var b strings.Builder
	if width != s.width || height != s.height {
		b.WriteString(clear)
		s.width, s.height, s.shown = width, height, make([]Line, height)
	}
	for i := range s.height {
		var now Line
		if i < len(lines) {
			now = Line{Cut(lines[i].Text, width), lines[i].Mark}
		}
		if now == s.shown[i] {
			continue
		}
		s.shown[i] = now
		b.WriteString("\x1b[" + strconv.Itoa(i+1) + ";1H")
		if now.Mark {
			b.WriteString(reverse + now.Text + plain)
		} else {
			b.WriteString(now.Text)
		}
		b.WriteString(endLine)
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(s.out, b.String())
	return err
}

// Cut ends a text that is wider than the given number of cells with "…".
func Cut(text string, width int) string {
	if width <= 0 {
		return ""
	}
	return runewidth.Truncate(text, width, "…")
}
