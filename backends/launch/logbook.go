package launch

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"gopkg.in/natefinch/lumberjack.v2"
)

const (
	keptLines = 200     // in memory
	longLine  = 2 << 10 // bytes that are kept of one
	logMiB    = 5       // of the file, before it is turned over once
)

// logbook keeps what an engine prints: the last lines in memory, more in a file.
// Writes are one goroutine's; lines may be read from any.
type logbook struct {
	file io.WriteCloser    // nil = none
	told func(line string) // each whole line, from the goroutine that writes
	part []byte            // a line that has not ended
	skip bool              // the rest of a line that was too long

	mu    sync.Mutex
	lines []string
}

// newLogbook writes to a file of the user's own ("" = none), which it turns over
// at 5 MiB.
func newLogbook(path string, told func(line string)) *logbook {
	b := &logbook{told: told}
	if path != "" {
		b.file = &lumberjack.Logger{Filename: path, MaxSize: logMiB, MaxBackups: 1}
	}
	return b
}

// Write takes any piece of the output. It never fails, since an engine whose
// output is not taken stands still.
func (b *logbook) Write(p []byte) (int, error) {
	if b.file != nil {
		_, _ = b.file.Write(p) // the disk is full; the engine goes on
	}
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		if room := longLine - len(b.part); !b.skip {
			b.part = append(b.part, line[:min(len(line), room)]...)
			b.skip = len(line) > room
		}
		if ended {
			b.end()
		}
		rest = after
	}
	return len(p), nil
}

// end ends the line that is being written.
func (b *logbook) end() {
	line := strings.TrimRight(strings.ToValidUTF8(string(b.part), string(utf8.RuneError)), "\r ")
	b.part, b.skip = b.part[:0], false
	if line == "" {
		return
	}
	b.note(line)
	b.told(line)
}

// note adds a line to those in memory.
func (b *logbook) note(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) == keptLines {
		b.lines = slices.Delete(b.lines, 0, 1)
	}
	b.lines = append(b.lines, line)
}

// last are the last lines, oldest first.
func (b *logbook) last() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

// close ends a line that was cut off, and closes the file.
func (b *logbook) close() {
	if len(b.part) > 0 {
		b.end()
	}
	if b.file != nil {
		_ = b.file.Close()
	}
}
