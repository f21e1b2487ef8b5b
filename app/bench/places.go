package bench

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// places is an engine that runs so many requests at once, each for the same time, and
// has a line of its own for more, first in, first out.
type places struct {
	free   chan struct{}
	delay  time.Duration
	served atomic.Int64
}

func newPlaces(n int, delay time.Duration) *places {
	p := &places{free: make(chan struct{}, n), delay: delay}
	for range n {
		p.free <- struct{}{}
	}
	return p
}

const wholeAnswer = `{"model":"carpool-demo","created_at":"2026-11-26T08:00:00Z","response":"One two three.","done":true,` +
	`"done_reason":"stop","total_duration":1000000,"load_duration":1000,"prompt_eval_count":8,"prompt_eval_duration":1000,` +
	`"eval_count":8,"eval_duration":1000}`

// ServeHTTP answers any request after its time in a place.
func (p *places) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return // whoever asked has left
	}
	<-p.free
	time.Sleep(p.delay)
	p.served.Add(1)
	p.free <- struct{}{}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = io.WriteString(w, wholeAnswer)
}
