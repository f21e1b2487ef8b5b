package backendstest

import (
	"net/http"
	"time"
)

// End is how an answer ends.
type End int

// The ends. All but Clean and NoMark happen after Script.At tokens; with At 0,
// before the first byte of the answer.
const (
	Clean   End = iota // as it should
	NoMark             // the stream ends without its end mark: done:true, [DONE], response.completed, message_stop
	Close              // the connection is closed in the middle
	Reset              // the connection is reset (closed, when in memory)
	Stall              // nothing more comes until the client leaves or the engine closes
	Garbage            // bytes that are not the protocol, then the connection is closed
	Error              // an error in the dialect; At 0: in place of the answer, with Status
)

// Script is how the engine treats one request. The zero value is a good answer.
type Script struct {
	Status int         // 0 = 200; from 400 on the answer is an error in the dialect
	Header http.Header // set on the answer
	Body   string      // these bytes in place of an answer; see Header for a content type

	Delay  time.Duration   // before the headers
	Every  time.Duration   // before each token after the first
	Until  <-chan struct{} // no second token before it is closed; nil = at once
	Tokens int             // 0 = the limit in the request, else 8; where requests are read, 0 = what they ask for
	Split  int             // bytes of each write, flushed one by one; 0 = one write per token

	End   End
	At    int    // tokens before End happens
	Error string // text of an error; "" = "scripted error"

	NeverRead bool // the request's body is not read, and there is no answer
}

// tokens is how many a request like Ollama's gets.
func (s Script) tokens(q Request) int {
	switch {
	case s.Tokens != 0:
		return s.Tokens
	case q.Limit != 0:
		return q.Limit
	}
	return 8
}
