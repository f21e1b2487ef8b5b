//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// inference are the routes that make the engine work.
var inference = map[string]bool{
	"/api/generate": true, "/api/chat": true, "/api/embed": true, "/api/embeddings": true,
	"/v1/chat/completions": true, "/v1/completions": true, "/v1/embeddings": true,
	"/v1/responses": true, "/v1/messages": true,
}

// meter stands between Carpool and the engine and counts the requests that the
// engine works on.
type meter struct {
	url    string
	server *http.Server

	mu    sync.Mutex
	now   int
	peak  int // the highest now since the last reset
	total int
	paths map[string]int // total by route
}

// startMeter starts one before the engine at a URL. If routes are named, the engine
// has no others.
func startMeter(engine string, routes ...string) (*meter, error) {
	target, err := url.Parse(engine)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &meter{url: "http://" + l.Addr().String(), paths: map[string]int{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     &http.Transport{DisableCompression: true},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // clients that leave are part of the tests
		ModifyResponse: func(r *http.Response) error {
			if leave, counted := r.Request.Context().Value(meterKey{}).(func()); counted {
				r.Body = &meteredBody{ReadCloser: r.Body, left: r.ContentLength, leave: leave}
			}
			return nil
		},
	}
	m.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(routes) > 0 && !slices.Contains(routes, r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/blobs/") {
			proxy.ServeHTTP(w, r)
			return
		}
		// The whole body first: net/http closes it at the first byte of the
		// answer, and the transport may still be reading.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.Method != http.MethodPost || !inference[r.URL.Path] || onlyLoads(r.URL.Path, body) {
			proxy.ServeHTTP(w, r)
			return
		}
		leave := m.enter(r.URL.Path)
		defer leave()
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), meterKey{}, leave)))
	}), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = m.server.Serve(l) }()
	return m, nil
}

type meterKey struct{}

// onlyLoads tells whether a request loads or unloads a model and asks nothing.
func onlyLoads(path string, body []byte) bool {
	var asked struct {
		Prompt   string `json:"prompt"`
		Messages []any  `json:"messages"`
	}
	if json.Unmarshal(body, &asked) != nil {
		return false
	}
	return path == "/api/generate" && asked.Prompt == "" || path == "/api/chat" && len(asked.Messages) == 0
}

// enter counts a request until the first call of leave.
func (m *meter) enter(path string) (leave func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total++
	m.paths[path]++
	m.now++
	m.peak = max(m.peak, m.now)
	return sync.OnceFunc(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.now--
	})
}

func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peak = m.now
}

func (m *meter) counts() (now, peak, total int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now, m.peak, m.total
}

func (m *meter) routes() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.paths)
}

func (m *meter) stop() error {
	if m == nil {
		return nil
	}
	return m.server.Close()
}

// meteredBody stops counting a request when the engine has said its last, before
// anyone downstream can know: else a prompt successor would be counted twice.
type meteredBody struct {
	io.ReadCloser
	left  int64 // -1: not told
	leave func()
}

var endMarks = [][]byte{[]byte(`"done":true`), []byte("data: [DONE]"), []byte(`"type":"message_stop"`), []byte(`"type":"response.completed"`)}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	ended := err != nil
	if b.left >= 0 {
		b.left -= int64(n)
		ended = ended || b.left == 0
	}
	for _, mark := range endMarks {
		ended = ended || bytes.Contains(p[:n], mark)
	}
	if ended {
		b.leave()
	}
	return n, err
}
