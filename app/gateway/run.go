package gateway

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// maxKept bounds what of a run's answer is kept for those who share it, in bytes.
const maxKept = 4 << 20

// errBehind tells a client that what it has not read yet is not kept any more.
var errBehind = errors.New("the answer has gone on too far")

// run is one exchange with the engine that several clients may share, because
// they asked for the very same and the engine cannot but answer the same. The
// call that began it leads: it waits for the lease and asks the engine. What the
// engine says is kept, so that each of the others reads it at its own pace, from
// the first byte on. A run goes on as long as one of them is left.
type run struct {
	key    runKey
	body   []byte
	memory *budget
	ctx    context.Context // ends when nobody is left, or with Interrupt
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	clients  int           // that still want it
	shared   bool          // there was ever more than the leader
	closed   bool          // takes no more clients
	changed  chan struct{} // closed by the next change; nil = nobody waits for one
	released time.Time     // zero while it waits

	opened  bool // the answer's head is known, and its first event
	status  int
	header  http.Header
	form    framing
	length  int64 // as it was announced; -1 = it was not
	kept    []byte
	base    int64 // where in the answer kept begins
	tokenAt int64 // bytes up to the first token's; 0 = none yet
	markAt  int64 // bytes up to the end mark; 0 = not there yet

	over    bool
	fault   *fault // what ended it; nil = a good answer
	ending  ending
	midLine bool
}

// ending is how an answer ends that had begun.
type ending int

const (
	torn   ending = iota // its connection is broken
	proper               // as the engine ended it
	framed               // with our words for what went wrong
)

func (r *run) enter(body []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || !bytes.Equal(r.body, body) {
		return false
	}
	r.clients++
	r.shared = true
	return true
}

// leave tells that one client does not want the run any more. The last one takes
// the engine's work with it.
func (r *run) leave(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clients--
	if r.clients == 0 {
		r.closed = true
		r.drop()
		r.cancel(cause)
	}
}

func (r *run) deserted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clients == 0
}

func (r *run) isShared() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shared
}

// canServe reports whether a client that has read up to at can read the rest of
// a shared answer from what is kept.
func (r *run) canServe(at int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shared && at >= r.base
}

// start tells that the run's lease is there.
func (r *run) start(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.released = now
}

// begin publishes an answer of which nothing can be taken back any more.
func (r *run) begin(status int, header http.Header, form framing, length int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened, r.status, r.header, r.form, r.length = true, status, header.Clone(), form, length
	r.wake()
}

// add keeps what the engine said next: with it, or before, the first token may
// have come, and the end mark.
func (r *run) add(p []byte, token, mark bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.makeRoom(len(p)) {
		r.kept = append(r.kept, p...)
	}
	end := r.base + int64(len(r.kept))
	if token && r.tokenAt == 0 {
		r.tokenAt = end
	}
	if mark && r.markAt == 0 {
		r.markAt = end
	}
	r.wake()
}

// restart forgets what an engine said that was left for another one. Nobody has
// read it, since its answer never began.
func (r *run) restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept, r.base, r.tokenAt, r.markAt = r.kept[:0], 0, 0, 0
}

// firstKept is what is set aside for an answer, in bytes.
const firstKept = 4 << 10

// makeRoom makes room for n more bytes. Where there is none, the oldest go, and
// with them whoever has not read them; a run that has none to share with keeps
// nothing any more. False means that not even the new ones are kept.
func (r *run) makeRoom(n int) bool {
	need := len(r.kept) + n
	if need <= cap(r.kept) {
		return true
	}
	if size := min(max(2*cap(r.kept), need, firstKept), maxKept); need <= size && !r.spent() && r.memory.take(int64(size-cap(r.kept))) {
		r.kept = append(make([]byte, 0, size), r.kept...)
		return true
	}
	r.closed = true // a newcomer could not read it from the first byte on
	cut := len(r.kept)
	if r.spent() {
		r.base += int64(need)
		r.drop()
		return false
	}
	if n <= cap(r.kept) {
		cut = max(need-cap(r.kept), len(r.kept)/2)
	}
	r.base += int64(cut)
	r.kept = r.kept[:copy(r.kept, r.kept[cut:])]
	if n > cap(r.kept) {
		r.base += int64(n)
		return false
	}
	return true
}

// spent reports whether nobody will read what comes next.
func (r *run) spent() bool { return r.clients == 0 || r.closed && !r.shared }

// drop gives back what is kept.
func (r *run) drop() {
	r.memory.give(int64(cap(r.kept)))
	r.kept = nil
}

// end publishes the end: what ended the run, the engine's status (0 = there was
// none) and, if its answer had begun, how that ended.
func (r *run) end(f *fault, status int, e ending, midLine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over, r.closed, r.status = true, true, status
	r.fault, r.ending, r.midLine = f, e, midLine
	r.wake()
}

// isAllAt reports whether a client has all of a good answer that has read up to
// at, although the engine may not have ended it. The caller holds mu.
func (r *run) isAllAt(at int64) bool {
	return r.markAt > 0 && at >= r.markAt || r.status < 400 && r.length > 0 && at >= r.length
}

func (r *run) wake() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// await waits for bytes of the answer from at on; more is false at the end of the run.
// It fails with errBehind, or with the cause of ctx; but Interrupt ends the run itself,
// which then tells how.
func (r *run) await(ctx context.Context, at int64) (more bool, err error) {
	done := ctx.Done()
	for {
		if err := context.Cause(ctx); err != nil {
			if !errors.Is(err, errShutdown) {
				return false, err
			}
			done = nil
		}
		r.mu.Lock()
		switch {
		case r.opened && at < r.base:
			r.mu.Unlock()
			return false, errBehind
		case r.opened && at < r.base+int64(len(r.kept)):
			r.mu.Unlock()
			return true, nil
		case r.over:
			r.mu.Unlock()
			return false, nil
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-done:
		}
	}
}

// read copies what is kept of the answer from at on; nothing where the last client has
// left since, and with it what was kept.
func (r *run) read(at int64, p []byte) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at < r.base {
		return 0, errBehind
	}
	return copy(p, r.kept[min(at-r.base, int64(len(r.kept))):]), nil
}
