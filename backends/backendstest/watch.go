package backendstest

import "time"

// What is a moment in the life of an inference request.
type What string

// The moments. Came is told first. Left is told while the request is worked on, or at
// the same time as Ended.
const (
	Came  What = "came"  // it was read
	Left  What = "left"  // its client left, or the connection broke
	Ended What = "ended" // nothing works on it any more; told before the client can see an answer's end, or its connection break
)

// Event is a moment of one inference request.
type Event struct {
	What What
	At   time.Time
	// Number tells requests of one engine apart: the first is 1.
	Number uint64
	Request
}

// Watch has f hear of every inference request that comes from now on. f is called on the
// goroutine of the request, several at a time, and must not block.
func (e *Engine) Watch(f func(Event)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watcher = f
}

// teller returns what tells the watcher of the moments of a request.
func (e *Engine) teller(q Request) func(What) {
	e.mu.Lock()
	f := e.watcher
	e.watched++
	number := e.watched
	e.mu.Unlock()
	return func(what What) {
		if f != nil {
			f(Event{What: what, At: time.Now(), Number: number, Request: q})
		}
	}
}
