package bench

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// places is an engine that runs so many requests at once, each for the same time, and
// has a line of its own for more, first in, first out.
type places struct {
	free  chan struct{}
	delay time.Duration

	mu   sync.Mutex
	done tally
}

// tally is how many requests were served, and when the last one was.
type tally struct {
	served int
	last   time.Time
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
	p.mu.Lock()
	p.done = tally{p.done.served + 1, time.Now()}
	p.mu.Unlock()
	p.free <- struct{}{}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = io.WriteString(w, wholeAnswer)
}

func (p *places) tally() tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// since is the requests per second since an earlier tally. It goes from end to end, so
// that a batch that is half done at either moment does not count as none or as whole.
func (t tally) since(before tally) float64 {
	if t.served == before.served {
		return 0
	}
	return float64(t.served-before.served) / t.last.Sub(before.last).Seconds()
}
