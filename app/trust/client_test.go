package trust

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/app/trust/ledger"
)

// leaving is when and how a client leaves, if at all.
type leaving struct {
	at     moment
	tokens int           // of atToken
	after  time.Duration // of atTime and unread
	how    manner
}

type moment int

// The moments.
const (
	never    moment = iota
	inBody          // with half of its request sent
	onceSent        // when its request is sent
	atEngine        // when an engine has it
	atToken         // when so many tokens have come
	atTime          // so long after its request was sent
)

type manner int

// The manners.
const (
	closing manner = iota
	resetting
	halfClosing // it only ends its sending side, and reads on
	unread      // it reads no more for a while, and closes with bytes unread
)

// order is one request to be sent.
type order struct {
	spoken
	ledger.Asked
	leaving
	cold bool // it asks for temperature 0, so that equal requests would share a run
}

// patience is how long a client waits for what comes next before it counts as hung.
// Only a failure takes that long.
const patience = time.Minute

// crowd is a number of clients that ask one after the other, each in its own order.
type crowd struct {
	t       testing.TB
	c       *carpool
	book    *book
	clients int
	each    int                 // requests of each client; 0 = until done is closed
	done    <-chan struct{}     // ends them early; nil = never
	vary    func(*dice, *order) // changes an order before it is sent; nil = nothing is
	after   func(ledger.Asked)  // hears of each request that has ended; nil = nobody
	idle    func(*dice)         // between two requests of a client; nil = nothing
	name    string              // part of the ids; unique in a book
	apps    []string            // of which each request takes one
	classes []string            // of priority, likewise
	models  []string            // likewise
	leaves  func(*dice) leaving // nil = nobody leaves
}

// dice is randomness that a seed repeats.
type dice struct{ *rand.Rand }

func (d *dice) duration(most time.Duration) time.Duration {
	return time.Duration(d.Int64N(int64(most) + 1))
}

func one[T any](d *dice, of []T) T { return of[d.IntN(len(of))] }

// seeded is the seed of a run: CARPOOL_SEED, else 1 in the short form and any in the
// full one. It is logged, since it repeats what was asked, if not when.
func seeded(t testing.TB) uint64 {
	t.Helper()
	seed := uint64(1)
	if isFull() {
		seed = rand.Uint64()
	}
	if s := os.Getenv("CARPOOL_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("CARPOOL_SEED=%d", seed)
	return seed
}

func diceOf(seed uint64, stream int) *dice { return &dice{rand.New(rand.NewPCG(seed, uint64(stream)))} }

// run has all clients ask until they are done.
func (f *crowd) run(seed uint64) {
	var all sync.WaitGroup
	for n := range f.clients {
		all.Go(func() { f.client(n, diceOf(seed, n)) })
	}
	all.Wait()
}

// client is the life of one.
func (f *crowd) client(n int, d *dice) {
	var line *connection
	defer func() { line.close() }()
	for i := 0; f.each == 0 || i < f.each; i++ {
		select {
		case <-f.done:
			return
		default:
		}
		o := f.order(d, fmt.Sprintf("%s-%d-%d", f.name, n, i))
		const keeps = 0.5
		if line != nil && d.Float64() > keeps {
			line.close()
			line = nil
		}
		line = o.send(f.book, f.c.addr, line)
		f.book.note(o.Asked)
		if f.after != nil {
			f.after(o.Asked)
		}
		if f.idle != nil {
			f.idle(d)
		}
	}
}

func (f *crowd) order(d *dice, id string) *order {
	const fewest, spread = 1, 12 // tokens
	o := &order{spoken: one(d, dialects), Asked: ledger.Asked{ID: id, App: "app", Model: "tiny", Priority: "normal", Tokens: fewest + d.IntN(spread)}}
	if f.apps != nil {
		o.App = one(d, f.apps)
	}
	if f.classes != nil {
		o.Priority = one(d, f.classes)
	}
	if f.models != nil {
		o.Model = one(d, f.models)
	}
	if f.leaves != nil {
		o.leaving = f.leaves(d)
	}
	if f.vary != nil {
		f.vary(d, o)
	}
	return o
}

// anyLeaving leaves at any moment in any manner.
func anyLeaving(d *dice) leaving {
	const longest = 30 * time.Millisecond
	return leaving{at: inBody + moment(d.IntN(int(atTime))), tokens: 1 + d.IntN(6), after: d.duration(longest), how: manner(d.IntN(int(unread) + 1))}
}

// connection is one to the gateway that may serve several requests.
type connection struct {
	*net.TCPConn
	in *bufio.Reader
}

func (l *connection) close() {
	if l != nil {
		_ = l.Close()
	}
}

// send sends the request on a connection, nil = a new one, and notes in o what comes
// of it. The connection that it returns may be used again; nil = none may.
func (o *order) send(b *book, addr string, line *connection) *connection {
	defer func() { o.Done = time.Now() }()
	came := b.arrival(o.ID)
	body := fmt.Sprintf(o.body, o.Model, o.ID, o.Tokens)
	if o.cold {
		for _, limit := range []string{`"num_predict"`, `"max_tokens"`} { // it stands beside these
			body = strings.Replace(body, limit, `"temperature":0,`+limit, 1)
		}
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nX-Request-Id: %s\r\nX-Carpool-App: %s\r\nX-Carpool-Priority: %s\r\n\r\n",
		o.path, addr, len(body), o.ID, o.App, o.Priority)
	o.Sent = time.Now()
	if line == nil {
		conn, err := net.DialTimeout("tcp", addr, patience)
		if err != nil {
			return nil // which the ledger calls a request without an end
		}
		line = &connection{conn.(*net.TCPConn), bufio.NewReader(conn)}
	}
	_ = line.SetDeadline(time.Now().Add(patience))
	if o.at == inBody {
		_, _ = io.WriteString(line, head+body[:len(body)/2]) // it may have gone
		o.Left = time.Now()
		return o.leave(line)
	}
	if _, err := io.WriteString(line, head+body); err != nil {
		line.close()
		return nil
	}

	stop, gone := make(chan struct{}), make(chan time.Time, 1)
	go func() { gone <- o.leaveIn(time.Now(), line, came, stop) }()
	again := o.read(line)
	close(stop)
	if left := <-gone; !left.IsZero() && o.Left.IsZero() {
		o.Left = left
	}
	if !again || !o.Left.IsZero() {
		line.close()
		return nil
	}
	return line
}

// leaveIn leaves at the moment that is not seen in the answer, unless stop comes
// first. It says when; zero = it did not.
func (o *order) leaveIn(sent time.Time, line *connection, came, stop <-chan struct{}) time.Time {
	var now <-chan time.Time
	switch o.at {
	case onceSent:
		came = nil
		timer := time.NewTimer(0)
		defer timer.Stop()
		now = timer.C
	case atTime:
		came = nil
		timer := time.NewTimer(time.Until(sent.Add(o.after)))
		defer timer.Stop()
		now = timer.C
	case atEngine:
	default:
		return time.Time{}
	}
	select {
	case <-stop:
		return time.Time{}
	case <-came:
	case <-now:
	}
	left := time.Now()
	o.leave(line)
	return left
}

// leave ends the connection in the client's manner. What it returns is never used
// again.
func (o *order) leave(line *connection) *connection {
	switch o.how {
	case halfClosing:
		_ = line.CloseWrite()
		if o.at == inBody || o.at == atToken {
			_, _ = io.Copy(io.Discard, line.in)
			line.close()
		}
	case resetting:
		_ = line.SetLinger(0)
		line.close()
	default:
		line.close()
	}
	return nil
}

// read reads the answer, and reports whether the connection may be used again.
func (o *order) read(line *connection) (again bool) {
	resp, err := http.ReadResponse(line.in, &http.Request{Method: http.MethodPost})
	if err != nil {
		o.broke(err)
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	o.Status = resp.StatusCode
	if id := resp.Header.Get("X-Request-Id"); id != o.ID {
		o.Odd = "the id of the answer is " + id
	}
	if o.stream && resp.StatusCode == http.StatusOK {
		err = o.readStream(line, resp.Body)
	} else {
		var whole []byte
		if whole, err = io.ReadAll(resp.Body); err == nil {
			o.hear(o.text(whole))
		}
	}
	if err != nil {
		o.broke(err)
		return false
	}
	return !resp.Close
}

// readStream reads event by event.
func (o *order) readStream(line *connection, body io.Reader) error {
	in := bufio.NewReader(body)
	for {
		text, err := in.ReadBytes('\n')
		text = bytes.TrimSpace(text)
		if o.sse() {
			data, is := bytes.CutPrefix(text, []byte("data: "))
			if !is {
				data = nil
			}
			text = data
		}
		if err == nil && len(text) > 0 {
			o.hear(o.text(text))
			if o.at == atToken && o.Left.IsZero() && o.Own >= o.tokens && o.Marks+o.Errors == 0 {
				if o.how == unread {
					time.Sleep(o.after)
				}
				o.Left = time.Now()
				o.leave(line)
				return io.EOF
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// hear takes in one event.
func (o *order) hear(s said) {
	ended := o.Marks+o.Errors > 0
	switch {
	case s.odd != "":
		o.Odd = s.odd
	case s.fail != "":
		o.Errors++
		o.Error = s.fail
	case ended && s.text != "":
		o.Odd = "tokens after the end"
	}
	if s.end {
		o.Marks++
	}
	for word := range strings.FieldsSeq(s.text) {
		if word == o.ID {
			o.Own++
		} else {
			o.Foreign++
		}
	}
}

// broke notes how a connection ended. An end without words, or none at all, is what
// the ledger looks for; it is odd only where nobody can tell it from a good one.
func (o *order) broke(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		o.Odd = fmt.Sprintf("nothing more came for %v", patience)
	}
}
