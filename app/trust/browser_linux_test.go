package trust

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// TestBrowser opens pages in a real browser. Names that end in .test lead to this
// machine there; to Carpool they are as foreign as any.
func TestBrowser(t *testing.T) {
	b := newBrowser(t)
	engine := backendstest.New(t)
	tap := tapWire(t, engine)
	c := prepare(t, "engine.url="+tap.url, "gateway.allowed_origins=http://friend.test:"+b.port)
	c.start()
	c.awaitEngine()
	settings, err := os.ReadFile(c.configFile())
	if err != nil {
		t.Fatal(err)
	}

	t.Run("TheHostilePageIsOne", func(t *testing.T) {
		// Against an engine that does not defend itself the same page gets through.
		naked := tapWire(t, engine)
		t.Log(b.visit(t, "http://evil.test:"+b.port+"/hostile.html", naked.url))
		got := hostileKinds(t, naked)
		for _, kind := range []string{"fetch", "fetchOpaque", "postText", "postOpaque", "loadModel", "pull", "upload", "beacon", "xhr", "image", "script", "style", "frame", "formText", "events", "socket", "nowhere"} {
			if !slices.Contains(got, kind) {
				t.Errorf("%s does not reach an engine without defence, so it proves nothing; what does: %q", kind, got)
			}
		}
	})
	refused := 0
	for name, page := range map[string]string{
		"AnotherSitesPage": "http://evil.test:" + b.port,
		"ANameLedToUs":     "http://rebind.test:" + b.rebind(t, c.addr),
	} {
		t.Run(name, func(t *testing.T) {
			target := c.url
			if strings.Contains(page, "rebind") {
				target = "" // its own origin is Carpool now
			}
			before := engine.Hits()
			outcomes := b.visit(t, page+"/hostile.html", target)
			for kind, outcome := range outcomes {
				if strings.HasPrefix(outcome, "READ") || outcome == "loaded" && kind != "prefetch" && kind != "object" {
					t.Errorf("%s: %s", kind, outcome)
				}
			}
			if got := hostileKinds(t, tap); len(got) > 0 || engine.Hits() != before {
				t.Errorf("reached the engine: %q", got)
			}
			refused += len(outcomes)
			t.Logf("%v", outcomes)
		})
	}
	for name, page := range map[string]string{
		"APageOfTheSettings":   "http://friend.test:" + b.port,
		"APageOfThisMachine":   "http://localhost:" + b.port,
		"ByAnotherLocalNumber": "http://127.0.0.1:" + b.port,
	} {
		t.Run(name, func(t *testing.T) {
			got := b.visit(t, page+"/friend.html", c.url)
			if got["status"] != "200" || !strings.HasPrefix(got["text"], "welcome") || got["done"] != "true" || got["models"] != "3" {
				t.Errorf("%v", got)
			}
		})
	}
	c.stop()
	if now, err := os.ReadFile(c.configFile()); err != nil || !bytes.Equal(now, settings) {
		t.Errorf("the settings have changed: %v", err)
	}
	const friends = 3
	if rows := c.rows(); len(rows) != friends {
		t.Errorf("%d requests in the history", len(rows))
	}
	for _, path := range []string{"/api/pull", "/api/delete", "/api/blobs/sha256:0"} {
		for _, h := range must(tap.requests())(t) {
			if h.url.Path == path {
				t.Errorf("%s reached the engine", path)
			}
		}
	}
	figure(t, 2, fmt.Sprintf("a real Chromium: %d kinds of requests by a foreign page and by one whose name leads to Carpool", refused), "nothing read, nothing reached the engine, nothing changed; allowed pages stream")
}

// hostileKinds are the kinds of a hostile page's requests that came by.
func hostileKinds(t *testing.T, tap *wiretap) (kinds []string) {
	t.Helper()
	for _, h := range tap.targets() {
		if kind := h.Query().Get("hostile"); kind != "" && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// browser is a program, and a server with pages for it.
type browser struct {
	program string
	port    string // of the pages

	mu      sync.Mutex
	reports map[string]chan map[string]string // by what the page was asked to report to
}

// newBrowser finds a Chromium without a window.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	b := &browser{reports: map[string]chan map[string]string{}}
	for _, name := range []string{"chromium-headless-shell", "chrome-headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			b.program = path
		}
	}
	if b.program == "" {
		t.Skip("chromium-headless-shell is not installed (.ci/deps trust)")
	}
	pages := http.NewServeMux()
	pages.Handle("GET /", http.FileServer(http.Dir("testdata")))
	pages.HandleFunc("POST /report/", func(_ http.ResponseWriter, r *http.Request) {
		var outcomes map[string]string
		if err := json.NewDecoder(r.Body).Decode(&outcomes); err != nil {
			outcomes = map[string]string{"report": err.Error()}
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if wanted := b.reports[r.URL.Path]; wanted != nil {
			wanted <- outcomes
			delete(b.reports, r.URL.Path)
		}
	})
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	_, b.port, _ = net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	return b
}

// visit opens a page and returns what it reports.
func (b *browser) visit(t *testing.T, page, target string) map[string]string {
	t.Helper()
	wanted, path := make(chan map[string]string, 1), "/report/"+t.Name()
	b.mu.Lock()
	b.reports[path] = wanted
	b.mu.Unlock()
	query := url.Values{"target": {target}, "report": {"http://evil.test:" + b.port + path}}
	home, err := os.MkdirTemp("", "browser") // not t.TempDir: a browser that is killed may still write there
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(b.program, "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--no-first-run",
		"--user-data-dir="+home, "--remote-debugging-port=0", // else it ends once the page has loaded
		"--host-resolver-rules=MAP rebind.test "+rebound+", MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
		page+"?"+query.Encode())
	if os.Geteuid() == 0 {
		cmd.Args = slices.Insert(cmd.Args, 1, "--no-sandbox") // it refuses to sandbox for root
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		killGroup(cmd)
		if err, ok := <-ended; ok && t.Failed() {
			t.Logf("the browser ended with %v and said:\n%s", err, said.Bytes())
		}
		_ = os.RemoveAll(home)
	}()
	const limit = 90 * time.Second
	select {
	case outcomes := <-wanted:
		return outcomes
	case err := <-ended:
		close(ended)
		t.Fatalf("the browser has ended: %v: %s", err, said.Bytes())
	case <-time.After(limit):
		t.Fatalf("no report from %s within %v", page, limit)
	}
	return nil
}

// rebound is where rebind.test leads. Carpool is not there, so that its port is
// free for the server that the page comes from.
const rebound = "127.0.0.2"

// rebind is a name that leads elsewhere once its page is there: to the browser it
// is one and the same server all along. It returns its port, which is Carpool's.
func (b *browser) rebind(t *testing.T, carpool string) (port string) {
	t.Helper()
	_, port, _ = net.SplitHostPort(carpool)
	l, err := net.Listen("tcp", net.JoinHostPort(rebound, port))
	if err != nil {
		t.Skipf("no second loopback address to come from: %v", err)
	}
	page := must(os.ReadFile("testdata/hostile.html"))(t)
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			ended.Go(func() { lead(conn, page, carpool) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		ended.Wait() // the browsers have ended, and so have their connections
	})
	return port
}

// lead gives out the page, and carries all other connections to Carpool, byte for
// byte.
func lead(conn net.Conn, page []byte, carpool string) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	if first, err := in.Peek(len("GET /hostile.html")); err == nil && string(first) == "GET /hostile.html" {
		if _, err := http.ReadRequest(in); err == nil {
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(page), page)
		}
		return
	}
	there, err := net.Dial("tcp", carpool)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(conn, there)
		_ = conn.Close()
	})
	_, _ = io.Copy(there, in)
	_ = there.Close()
	back.Wait()
}

// ownGroup puts a program and what it starts into a group of their own.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(cmd *exec.Cmd) {
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		panic(err)
	}
}
