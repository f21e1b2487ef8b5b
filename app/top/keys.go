package top

import (
	"bufio"
	"io"
)

// Key is one that was pressed: a character, or one of those below.
type Key rune

// Keys that are no characters.
const (
	Up Key = -1 - iota
	Down
	Escape
)

// Interrupt is Ctrl-C, which no signal tells of while the terminal is raw.
const Interrupt Key = 3

// Keys reads until in ends or fails, and calls pressed for each key.
func Keys(in io.Reader, pressed func(Key)) {
	r := bufio.NewReader(in)
	for {
		c, _, err := r.ReadRune()
		if err != nil {
			return
		}
		if c != 0x1b {
			pressed(Key(c))
			continue
		}
		// A sequence comes at once; nothing behind it is the key itself.
		if r.Buffered() == 0 {
			pressed(Escape)
			continue
		}
		if k, ok := sequence(r); ok {
			pressed(k)
		}
	}
}

// sequence reads the rest of "\x1b[A", "\x1bOA" and their like.
func sequence(r *bufio.Reader) (Key, bool) {
	c, err := r.ReadByte()
	if err != nil || c != '[' && c != 'O' {
		return 0, false
	}
	for {
		c, err := r.ReadByte()
		switch {
		case err != nil:
			return 0, false
		case c == 'A':
			return Up, true
		case c == 'B':
			return Down, true
		case c >= '@' && c <= '~':
			return 0, false
		}
	}
}
