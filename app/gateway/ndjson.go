package gateway

import "bytes"

// maxLine is the longest line that is read. Longer ones, images mostly, go to
// the client all the same; the tap only knows that they were there.
const maxLine = 1 << 20

// lineReader cuts a stream into lines, however it arrives. Whole lines are read
// where they lie; only what a chunk's end cut off is copied.
type lineReader struct {
	line func(text []byte, whole bool) // text without its line end; nil when not whole
	part []byte
	long bool // the line at hand is longer than maxLine
}

// feed reads the next bytes of the stream.
func (l *lineReader) feed(p []byte) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.keep(p)
			return
		}
		l.finish(p[:i])
		p = p[i+1:]
	}
}

// close reads a last line that has no line end.
func (l *lineReader) close() {
	if l.midLine() {
		l.finish(nil)
	}
}

func (l *lineReader) midLine() bool { return l.long || len(l.part) > 0 }

func (l *lineReader) keep(p []byte) {
	if l.long || len(l.part)+len(p) > maxLine {
		l.long, l.part = true, nil
		return
	}
	l.part = append(l.part, p...)
}

func (l *lineReader) finish(rest []byte) {
	if l.long || len(l.part)+len(rest) > maxLine {
		l.long, l.part = false, nil
		l.line(nil, false)
		return
	}
	if len(l.part) == 0 {
		l.line(bytes.TrimSuffix(rest, []byte("\r")), true)
		return
	}
	l.part = append(l.part, rest...)
	l.line(bytes.TrimSuffix(l.part, []byte("\r")), true)
	l.part = l.part[:0]
}
