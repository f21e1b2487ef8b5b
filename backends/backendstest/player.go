package backendstest

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// player writes one answer.
type player struct {
	w       http.ResponseWriter
	ctx     context.Context
	stopped chan struct{}
	script  Script
	ended   func() // tells that the request is over, before its connection is broken
}

// play follows the script and reports whether the answer went out to its end.
func (p *player) play(q Request, answer answerer) bool {
	s := p.script
	f := answer(q, s)
	message := s.Error
	if message == "" {
		message = "scripted error"
	}
	if !p.pause(s.Delay) {
		return false
	}
	for name, values := range s.Header {
		p.w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	switch {
	case s.Body != "":
		return p.head(s.Status, "") && p.write(s.Body)
	case s.Status >= 400:
		return p.head(s.Status, f.json) && p.write(f.fail(s.Status, message))
	case s.End == Error && s.At == 0 && f.early && q.Stream && f.tokens != nil:
		return p.head(s.Status, f.stream) && p.write(f.broken(message))
	case s.End == Error && s.At == 0:
		return p.head(s.Status, f.json) && p.write(f.fail(500, message))
	case s.End > NoMark && s.At == 0:
		p.breakOff()
		return false
	case f.status != 0:
		return p.head(f.status, f.json) && p.write(f.whole)
	case !q.Stream || f.tokens == nil:
		return p.head(s.Status, f.json) && p.write(f.whole)
	}
	if !p.head(s.Status, f.stream) || !p.write(f.open) {
		return false
	}
	for i, token := range f.tokens {
		if s.End > NoMark && i == s.At {
			break
		}
		if i == 1 && s.Until != nil && !wait(p.ctx, p.stopped, s.Until) {
			return false
		}
		if i > 0 && !p.pause(s.Every) || !p.write(token) {
			return false
		}
	}
	switch s.End {
	case Clean:
		p.ended() // a client may leave as soon as it has the end mark
		return p.write(f.close) && p.write(f.mark)
	case NoMark:
		return p.write(f.close)
	case Error:
		return p.write(f.broken(message))
	default:
		p.breakOff()
		return false
	}
}

func (p *player) head(status int, contentType string) bool {
	if p.w.Header().Get("Content-Type") == "" && contentType != "" {
		p.w.Header().Set("Content-Type", contentType)
	}
	if status == 0 {
		status = http.StatusOK
	}
	p.w.WriteHeader(status)
	return true
}

// write sends and flushes, in pieces if the script says so.
func (p *player) write(text string) bool {
	size := len(text)
	if p.script.Split > 0 {
		size = p.script.Split
	}
	for len(text) > 0 {
		n := min(size, len(text))
		if _, err := io.WriteString(p.w, text[:n]); err != nil {
			return false
		}
		if err := http.NewResponseController(p.w).Flush(); err != nil {
			return false
		}
		text = text[n:]
	}
	return p.ctx.Err() == nil
}

// breakOff ends the answer as the script's End says.
func (p *player) breakOff() {
	if p.script.End == Stall {
		wait[any](p.ctx, p.stopped, nil)
		return
	}
	p.ended()
	switch p.script.End {
	case Garbage:
		const garbage = "\x00\xff\x7f not the protocol \r\n\r\n{{{"
		if p.script.At > 0 {
			p.write(garbage + "\n\n")
			panic(http.ErrAbortHandler)
		}
		p.hijack(garbage, false)
	default:
		p.hijack("", p.script.End == Reset)
	}
}

// hijack takes over the connection, writes text as it is and closes it.
func (p *player) hijack(text string, reset bool) {
	conn, _, err := http.NewResponseController(p.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // no connection below, as with a recorder
	}
	_, _ = io.WriteString(conn, text) // the client may have gone
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// pause reports false if the client left or the engine stopped meanwhile.
func (p *player) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	return wait(p.ctx, p.stopped, timer.C)
}

func wait[T any](ctx context.Context, stopped chan struct{}, until <-chan T) bool {
	select {
	case <-until:
		return true
	case <-ctx.Done():
	case <-stopped:
	}
	return false
}
