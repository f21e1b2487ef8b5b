package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"

	"carpool/backends"
)

// errBroken ends an answer whose failure the client has been told, or cannot be
// told: its connection is then broken.
var errBroken = errors.New("answer broken off")

// maxAhead bounds what of an unstreamed answer is read before it goes on. Up to
// there a break is still told by the status.
const maxAhead = maxDocument

// answer is an engine's good answer on its way to the client: its bytes as they
// are, and after a failure our words for it.
type answer struct {
	*call
	src   pieces
	fixed bool   // its length is announced, so nothing can be added
	held  []byte // to be passed on before more is taken
	end   error  // what Next returns once nothing is held; nil = go on
}

// readAhead takes the answer up to its first event, or to its end if it is in one
// piece. It fails while the status can still tell. Most answers begin with a piece that
// is enough, and which is held where it lies.
func (a *answer) readAhead() error {
	most := maxAhead
	if a.tap.form != plain {
		most = maxLine
	}
	for len(a.held) < most {
		before := len(a.held)
		if before > 0 {
			a.held = bytes.Clone(a.held)
		}
		piece, err := a.take()
		if before == 0 {
			a.held = piece
		} else {
			a.held = append(a.held, piece...)
		}
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

// Next implements pieces.
func (a *answer) Next() ([]byte, error) {
	for {
		if held := a.held; len(held) > 0 {
			a.held = nil
			return held, nil
		}
		// All that was taken has been written by now. Many clients leave at the
		// end mark, without waiting for the connection's end: what comes after
		// it is no failure any more.
		a.complete = a.tap.ended && a.fault == nil && a.tap.failure == nil && a.lost() == nil
		if a.end != nil {
			return nil, a.end
		}
		piece, err := a.take()
		switch {
		case err != nil && a.complete:
			a.end, a.ending = io.EOF, proper
		case errors.Is(err, io.EOF), err != nil && a.tap.failure != nil: // at the engine's words of failure, too
			a.tap.close()
			a.finish()
		case err != nil && a.tap.ended: // with the piece
			a.end, a.ending = io.EOF, proper
		case err != nil:
			a.breakOff(a.explain(err))
		case a.tap.garbled && !a.complete:
			a.breakOff(newFault(backendBadResponse, "the engine answered with something that is not an answer"))
		}
		if len(piece) > 0 {
			return piece, nil
		}
	}
}

// Close implements io.Closer.
func (a *answer) Close() error { return a.src.Close() }

// take takes the engine's next piece, with the tap and the watchdog beside.
func (a *answer) take() ([]byte, error) {
	a.watch.wait()
	piece, err := a.src.Next()
	a.watch.rest()
	if len(piece) > 0 {
		a.tap.feed(piece)
		if a.tap.form == plain {
			a.watch.tokens(a.policy.Stall) // it comes in one go
		}
		a.keep(piece)
	}
	return piece, err
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
