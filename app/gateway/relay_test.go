package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"carpool/backends"
	"carpool/batching"
)

// lentBody offers its pieces in one buffer, which is overwritten when it is taken back.
type lentBody struct {
	io.Reader // for nobody
	all       []string
	last      error // with or behind the last piece
	with      bool
	buffer    []byte
	closed    bool
}

func (b *lentBody) Next() ([]byte, error) {
	b.wipe()
	if len(b.all) == 0 {
		return nil, b.last
	}
	b.buffer = append(b.buffer[:0], b.all[0]...)
	if b.all = b.all[1:]; len(b.all) == 0 && b.with {
		return b.buffer, b.last
	}
	return b.buffer, nil
}

func (b *lentBody) wipe() {
	for i := range b.buffer {
		b.buffer[i] = '!'
	}
}

func (b *lentBody) Close() error {
	b.wipe()
	b.closed = true
	return nil
}

// target is an engine that answers with b.
func (b *lentBody) target(t *testing.T, contentType string) *backends.Target {
	target := targetOf(t, "http://engine")
	target.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Request: r, Header: http.Header{"Content-Type": {contentType}},
			Body: b, ContentLength: -1}, nil
	})
	return target
}

func TestRelayWritesEachPieceBeforeItIsTakenBack(t *testing.T) {
	const openDocument = `{"model":"m","message":{"content":"a"},"done":true}`
	const first, rest = `{"message":{"con`, `tent":"a"},"done":false}` + "\n"
	for _, tt := range []struct {
		name, form string
		pieces     []string
	}{
		{"AStreamInOne", typeNDJSON, []string{strings.Join(chatStream, "")}},
		{"EachEvent", typeNDJSON, chatStream},
		{"TheFirstEventInTwo", typeNDJSON, []string{first, rest + chatStream[2]}},
		{"TheFirstEventInMany", typeNDJSON, []string{first, rest[:3], rest[3:6], rest[6:], chatStream[2]}},
		{"ADocument", typeJSON, []string{openDocument}},
		{"ADocumentInTwo", typeJSON, []string{openDocument[:9], openDocument[9:]}},
	} {
		for _, with := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/EndWithTheLast=%v", tt.name, with), func(t *testing.T) {
				body := &lentBody{all: slices.Clone(tt.pieces), last: io.EOF, with: with}
				w := httptest.NewRecorder()
				rec, _ := virtually(t, &engines{target: body.target(t, tt.form)}, w, "/api/chat", openBody)
				if got, want := w.Body.String(), strings.Join(tt.pieces, ""); got != want || len(rec) != 1 || rec[0].Outcome != OK {
					t.Errorf("the client got %q, want %q; recorded %+v", got, want, rec)
				}
				if !body.closed {
					t.Error("the engine's answer is still open")
				}
			})
		}
	}
}

// TestRelayEndsAtTheEndMark has a connection fail behind a whole stream, together with it
// or later.
func TestRelayEndsAtTheEndMark(t *testing.T) {
	for _, with := range []bool{false, true} {
		t.Run(fmt.Sprintf("WithTheLast=%v", with), func(t *testing.T) {
			all := strings.Join(chatStream, "")
			body := &lentBody{all: []string{all}, last: io.ErrUnexpectedEOF, with: with}
			w := httptest.NewRecorder()
			rec, _ := virtually(t, &engines{target: body.target(t, typeNDJSON)}, w, "/api/chat", openBody)
			if w.Body.String() != all || len(rec) != 1 || rec[0].Outcome != OK {
				t.Errorf("the client got %q; recorded %+v", w.Body, rec)
			}
		})
	}
}

// TestRelayBreaksOff has an answer break off behind its first piece: the client must not
// take it for whole.
func TestRelayBreaksOff(t *testing.T) {
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		says("text/event-stream", `data: {"choices":[{"delta":{"content":"a"}}]}`+"\n\n")(w, q)
		panic(http.ErrAbortHandler)
	}), Limits{}, batching.Settings{})
	res := r.post("/v1/chat/completions", `{"model":"m","stream":true,"messages":[]}`)
	defer func() { _ = res.Body.Close() }()
	if all, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("the client took %q for whole", all)
	}
	if rec := r.recorded(); rec.ErrorKind != string(backendDisconnected) {
		t.Errorf("recorded %+v", rec)
	}
}

// TestRelaySendsEachPiece has an engine wait until its client has what it said.
func TestRelaySendsEachPiece(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, engine := openEngine(t, true)
		g := New(Options{Scheduler: batching.New(batching.Settings{}, batching.Options{}), Engines: e, Listen: "127.0.0.1:11435"}, Limits{})
		w := &pushed{ResponseRecorder: httptest.NewRecorder()}
		go g.ServeHTTP(w, ownChat())
		for i := range int32(3) {
			_, _ = io.WriteString(engine, openToken)
			synctest.Wait()
			if n := w.all.Load(); n != i+1 {
				t.Errorf("%d pieces were sent, of %d", n, i+1)
			}
		}
		_, _ = io.WriteString(engine, openEnd)
		_ = engine.Close()
	})
}

// TestRelayTellsTheEngineThatItsClientLeft has the request's context end, which is how a
// transport hears of it.
func TestRelayTellsTheEngineThatItsClientLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := targetOf(t, "http://engine")
		heard := make(chan error, 1)
		target.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			select {
			case <-r.Context().Done():
				heard <- context.Cause(r.Context())
			case <-time.After(time.Hour):
				heard <- nil
			}
			return nil, io.ErrUnexpectedEOF
		})
		g := New(Options{Scheduler: batching.New(batching.Settings{}, batching.Options{}), Engines: &engines{target: target}, Listen: "127.0.0.1:11435"}, Limits{})
		ctx, leave := context.WithCancelCause(t.Context())
		left := errors.New("left")
		time.AfterFunc(time.Minute, func() { leave(left) })
		func() {
			defer func() { _ = recover() }() // its connection is broken off
			g.ServeHTTP(httptest.NewRecorder(), ownChat().WithContext(ctx))
		}()
		if err := <-heard; !errors.Is(err, left) {
			t.Errorf("the engine heard of %v", err)
		}
	})
}

// TestRelayPassesTrailers has fields come behind an answer, announced and not.
func TestRelayPassesTrailers(t *testing.T) {
	for name, announced := range map[string][]string{"Announced": {"X-Sum"}, "NotAnnounced": nil, "OneOfTwo": {"X-Other"}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				w.Header()["Trailer"] = announced
				says(typeNDJSON, openToken+openEnd)(w, q)
				w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
			}), Limits{}, batching.Settings{})
			res := r.post("/api/chat", openBody)
			if got := text(t, res); got != openToken+openEnd || res.Trailer.Get("X-Sum") != "1" {
				t.Errorf("%q, behind it %v", got, res.Trailer)
			}
		})
	}
}

// odd is a header with all that is about one connection only, and some that is not.
func odd() http.Header {
	h := http.Header{"Connection": {"close, X-Own", "keep-alive"}, "X-Own": {"a"}, "X-Other": {"a", "b"}, "Te": {"trailers, gzip"}}
	for _, name := range []string{"Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Upgrade", "Forwarded",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "Origin", "Expect", "X-Carpool-App", "Cookie", "Trailer"} {
		h[name] = []string{"a"}
	}
	return h
}

// asReverseProxy is what httputil.ReverseProxy makes of a request and of its answer's
// header.
func asReverseProxy(t *testing.T, in *http.Request, target *backends.Target, answer http.Header) (asked *http.Request, told http.Header) {
	w := httptest.NewRecorder()
	(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { rewrite(p, *target) },
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			asked = r
			return &http.Response{StatusCode: http.StatusOK, Request: r, Header: answer.Clone(), Body: http.NoBody}, nil
		}),
	}).ServeHTTP(w, in)
	return asked, w.Header()
}

// TestRelayIsAReverseProxy compares what the engine gets, and of its header the client,
// with what httputil.ReverseProxy would pass on.
func TestRelayIsAReverseProxy(t *testing.T) {
	for name, header := range map[string]http.Header{"None": {}, "Odd": odd(), "Agent": {"User-Agent": {"a"}, "Accept-Encoding": {"br"}}} {
		for _, query := range []string{"", "a=b&a=c", "a=b;c=d", "a=%zz&b=c", "a=%2", "%3b", "a;b", "a%"} {
			t.Run(name+"/"+query, func(t *testing.T) {
				target := targetOf(t, "http://engine/under?x=y")
				in := httptest.NewRequest(http.MethodPost, "/api/chat", strings.NewReader(openBody))
				in.Host, in.Header, in.URL.RawQuery = "127.0.0.1:11435", header.Clone(), query
				want, _ := asReverseProxy(t, in.Clone(t.Context()), target, nil)
				want.Header.Set("Accept-Encoding", "identity")
				c := &call{in: in, ctx: t.Context(), target: *target, first: target.Name, body: []byte(openBody)}
				got := c.outgoing()
				if got.URL.String() != want.URL.String() || got.Host != want.Host || got.Method != want.Method || got.Close {
					t.Errorf("it asks %s of %q, want %s of %q", got.URL, got.Host, want.URL, want.Host)
				}
				if !maps.EqualFunc(got.Header, want.Header, slices.Equal) {
					t.Errorf("with %v, want %v", got.Header, want.Header)
				}
				if !maps.EqualFunc(in.Header, header, slices.Equal) {
					t.Errorf("the client's own header is %v by now", in.Header)
				}
			})
		}
	}

	t.Run("TheAnswersHeader", func(t *testing.T) {
		answer := odd()
		answer.Set("Content-Type", typeNDJSON)
		target := targetOf(t, "http://engine")
		_, want := asReverseProxy(t, httptest.NewRequest(http.MethodPost, "/", http.NoBody), target, answer)
		target.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Request: r, Header: answer.Clone(), ContentLength: -1,
				Body: io.NopCloser(strings.NewReader(openToken + openEnd))}, nil
		})
		w := httptest.NewRecorder()
		virtually(t, &engines{target: target}, w, "/api/chat", openBody)
		got := w.Header()
		for name := range got {
			if strings.HasPrefix(name, "X-Carpool-") || name == "X-Request-Id" {
				delete(got, name)
				delete(want, name)
			}
		}
		if !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("the client gets %v, want %v", got, want)
		}
	})
}

// holding is a client's connection that holds back, and notes what is written.
type holding struct {
	net.Conn
	mu     sync.Mutex
	held   []byte
	holds  bool
	writes []string
}

func (h *holding) Hold() { h.holds = true }

func (h *holding) Send() error {
	if !h.holds {
		return nil
	}
	h.holds = false
	_, err := h.Write(h.held)
	h.held = nil
	return err
}

func (h *holding) Write(p []byte) (int, error) {
	if h.holds {
		h.held = append(h.held, p...)
		return len(p), nil
	}
	h.mu.Lock()
	h.writes = append(h.writes, string(p))
	h.mu.Unlock()
	return h.Conn.Write(p)
}

type holdingListener struct {
	net.Listener
	conns chan *holding
}

func (l holdingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	h := &holding{Conn: c}
	l.conns <- h
	return h, nil
}

// TestRelayWritesAPieceAtOnce looks at what goes to a client's connection: net/http would
// write a large piece in three.
func TestRelayWritesAPieceAtOnce(t *testing.T) {
	event := `data: {"choices":[{"delta":{"content":"` + strings.Repeat("word ", 2000) + `"}}]}` + "\n\n"
	seen := make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		says("text/event-stream", event)(w, q)
		<-seen // what it said goes out before it says more
		says("text/event-stream", event, "data: [DONE]\n\n")(w, q)
	}), Limits{}, batching.Settings{})
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan *holding, 9)
	server := &http.Server{Handler: r.gateway, ConnContext: r.gateway.ConnContext}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(holdingListener{l, conns})
	}()
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		_ = server.Close()
		<-done
	})
	r.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{ // by the address that the gateway takes for its own
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
		}}}
	res := r.post("/v1/chat/completions", `{"model":"m","stream":true,"messages":[]}`)
	first := make([]byte, len(event))
	_, err = io.ReadFull(res.Body, first)
	close(seen)
	if got := text(t, res); err != nil || string(first) != event || !strings.HasPrefix(got, event) {
		t.Fatalf("the client got %d bytes, %v, then %d", len(first), err, len(got))
	}
	c := <-conns
	r.recorded()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range c.writes {
		if !strings.HasSuffix(w, "\r\n") || w == "\r\n" {
			t.Errorf("write %d of %d bytes has a part of a chunk", i, len(w))
		}
	}
}
