package translate

import "bytes"

// maxLine bounds a line and an event of the engine's, in bytes, as the gateway's
// own reader does.
const maxLine = 1 << 20

// events cuts a stream of server-sent events into the data of each, however it
// arrives. Comments, names and ids are passed over.
type events struct {
	take func(data []byte)
	part []byte // of a line that is still to end
	data []byte // of the event at hand
	any  bool   // a data line has come
	long bool   // something was longer than maxLine; nothing is read after it
}

func (e *events) feed(p []byte) {
	for len(p) > 0 && !e.long {
		i := bytes.IndexByte(p, '\n')
		text := p
		if i >= 0 {
			text = p[:i]
		}
		if len(e.part)+len(text) > maxLine {
			e.long = true
			return
		}
		switch {
		case i < 0:
			e.part = append(e.part, p...)
			return
		case len(e.part) == 0:
			e.line(text)
		default:
			e.part = append(e.part, text...)
			e.line(e.part)
			e.part = e.part[:0]
		}
		p = p[i+1:]
	}
}

// close reads what only the end of the stream makes complete.
func (e *events) close() {
	if e.long {
		return
	}
	e.line(e.part)
	e.part = nil
	e.dispatch()
}

func (e *events) line(text []byte) {
	text = bytes.TrimSuffix(text, []byte("\r"))
	if len(text) == 0 {
		e.dispatch()
		return
	}
	field, value, _ := bytes.Cut(text, []byte(":"))
	if string(field) != "data" {
		return
	}
	value = bytes.TrimPrefix(value, []byte(" "))
	if len(e.data)+len(value) >= maxLine {
		e.long = true
		return
	}
	if e.any {
		e.data = append(e.data, '\n')
	}
	e.data, e.any = append(e.data, value...), true
}

func (e *events) dispatch() {
	if e.any {
		e.take(e.data)
	}
	e.data, e.any = e.data[:0], false
}
