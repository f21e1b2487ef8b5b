package gateway

import (
	"maps"
	"strings"
	"sync"
	"time"

	"carpool/backends"
	"carpool/batching"
)

// lossWords are by what Ollama says that the process that ran a model has ended in
// the middle of an answer, or was ended by it.
var lossWords = []string{"an error was encountered while running the model", "model runner has unexpectedly stopped"}

// lossGrace is how long others that the same process worked on have to hear of its
// end from the engine itself.
const lossGrace = time.Second

// runners knows who is being answered by which process of an engine. Ollama has one
// for each model. When it ends, 0.17.4 tells that to some of those whom it answered,
// and forgets the others: they would wait until a limit of ours ends them, and the
// model would not be loaded again as long as they do.
type runners struct {
	mu    sync.Mutex
	calls map[*call]answering
	broke map[batching.Key]time.Time // when the first of several answers broke off
}

// answering is a call that the engine works on.
type answering struct {
	key   batching.Key
	since time.Time
}

// enter tells that the engine is asked for c, until leave.
func (r *runners) enter(c *call) (leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls == nil {
		r.calls = map[*call]answering{}
	}
	r.calls[c] = answering{c.lease.Batch().Key, time.Now()}
	return func() {
		if c.complete {
			r.lives(c)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.calls, c)
	}
}

// breaks tells that the engine broke off an answer, and returns when it did so first,
// if that was within so short a time that it may have had the same reason. Who was
// asked for later is with another process: places become free as answers break off.
func (r *runners) breaks(key batching.Key, within time.Duration) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if first, ok := r.broke[key]; ok && now.Sub(first) < within {
		return first
	}
	if r.broke == nil {
		r.broke = map[batching.Key]time.Time{}
	}
	// Models' names come from clients: those of a second ago are of no use.
	maps.DeleteFunc(r.broke, func(_ batching.Key, first time.Time) bool { return now.Sub(first) >= within })
	r.broke[key] = now
	return now
}

// lives tells that the engine answers c, so that what breaks off from now on is not of
// the process that ended before c was asked for.
func (r *runners) lives(c *call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.calls[c]
	if first, ok := r.broke[a.key]; ok && a.since.After(first) {
		delete(r.broke, a.key)
	}
}

// lose ends the calls that were asked for under key before a moment.
func (r *runners) lose(key batching.Key, before time.Time) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c, a := range r.calls {
		if a.key == key && a.since.Before(before) {
			c.cancel(newFault(backendDisconnected, "the engine's process for this model has ended"))
			n++
		}
	}
	return n
}

// hearEnd looks in an engine's words of failure, "" if it has none, for the end of the
// process that ran the model, and ends in a moment whoever was lost with it.
func (c *call) hearEnd(words string) {
	if c.target.Kind != backends.KindOllama {
		return
	}
	g, key := c.Gateway, c.lease.Batch().Key
	first := g.runners.breaks(key, g.lossGrace)
	if !saysLoss(words) {
		return
	}
	time.AfterFunc(g.lossGrace, func() {
		if n := g.runners.lose(key, first); n > 0 {
			g.log.Warn("requests lost with the process of their model", "engine", key.Engine, "model", key.Model, "requests", n)
		}
	})
}

func saysLoss(words string) bool {
	for _, w := range lossWords {
		if strings.Contains(words, w) {
			return true
		}
	}
	return false
}
