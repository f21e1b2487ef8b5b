package trust

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// bait is what a hostile engine offers: addresses and files that somebody who shows
// its words as Markdown, or follows it, would open.
type bait struct {
	hits    *atomic.Int64
	url     string // of a server that counts
	file    string
	watcher int // of the file's openings
}

func newBait(t testing.TB) *bait {
	t.Helper()
	b := &bait{hits: &atomic.Int64{}, file: filepath.Join(t.TempDir(), "bait.png")}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { b.hits.Add(1) }))
	t.Cleanup(server.Close)
	b.url = server.URL
	const mode = 0o600
	if err := os.WriteFile(b.file, []byte("bait"), mode); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.watcher, err = unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC); err == nil {
		_, err = unix.InotifyAddWatch(b.watcher, b.file, unix.IN_OPEN|unix.IN_ACCESS)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(b.watcher) })
	return b
}

// opened reports whether anybody has opened the file since the last look.
func (b *bait) opened() bool {
	n, _ := unix.Read(b.watcher, make([]byte, 4096))
	return n > 0
}

func (b *bait) words() string {
	return fmt.Sprintf("![a](%s/image) [b](%s/link) ![c](%s) ![d](file://%s) <img src='%s/html'> <script src='%s/script'></script>",
		b.url, b.url, b.file, b.file, b.url, b.url)
}

// engine is like Ollama, and puts the bait into all that it says.
func (b *bait) engine(t testing.TB) *httptest.Server {
	t.Helper()
	words := strings.ReplaceAll(b.words(), `"`, `\"`)
	says := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Link", "<"+b.url+"/header>; rel=preload")
			w.Header().Set("Refresh", "0; url="+b.url+"/refresh")
			_, _ = io.WriteString(w, body)
		}
	}
	const json, lines, events = "application/json", "application/x-ndjson", "text/event-stream"
	mux := http.NewServeMux()
	mux.HandleFunc("/api/version", says(json, `{"version":"0.17.4"}`))
	model := `{"name":"tiny:latest","model":"tiny:latest","digest":"` + words + `","details":{"family":"` + words + `"}}`
	mux.HandleFunc("/api/tags", says(json, `{"models":[`+model+`,{"name":"![m](`+b.url+`/model)"}]}`))
	mux.HandleFunc("/api/show", says(json, `{"license":"`+words+`","modelfile":"`+words+`"}`))
	mux.HandleFunc("/api/ps", says(json, `{"models":[`+model+`]}`))
	mux.HandleFunc("/api/generate", says(lines, `{"model":"tiny","response":"`+words+`","done":false}`+"\n"+`{"model":"tiny","response":"","done":true,"done_reason":"stop"}`+"\n"))
	mux.HandleFunc("/api/chat", says(lines, `{"model":"tiny","message":{"role":"assistant","content":"`+words+`"},"done":true,"done_reason":"stop"}`+"\n"))
	mux.HandleFunc("/v1/chat/completions", says(events, `data: {"choices":[{"index":0,"delta":{"content":"`+words+`"},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n"))
	mux.HandleFunc("/v1/messages", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", json)
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"type":"error","error":{"type":"api_error","message":"`+words+`"}}`)
	})
	mux.HandleFunc("/v1/embeddings", b.sendAway)
	mux.HandleFunc("/api/elsewhere", b.sendAway)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// sendAway answers with a redirect to the address.
func (b *bait) sendAway(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, b.url+"/redirect", http.StatusTemporaryRedirect)
}

// calls are what apps do, one of each kind.
var calls = []struct{ method, path, body string }{
	{"POST", "/api/generate", `{"model":"tiny","prompt":"hi"}`},
	{"POST", "/api/chat", `{"model":"tiny","messages":[{"role":"user","content":"![](http://203.0.113.7/prompt)"}]}`},
	{"POST", "/v1/chat/completions", `{"model":"tiny","stream":true,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://203.0.113.7/image.png"}}]}]}`},
	{"POST", "/v1/messages", `{"model":"tiny","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`},
	{"POST", "/v1/embeddings", `{"model":"tiny","input":"hi"}`},
	{"POST", "/api/chat", `{"model":"no.such.host.example/model","messages":[{"role":"user","content":"hi"}]}`},
	{"POST", "/api/show", `{"model":"tiny"}`},
	{"GET", "/api/tags", ""}, {"GET", "/api/ps", ""}, {"GET", "/v1/models", ""}, {"GET", "/", ""}, {"GET", "/health", ""}, {"GET", "/metrics", ""},
	{"GET", "/api/elsewhere", ""}, {"POST", "/api/pull", `{"model":"http://203.0.113.7/model"}`},
}

// Test29_Egress runs Carpool where every packet that leaves is seen.
func Test29_Egress(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	trap, bait := newTrap(t), newBait(t)
	checkTrap(t, trap, bait)

	away := httptest.NewServer(http.HandlerFunc(bait.sendAway)) // whatever a probe asks
	defer away.Close()
	c := prepare(t, "engines.discover=false", "engines.list=bait=ollama "+bait.engine(t).URL+", away=ollama "+away.URL, "log.level=debug")
	c.vars = append(c.vars, "HTTP_PROXY=http://203.0.113.8:3128", "http_proxy=http://203.0.113.8:3128", "ALL_PROXY=http://203.0.113.8:3128")
	c.start()
	c.await("the engine is up", func() error {
		var h struct {
			Engine *struct{ Name, Health string }
		}
		if err := c.health(&h); err != nil || h.Engine == nil || h.Engine.Name != "bait" || h.Engine.Health != "up" {
			return fmt.Errorf("%+v, %w", h.Engine, err)
		}
		return nil
	})
	rounds, asked := 3, 0
	if isFull() {
		rounds = 200
	}
	for range rounds {
		for _, q := range calls {
			status, body, err := send(q.method, c.url+q.path, q.body)
			if err != nil || status == 0 {
				t.Fatalf("%s %s: %v", q.method, q.path, err)
			}
			if q.path == "/api/generate" && !strings.Contains(body, bait.url+"/image") {
				t.Errorf("the bait is not in the answer: %s", body)
			}
			asked++
		}
	}
	commands := [][]string{{"status"}, {"gpu"}, {"history"}, {"history", "summary"}, {"connect"}, {"config"}, {"engine"}, {"engine", "check"}, {"lan"}, {"version"}}
	for _, command := range commands {
		_, _ = c.command(command...).CombinedOutput() // what they print is for other tests
	}
	t.Run("ListensOnLoopbackAlone", func(t *testing.T) { checkListeners(t, c) })
	c.stop()

	// One that looks for engines by itself, and finds none.
	alone := prepare(t)
	alone.start()
	alone.await("it has looked", func() error {
		var h struct{ Engine any }
		if err := alone.health(&h); err != nil || h.Engine == nil {
			return fmt.Errorf("%+v, %w", h, err)
		}
		return nil
	})
	if status, _, err := send("POST", alone.url+"/api/generate", `{"model":"carpool-demo","prompt":"hi"}`); status != http.StatusOK || err != nil {
		t.Errorf("the demo engine: %d, %v", status, err)
	}
	alone.stop()

	if left := trap.seen(); len(left) > 0 {
		t.Errorf("%d packets left, the first to %s", len(left), left[0])
	}
	if n := bait.hits.Load(); n > 0 || bait.opened() {
		t.Errorf("the bait was taken: %d requests, its file opened: %v", n, bait.opened())
	}
	figure(t, 29, fmt.Sprintf("%d calls and %d commands in a network of their own, before an engine whose every word is Markdown with addresses and files", asked, len(commands)),
		"no packet left, no name was asked for, the addresses and the file were not opened")
}

// checkTrap sees that both would notice.
func checkTrap(t *testing.T, trap *trap, bait *bait) {
	t.Helper()
	const moment = 200 * time.Millisecond
	for _, address := range []string{"203.0.113.1:80", "[2001:db8::1]:80"} {
		if conn, err := net.DialTimeout("tcp", address, moment); err == nil {
			_ = conn.Close()
			t.Fatalf("%s answers", address)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), moment)
	defer cancel()
	if _, err := net.DefaultResolver.LookupHost(ctx, "trap.example"); err == nil {
		t.Fatal("a name is known here")
	}
	for _, want := range []string{"tcp 203.0.113.1:80", "tcp [2001:db8::1]:80", "udp " + nameServer + ":53"} {
		if !slices.Contains(trap.seen(), want) {
			t.Fatalf("the trap did not see %s, but %v", want, trap.seen())
		}
	}
	if _, err := os.ReadFile(bait.file); err != nil || !bait.opened() || bait.opened() {
		t.Fatalf("a look at the file went unseen: %v", err)
	}
	if status, _, err := send("GET", bait.url, ""); status != http.StatusOK || bait.hits.Swap(0) != 1 {
		t.Fatalf("a request went uncounted: %d, %v", status, err)
	}
	trap.forget()
}

// checkListeners looks at Carpool's sockets, and knocks at the network's addresses.
func checkListeners(t *testing.T, c *carpool) {
	_, port, _ := net.SplitHostPort(c.addr)
	loopback := []string{"tcp 127.0.0.1:" + port, "tcp [::1]:" + port}
	slices.Sort(loopback)
	if got := sockets(t, c.pid()); !slices.Equal(got, loopback) {
		t.Errorf("it listens on %v, want %v", got, loopback)
	}
	closed := func(when string) {
		t.Helper()
		for _, host := range []string{outer4, outer6} {
			conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
			if err == nil {
				_ = conn.Close()
			}
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s, a connection to %s: %v", when, host, err)
			}
		}
	}
	closed("at first")
	outer := net.JoinHostPort(outer4, port)
	c.do("lan", "on", outer)
	if got, want := sockets(t, c.pid()), append([]string{"tcp " + outer}, loopback...); len(got) != len(want) || !slices.Contains(got, want[0]) {
		t.Errorf("opened to the network, it listens on %v", got)
	}
	token := strings.TrimSpace(c.do("lan", "token"))
	for want, headers := range map[int][]string{http.StatusUnauthorized: nil, http.StatusOK: {"Authorization", "Bearer " + token}} {
		if status, body, err := send("GET", "http://"+outer+"/health", "", headers...); status != want {
			t.Errorf("by the network with %d headers: %d %s, %v", len(headers)/2, status, body, err)
		}
	}
	c.do("lan", "off")
	closed("closed again")
	if got := sockets(t, c.pid()); !slices.Equal(got, loopback) {
		t.Errorf("closed again, it listens on %v", got)
	}
	figure(t, 29, "the sockets of the process, and connections to the network's addresses, IPv4 and IPv6",
		"it listens on 127.0.0.1 and [::1] alone; the others are refused but for an address that was opened, which asks for the token")
}
