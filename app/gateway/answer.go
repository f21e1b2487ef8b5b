package gateway

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"carpool/backends"
)

// errBroken ends an answer whose failure the client has been told, or cannot be
// told: ReverseProxy then breaks the connection.
var errBroken = errors.New("answer broken off")

// maxAhead bounds what of an unstreamed answer is read before it goes on. Up to
// there a break is still told by the status.
const maxAhead = maxDocument

// answer is an engine's good answer on its way to the client: its bytes as they
// are, and after a failure our words for it.
type answer struct {
	*call
	src   io.ReadCloser
	fixed bool   // its length is announced, so nothing can be added
	held  []byte // to be passed on before more is read
	chunk []byte // lent, in which held lies; nil = it lies elsewhere
	end   error  // what Read returns once held is empty; nil = go on
}

// leastRead is the least room that a read gets, in bytes.
const leastRead = 2 << 10

// readAhead reads until the first event, or an unstreamed answer's end. It
// fails while the status can still tell. What is read lies in a buffer of its
// copies until it has gone on: most streams begin in one.
func (a *answer) readAhead() (err error) {
	a.chunk = buffersFor(a.tap.form).Get()
	a.held = a.chunk[:0]
	defer func() {
		if err != nil {
			a.letGo()
		}
	}()
	most := maxAhead
	if a.tap.form != plain {
		most = maxLine
	}
	for len(a.held) < most {
		if cap(a.held)-len(a.held) < leastRead {
			longer := append(make([]byte, 0, 2*cap(a.held)), a.held...)
			a.letGo()
			a.held = longer
		}
		n, err := a.fill(a.held[len(a.held):cap(a.held)])
		a.held = a.held[:len(a.held)+n]
		if err != nil && a.tap.ended { // what comes behind the end mark is no failure
			err = io.EOF
		}
		if errors.Is(err, io.EOF) {
			a.tap.close()
		}
		if f := a.early(err); f != nil {
			return f
		}
		if errors.Is(err, io.EOF) {
			a.finish()
			return nil
		}
		if a.tap.form != plain && !a.tap.silent() && (a.tap.tokens > 0 || !a.mayOverflow()) {
			return nil
		}
	}
	return nil
}

// letGo gives up what is held, and the buffer that it lies in.
func (a *answer) letGo() {
	if a.chunk != nil {
		buffersFor(a.tap.form).Put(a.chunk)
	}
	a.held, a.chunk = nil, nil
}

// early is what is wrong with an answer of which nothing has been passed on.
func (a *answer) early(err error) *fault {
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		f := a.explain(err)
		if f.kind == backendDisconnected && len(a.held) > 0 {
			f = newFault(backendTruncated, "the engine broke off its answer")
		}
		return f
	case a.tap.garbled:
		return newFault(backendBadResponse, "the engine answered with something that is not an answer")
	case a.tap.failure != nil:
		a.hearEnd(a.tap.failure.reason)
		return faultOfEvent(a.tap.failure)
	case errors.Is(err, io.EOF) && (!a.tap.ended || len(a.held) == 0):
		a.hearEnd("")
		return newFault(backendTruncated, "the engine ended its answer early")
	case errors.Is(err, io.EOF) && a.tap.tokens == 0 && a.mayOverflow() && a.prompt() >= a.context():
		return newFault(contextLength, "the prompt does not fit into the context of the model, of "+strconv.Itoa(a.context())+" tokens")
	}
	return nil
}

// mayOverflow reports whether the engine may answer with nothing, and no error, to
// a prompt that its context cannot hold, as LM Studio does. Ollama cuts prompts. Of
// others it is only looked for where the prompt is long enough: it has no more tokens
// than bytes.
func (a *answer) mayOverflow() bool {
	if a.route.embedding || a.context() == 0 || a.target.Kind == backends.KindOllama {
		return false
	}
	return a.target.Kind == backends.KindLMStudio || int(a.sketch.prompt) >= a.context()
}

// context is how many tokens one request of the model may hold; 0 = not known.
func (a *answer) context() int { return a.flavour().Context }

// prompt is how many tokens the prompt has, by the engine's count, else estimated.
func (a *answer) prompt() int {
	if n := a.report().PromptTokens; n >= 0 {
		return n
	}
	return int(a.sketch.prompt / bytesPerToken)
}

// faultOfEvent gives an error that came inside a 200 the status it should have had.
func faultOfEvent(e *event) *fault {
	text := plainText(e.reason)
	if text == "" {
		text = "the engine failed"
	}
	f := newFault(kindOfEngine(http.StatusInternalServerError, text), text)
	if e.code >= 400 && e.code < 600 {
		f.kind = kindOfEngine(e.code, text)
		f.code = e.code
	}
	return f
}

// Read implements io.Reader.
func (a *answer) Read(p []byte) (int, error) {
	for {
		if len(a.held) > 0 {
			n := copy(p, a.held)
			if a.held = a.held[n:]; len(a.held) == 0 {
				a.letGo()
			}
			return n, nil
		}
		// All that was read has been written by now. Many clients leave at the
		// end mark, without waiting for the connection's end: what comes after
		// it is no failure any more.
		a.complete = a.tap.ended && a.fault == nil && a.tap.failure == nil && a.lost() == nil
		if a.end != nil {
			return 0, a.end
		}
		n, err := a.fill(p)
		switch {
		case err != nil && a.complete:
			a.end, a.ending = io.EOF, proper
		case errors.Is(err, io.EOF), err != nil && a.tap.failure != nil: // at the engine's words of failure, too
			a.tap.close()
			a.finish()
		case err != nil:
			a.breakOff(a.explain(err))
		case a.tap.garbled && !a.complete:
			a.breakOff(newFault(backendBadResponse, "the engine answered with something that is not an answer"))
		}
		if n > 0 {
			return n, nil
		}
	}
}

// Close implements io.Closer.
func (a *answer) Close() error { return a.src.Close() }

// fill reads from the engine, with the tap and the watchdog beside.
func (a *answer) fill(p []byte) (int, error) {
	a.watch.wait()
	n, err := a.src.Read(p)
	a.watch.rest()
	if n > 0 {
		a.tap.feed(p[:n])
		if a.tap.form == plain {
			a.watch.tokens(a.policy.Stall) // it comes in one go
		}
		a.keep(p[:n])
	}
	return n, err
}

// finish judges an answer whose end has come.
func (a *answer) finish() {
	switch {
	case a.tap.garbled && a.tap.form != plain:
		a.breakOff(newFault(backendBadResponse, "the engine answered with something that is not an answer"))
	case a.tap.failure != nil: // the client has the engine's own words
		a.hearEnd(a.tap.failure.reason)
		a.fault = faultOfEvent(a.tap.failure)
		a.end, a.ending = io.EOF, proper
	case !a.tap.ended:
		a.hearEnd("")
		a.breakOff(newFault(backendTruncated, "the engine ended its answer early"))
	default:
		a.end, a.ending = io.EOF, proper
	}
}

// breakOff tells the client of a failure after the status: a last frame, and
// for server-sent events, whose clients may take an end for success, a broken
// connection behind it.
func (a *answer) breakOff(f *fault) {
	f = a.blame(f)
	a.fault, a.ending, a.midLine = f, framed, a.tap.midLine()
	a.end = errBroken
	words, clean := a.dialect.lastWords(f, a.id, a.tap.form, a.fixed, a.midLine)
	a.held = append(a.held, words...)
	if clean {
		a.end = io.EOF
	}
}
