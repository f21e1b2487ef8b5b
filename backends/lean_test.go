package backends

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// wired is an engine over connections in memory. Each request is answered by say, which
// returns what is written; the engine reads on if more is true.
type wired struct {
	t    *testing.T
	lean *lean
	say  func(*http.Request) string
	once bool // an answer is a connection's last

	mu    sync.Mutex
	conns []net.Conn // the engine's ends
	ended sync.WaitGroup
}

func newWired(t *testing.T, say func(*http.Request) string) *wired {
	w := &wired{t: t, say: say}
	w.lean = newTransport(w.dial, nil, time.Second)
	t.Cleanup(func() {
		w.lean.CloseIdleConnections()
		w.hangUp()
		w.ended.Wait()
	})
	return w
}

func (w *wired) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	w.mu.Lock()
	w.conns = append(w.conns, theirs)
	w.mu.Unlock()
	w.ended.Go(func() {
		defer func() { _ = theirs.Close() }()
		in := bufio.NewReader(theirs)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(theirs, w.say(r)) // who left needs no answer
			if w.once {
				return
			}
		}
	})
	return ours, nil
}

func (w *wired) dials() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.conns)
}

// hangUp closes all connections from the engine's side.
func (w *wired) hangUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
}

// parted waits until the engine has seen all connections end.
func (w *wired) parted() {
	w.t.Helper()
	all := make(chan struct{})
	go func() {
		w.ended.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-time.After(10 * time.Second):
		w.t.Error("a connection is still open")
	}
}

// finish ends the answers that have begun.
func (w *wired) finish() {
	for _, c := range w.conns {
		w.ended.Go(func() { _, _ = io.WriteString(c, "0\r\n\r\n") })
	}
}

func (w *wired) ask(ctx context.Context, body string) (*http.Response, error) {
	return w.lean.RoundTrip(must(http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/api/chat", strings.NewReader(body))))
}

// whole asks and reads the answer to its end.
func (w *wired) whole() string {
	w.t.Helper()
	res, err := w.ask(w.t.Context(), "{}")
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = res.Body.Close()
	return string(text)
}

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// begun is an answer that has not ended.
const begun = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"

func always(answer string) func(*http.Request) string {
	return func(*http.Request) string { return answer }
}

func TestLean(t *testing.T) {
	t.Run("KeepsAConnectionWhoseAnswerWasReadToItsEnd", func(t *testing.T) {
		w := newWired(t, always(hello))
		for range 3 {
			if got := w.whole(); got != "hello" {
				t.Errorf("it answered %q", got)
			}
		}
		if n := w.dials(); n != 1 {
			t.Errorf("%d connections for three requests", n)
		}
	})

	t.Run("TellsTheTraceWhatItSaw", func(t *testing.T) {
		w := newWired(t, always(hello))
		w.whole()
		var saw []string
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			GotConn:              func(i httptrace.GotConnInfo) { saw = append(saw, fmt.Sprint("reused ", i.Reused)) },
			WroteRequest:         func(i httptrace.WroteRequestInfo) { saw = append(saw, fmt.Sprint("wrote ", i.Err)) },
			GotFirstResponseByte: func() { saw = append(saw, "heard") },
		})
		if _, err := w.ask(ctx, "{}"); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(saw, ", "); got != "reused true, wrote <nil>, heard" {
			t.Error(got)
		}
	})

	t.Run("ClosesAConnectionWhoseAnswerWasNot", func(t *testing.T) {
		w := newWired(t, always(begun))
		res, err := w.ask(t.Context(), "{}")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		w.parted()
		w.say = always(hello)
		w.whole()
		if n := w.dials(); n != 2 {
			t.Errorf("%d connections", n)
		}
	})

	t.Run("ClosesAConnectionOnWhichMoreCameThanWasAsked", func(t *testing.T) {
		w := newWired(t, always(hello+hello))
		w.whole()
		w.parted()
	})

	for name, answer := range map[string]string{"BeforeTheAnswer": "", "InTheAnswer": begun} {
		t.Run("EndsWithItsContext/"+name, func(t *testing.T) {
			w := newWired(t, always(answer))
			left := errors.New("the client left")
			ctx, cancel := context.WithCancelCause(t.Context())
			w.say = func(*http.Request) string {
				if answer == "" {
					cancel(left)
				}
				return answer
			}
			res, err := w.ask(ctx, "{}")
			if answer != "" {
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.ReadFull(res.Body, make([]byte, 5))
				cancel(left)
				_, err = res.Body.Read(make([]byte, 5))
			}
			if !errors.Is(err, left) {
				t.Errorf("it failed with %v", err)
			}
			w.parted()
		})
	}

	t.Run("PassesOverInterimAnswers", func(t *testing.T) {
		w := newWired(t, always("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"+hello))
		if got := w.whole(); got != "hello" {
			t.Errorf("it answered %q", got)
		}
	})

	t.Run("PassesOverManyOfThem", func(t *testing.T) {
		w := newWired(t, always(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100)+hello))
		if got := w.whole(); got != "hello" {
			t.Errorf("it answered %q", got)
		}
	})

	t.Run("DoesNotWaitForAnAnswerBehindThemWithoutEnd", func(t *testing.T) {
		const hint = "HTTP/1.1 103 Early Hints\r\n\r\n"
		w := newWired(t, always(strings.Repeat(hint, maxHeaders/len(hint)+1)))
		if _, err := w.ask(t.Context(), "{}"); err == nil || !strings.Contains(err.Error(), "response headers exceeded") {
			t.Errorf("it failed with %v", err)
		}
	})

	t.Run("BoundsTheHeadersOfAnAnswer", func(t *testing.T) {
		for _, headers := range []string{"X-Long: " + strings.Repeat("x", maxHeaders), strings.Repeat("x: y\r\n", maxHeaders/6), strings.Repeat("x: yz\r\n", maxHeaders/7)} {
			w := newWired(t, always("HTTP/1.1 200 OK\r\n"+headers+"\r\n\r\n"))
			_, err := w.ask(t.Context(), "{}")
			if err == nil || !strings.Contains(err.Error(), "response headers exceeded") {
				t.Errorf("it failed with %v", err)
			}
		}
	})

	t.Run("TellsAnAnswerThatEndsEarly", func(t *testing.T) {
		w := newWired(t, func(*http.Request) string { return begun })
		res, err := w.ask(t.Context(), "{}")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadFull(res.Body, make([]byte, 5))
		w.hangUp()
		if _, err := res.Body.Read(make([]byte, 5)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("it failed with %v", err)
		}
	})

	t.Run("LeavesAllConnectionsOfAnEngineThatWasStartedAnew", func(t *testing.T) {
		w := newWired(t, always(begun))
		var open []*http.Response
		for range 3 {
			open = append(open, must(w.ask(t.Context(), "{}")))
		}
		w.finish()
		for _, res := range open {
			_, _ = io.Copy(io.Discard, res.Body)
		}
		w.hangUp()
		if _, err := w.ask(t.Context(), "{}"); err == nil {
			t.Fatal("it was answered over a connection that is closed")
		}
		w.say = always(hello)
		w.whole()
		if n := w.dials(); n != 4 {
			t.Errorf("%d connections, of which 3 were closed", n)
		}
	})

	t.Run("KeepsNoConnectionOverCloseIdleConnections", func(t *testing.T) {
		w := newWired(t, always(begun))
		res := must(w.ask(t.Context(), "{}"))
		w.lean.CloseIdleConnections()
		w.finish()
		_, _ = io.Copy(io.Discard, res.Body)
		w.parted()
	})

	t.Run("ClosesAConnectionThatNobodyUsesForLong", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWired(t, always(hello))
			w.whole()
			time.Sleep(idleFor - time.Second)
			w.whole() // used again, so it stays for as long once more
			time.Sleep(idleFor - time.Second)
			w.whole()
			if n := w.dials(); n != 1 {
				t.Errorf("%d connections while it was in use", n)
			}
			time.Sleep(2 * idleFor)
			w.ended.Wait()
		})
	})

	t.Run("LeavesLongBodiesAndOtherMethodsToHTTP", func(t *testing.T) {
		long := strings.Repeat("x", leanBody+1)
		for want, r := range map[bool]*http.Request{
			true:  must(http.NewRequest(http.MethodPost, "http://engine/", strings.NewReader(long[1:]))),
			false: must(http.NewRequest(http.MethodPost, "http://engine/", strings.NewReader(long))),
		} {
			if isLean(r) != want {
				t.Errorf("a body of %d bytes: %v", r.ContentLength, !want)
			}
		}
		for name, r := range map[string]*http.Request{
			"no body": must(http.NewRequest(http.MethodGet, "http://engine/", nil)),
			"TLS":     must(http.NewRequest(http.MethodPost, "https://engine/", strings.NewReader("{}"))),
			"unknown": must(http.NewRequest(http.MethodPost, "http://engine/", io.MultiReader(strings.NewReader("{}")))),
		} {
			if isLean(r) {
				t.Errorf("it takes what has %s", name)
			}
		}
	})

	t.Run("HasNoGoroutineForAnOpenAnswer", func(t *testing.T) {
		const many = 200
		w := newWired(t, always(begun))
		before := runtime.NumGoroutine()
		for range many {
			res := must(w.ask(t.Context(), "{}"))
			t.Cleanup(func() { _ = res.Body.Close() })
		}
		if more := runtime.NumGoroutine() - before - many; more > many/10 { // the engine has one each
			t.Errorf("%d goroutines for %d answers", more, many)
		}
	})
}

// TestTheLastPieceDoesNotWait has the transport's lock taken, as when many answers end
// together: the end of this one goes on all the same.
func TestTheLastPieceDoesNotWait(t *testing.T) {
	w := newWired(t, func(*http.Request) string { return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast" })
	l := w.lean
	res, err := w.ask(t.Context(), "{}")
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	came := make(chan string, 1)
	go func() {
		piece, err := res.Body.(*wireBody).Next()
		came <- fmt.Sprint(string(piece), " ", err)
	}()
	select {
	case got := <-came:
		if got != "last EOF" {
			t.Errorf("got %q", got)
		}
	case <-time.After(time.Minute):
		t.Error("it waits for the connection to be put away")
	}
	l.mu.Unlock()
	_ = res.Body.Close()
	if n := l.count(); n != 1 {
		t.Errorf("%d connections are kept, want 1", n)
	}
}

// TestBytesBehindTheEndAreNobodysAnswer has an engine say more than it announced, with
// the head: a read that ends where the body does must not leave the rest for the next.
func TestBytesBehindTheEndAreNobodysAnswer(t *testing.T) {
	const size = 512
	w := newWired(t, always(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s", size, strings.Repeat("x", size), hello)))
	for name, read := range map[string]func(io.Reader) error{
		"InOneRead": func(r io.Reader) error { _, err := io.ReadFull(r, make([]byte, size)); return err },
		"ToItsEnd":  func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err },
		"BySmall":   func(r io.Reader) error { _, err := io.ReadAll(iotest.OneByteReader(r)); return err },
		"InPieces": func(r io.Reader) error {
			_, err := r.(*wireBody).Next()
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := w.ask(t.Context(), "{}")
			if err != nil {
				t.Fatal(err)
			}
			if err := read(res.Body); err != nil {
				t.Error(err)
			}
			_ = res.Body.Close()
			if n := w.lean.count(); n != 0 {
				t.Errorf("%d connections are kept", n)
			}
		})
	}
}
