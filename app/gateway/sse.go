package gateway

import "bytes"

// sseReader puts the lines of a stream of server-sent events together. Lines
// may end in LF or CR LF; no engine uses a bare CR.
type sseReader struct {
	event func(name, data []byte, whole bool)
	name  []byte
	data  []byte
	any   bool // a data line has come
	long  bool // a part of the event was too long to read
}

func (s *sseReader) line(text []byte, whole bool) {
	if !whole {
		s.long = true
		return
	}
	if len(text) == 0 {
		s.dispatch()
		return
	}
	if value, ok := bytes.CutPrefix(text, []byte("data:")); ok { // most lines
		s.add(bytes.TrimPrefix(value, []byte(" ")))
		return
	}
	field, value, _ := bytes.Cut(text, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "data":
		s.add(nil)
	case "event":
		s.name = append(s.name[:0], value...)
	case "error": // llama.cpp's way of failing in a stream
		s.name = append(s.name[:0], "error"...)
		s.add(value)
	}
}

func (s *sseReader) add(value []byte) {
	if s.long || len(s.data)+len(value) >= maxLine {
		s.long, s.data = true, s.data[:0]
		return
	}
	if s.any {
		s.data = append(s.data, '\n')
	}
	s.data, s.any = append(s.data, value...), true
}

// dispatch ends the event at hand. One without data is none.
func (s *sseReader) dispatch() {
	if s.any || s.long {
		s.event(s.name, s.data, !s.long)
	}
	s.name, s.data, s.any, s.long = s.name[:0], s.data[:0], false, false
}
