package trust

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"carpool/backends/backendstest"
)

// asNetwork turns a Carpool's address into one that programs of this computer do not
// use by themselves, and so stands for another one in its network.
func asNetwork(t testing.TB, c *carpool) string {
	t.Helper()
	_, port, err := net.SplitHostPort(c.addr)
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.2", port)
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.2", "0"))
	if err != nil {
		t.Skip("this system has no loopback address but 127.0.0.1: ", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

// send sends one request on a connection of its own, with headers as name and value
// in turn; status 0 = there was no answer.
func send(method, url, body string, headers ...string) (status int, answer string, err error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Close = true
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func Test03_LAN(t *testing.T) {
	engine := backendstest.New(t)
	c := begin(t, engine)
	address := asNetwork(t, c)
	network := "http://" + address
	const generate = `{"model":"tiny","prompt":"nonce:lan","stream":false}`
	calls := 0
	expect := func(t *testing.T, want int, method, path, body string, headers ...string) string {
		t.Helper()
		calls++
		status, text, err := send(method, network+path, body, headers...)
		if err != nil || status != want {
			t.Errorf("%s %s: %d %s, %v; want %d", method, path, status, text, err, want)
		}
		return text
	}
	closed := func(t *testing.T) {
		t.Helper()
		if _, _, err := send("GET", network+"/health", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a connection from the network: %v", err)
		}
	}
	isOpen := func(open bool) func() error {
		return func() error {
			var h struct {
				LAN struct{ Listening bool } `json:"lan"`
			}
			if err := c.health(&h); err != nil || h.LAN.Listening != open {
				return fmt.Errorf("%+v, %w", h, err)
			}
			return nil
		}
	}

	t.Run("IsClosedAtFirst", func(t *testing.T) {
		closed(t)
		if _, err := os.Stat(filepath.Join(c.stateDir(), "lan-token")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("there is a token already: %v", err)
		}
		if got := c.do("lan"); !strings.Contains(got, "Closed") {
			t.Errorf("carpool lan: %s", got)
		}
	})
	var token string
	t.Run("IsOpenedWithoutARestart", func(t *testing.T) {
		pid := c.pid()
		if got := c.do("lan", "on", address); !strings.Contains(got, network) {
			t.Errorf("carpool lan on: %s", got)
		}
		token = strings.TrimSpace(c.do("lan", "token"))
		if expect(t, 200, "GET", "/health", "", "Authorization", "Bearer "+token); pid != c.pid() {
			t.Error("it was started again")
		}
		if got := c.do("status"); !strings.Contains(got, "open at "+address) || !strings.Contains(got, "open to the network at "+address) {
			t.Errorf("carpool status: %s", got)
		}
	})
	t.Run("KeepsItsTokenToItself", func(t *testing.T) {
		info, err := os.Stat(filepath.Join(c.stateDir(), "lan-token"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the token's file: %v, %v", info, err)
		}
		if len(token) < 40 {
			t.Errorf("a token of %d characters", len(token))
		}
		for _, command := range [][]string{{"status"}, {"status", "--json"}, {"lan"}, {"config"}} {
			if strings.Contains(c.do(command...), token) {
				t.Errorf("carpool %s tells the token", strings.Join(command, " "))
			}
		}
	})
	t.Run("LetsNobodyInWithoutTheToken", func(t *testing.T) {
		before := engine.Hits()
		for _, path := range []string{"/api/generate", "/api/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings", "/health", "/metrics"} {
			expect(t, 401, "POST", path, generate)
			expect(t, 401, "POST", path, generate, "X-Api-Key", token[:len(token)-1])
		}
		if n := engine.Hits() - before; n > 0 {
			t.Errorf("the engine was asked %d times", n)
		}
	})
	t.Run("ServesThoseWithTheToken", func(t *testing.T) {
		for _, key := range [][]string{{"Authorization", "Bearer " + token}, {"X-Api-Key", token}} {
			if got := expect(t, 200, "POST", "/api/generate", generate, key...); !strings.Contains(got, "lan") {
				t.Errorf("the answer is %s", got)
			}
			last, _ := engine.Last("/api/generate")
			for name, values := range last.Header {
				if strings.Contains(strings.Join(values, " "), token) {
					t.Errorf("the engine got the token in %s", name)
				}
			}
		}
	})
	t.Run("ManagesNothing", func(t *testing.T) {
		routes := []string{"POST /api/pull", "POST /api/push", "POST /api/create", "POST /api/copy", "DELETE /api/delete", "POST /api/blobs/sha256:0a", "HEAD /api/blobs/sha256:0a"}
		for _, route := range routes {
			method, path, _ := strings.Cut(route, " ")
			expect(t, 403, method, path, `{"model":"tiny"}`, "Authorization", "Bearer "+token)
			if n := engine.Hits(path); n > 0 {
				t.Errorf("%s reached the engine", route)
			}
		}
		for _, route := range routes[:3] {
			method, path, _ := strings.Cut(route, " ")
			_, _, err := send(method, c.url+path, `{"model":"tiny"}`)
			if n := engine.Hits(path); err != nil || n != 1 {
				t.Errorf("%s of a program of this computer: %d times at the engine, %v", route, n, err)
			}
		}
	})
	t.Run("NeedsNoTokenOnThisComputer", func(t *testing.T) {
		if status, text, err := send("POST", c.url+"/api/generate", generate); status != 200 || err != nil {
			t.Errorf("%d %s, %v", status, text, err)
		}
	})
	t.Run("TakesAnotherToken", func(t *testing.T) {
		old := token
		if token = strings.TrimSpace(c.do("lan", "rotate")); token == old || token != strings.TrimSpace(c.do("lan", "token")) {
			t.Errorf("rotated from %q to %q", old, token)
		}
		expect(t, 401, "GET", "/health", "", "X-Api-Key", old)
		expect(t, 200, "GET", "/health", "", "X-Api-Key", token)
	})
	t.Run("IsClosedAgain", func(t *testing.T) {
		if got := c.do("lan", "off"); !strings.Contains(got, "Closed") {
			t.Errorf("carpool lan off: %s", got)
		}
		c.await("it is closed", isOpen(false))
		closed(t)
		if got := c.do("status"); strings.Contains(got, "network") {
			t.Errorf("carpool status: %s", got)
		}
	})
	t.Run("SaysWhoHasTheAddressAndTakesItLater", func(t *testing.T) {
		squatter, err := net.Listen("tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.command("lan", "on", address).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "taken by another program") {
			t.Errorf("carpool lan on: %v, %s", err, out)
		}
		if got := c.do("status"); !strings.Contains(got, "! the network cannot reach Carpool") {
			t.Errorf("carpool status: %s", got)
		}
		if status, text, err := send("POST", c.url+"/api/generate", generate); status != 200 || err != nil {
			t.Errorf("a program of this computer: %d %s, %v", status, text, err)
		}
		if err := squatter.Close(); err != nil {
			t.Error(err)
		}
		c.await("it is open", isOpen(true))
		expect(t, 200, "GET", "/health", "", "X-Api-Key", token)
	})
	t.Run("IsOpenAfterARestart", func(t *testing.T) {
		c.stop()
		c.start()
		c.await("it is open", isOpen(true))
		expect(t, 200, "GET", "/health", "", "X-Api-Key", token)
	})
	c.stop()
	apps := map[string]int{}
	for _, r := range c.rows() {
		apps[r.App]++
	}
	if apps["127.0.0.1"]+apps["127.0.0.2"] != 2 {
		t.Errorf("requests by app: %v; 2 are the network's, known by their address", apps)
	}
	figure(t, 3, fmt.Sprintf("%d calls by the network's address, without the token, with a wrong one, an old one and the right one", calls),
		"401 without it; 403 for each management route with it, none of them at the engine; closed at once by `carpool lan off`")
}
