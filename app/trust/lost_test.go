package trust

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// generous is what a machine under load may add to a limit.
const generous = 20 * time.Second

// Test09_NotReached is about an engine that is not there, one that does not take
// connections, and one that resets them.
func Test09_NotReached(t *testing.T) {
	try := func(t *testing.T, c *carpool) (reply, time.Duration) {
		t.Helper()
		began := time.Now()
		r := <-c.ask("/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":"nonce:a"}]}`)
		return r, time.Since(began)
	}
	expect := func(t *testing.T, r reply, took time.Duration, status int, code string, budget time.Duration) {
		t.Helper()
		if r.status != status || !strings.Contains(r.body, `"code":"`+code+`"`) {
			t.Errorf("%d %s, want %d %s", r.status, r.body, status, code)
		}
		if took > budget+generous {
			t.Errorf("after %v", took)
		}
	}
	t.Run("Refused", func(t *testing.T) {
		t.Parallel()
		engine := backendstest.New(t)
		c := begin(t, engine)
		engine.Stop()
		r, took := try(t, c)
		expect(t, r, took, http.StatusServiceUnavailable, "backend_unavailable", 2*time.Second)
		for _, path := range []string{"/api/tags", "/v1/models", "/api/version"} {
			resp, err := http.Get(c.url + path)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK && (path == "/api/version" || resp.StatusCode != http.StatusServiceUnavailable) {
				t.Errorf("%s: %d %s", path, resp.StatusCode, body)
			}
		}
		http.DefaultClient.CloseIdleConnections()
		engine.Start()
		c.await("it is used again", func() error {
			if r, _ := try(t, c); r.status != http.StatusOK {
				return fmt.Errorf("%+v", r)
			}
			return nil
		})
		figure(t, 9, "the engine refuses connections", fmt.Sprintf("503 after %.2f s", took.Seconds()))
	})
	t.Run("Blackhole", func(t *testing.T) {
		t.Parallel()
		engine := backendstest.New(t)
		c := begin(t, engine)
		engine.Stop()
		fillBacklog(t, strings.TrimPrefix(engine.URL, "http://"))
		r, took := try(t, c)
		// It may have been seen to be down meanwhile.
		if r.status == http.StatusServiceUnavailable {
			expect(t, r, took, http.StatusServiceUnavailable, "backend_unavailable", 2*time.Second)
		} else {
			expect(t, r, took, http.StatusGatewayTimeout, "backend_timeout", 2*time.Second)
		}
		figure(t, 9, "the engine's packets are dropped", fmt.Sprintf("%d after %.2f s", r.status, took.Seconds()))
	})
	t.Run("ResetBeforeAByte", func(t *testing.T) {
		t.Parallel()
		engine := backendstest.New(t)
		c := begin(t, engine)
		engine.Always(backendstest.Script{End: backendstest.Reset, Delay: time.Second})
		r, took := try(t, c)
		expect(t, r, took, http.StatusBadGateway, "backend_disconnected", time.Second)
		worked := engine.Hits("/v1/chat/completions")
		if worked != 1 {
			t.Errorf("the engine was asked %d times: it may have worked", worked)
		}
		// An idle connection that is reset at once had been closed: that is asked again, once.
		engine.Always(backendstest.Script{End: backendstest.Reset})
		r, took = try(t, c)
		expect(t, r, took, http.StatusBadGateway, "backend_disconnected", 0)
		atOnce := engine.Hits("/v1/chat/completions") - worked
		if atOnce > 2 {
			t.Errorf("the engine was asked %d times", atOnce)
		}
		figure(t, 9, "the engine resets the connection before a byte of its answer: after a second, at once", fmt.Sprintf("502 both times, the engine asked %d and %d times", worked, atOnce))
	})
}

// fillBacklog listens at an address and takes no connection: when the line is full the
// kernel drops whoever comes.
func fillBacklog(t *testing.T, address string) {
	t.Helper()
	at, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	place := &syscall.SockaddrInet4{Port: at.Port, Addr: [4]byte{127, 0, 0, 1}}
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, place)
	}
	if err == nil {
		err = syscall.Listen(fd, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	const most, patience = 64, 500 * time.Millisecond
	for range most {
		conn, err := net.DialTimeout("tcp4", address, patience)
		if err != nil {
			return // full
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Skip("this machine's kernel takes connections that nobody accepts without end")
}

// streams are a streamed call in each dialect, with what its error looks like after
// the first token and the mark of a good end.
var streams = []struct{ path, body, error, mark string }{
	{"/api/generate", `{"model":"tiny","prompt":"nonce:a"}`, `{"error":"`, `"done":true`},
	{"/api/chat", `{"model":"tiny","messages":[{"role":"user","content":"nonce:a"}]}`, `{"error":"`, `"done":true`},
	{"/v1/chat/completions", `{"model":"tiny","stream":true,"messages":[{"role":"user","content":"nonce:a"}]}`, `data: {"error":{`, "[DONE]"},
	{"/v1/completions", `{"model":"tiny","stream":true,"prompt":"nonce:a"}`, `data: {"error":{`, "[DONE]"},
	{"/v1/responses", `{"model":"tiny","stream":true,"input":"nonce:a"}`, `data: {"error":{`, "response.completed"},
	{"/v1/messages", `{"model":"tiny","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"nonce:a"}]}`, "event: error\n", "message_stop"},
}

// Test10_EngineKilled kills the engine under a stream of every dialect, before its first
// token and after some.
func Test10_EngineKilled(t *testing.T) {
	type end struct {
		status int
		text   string
		err    error
	}
	engine := backendstest.New(t)
	c := begin(t, engine, "batching.enabled=false", "batching.off_mode=passthrough")
	killed := 0
	for _, k := range []int{0, 1, 7} {
		engine.Always(backendstest.Script{Tokens: 20, End: backendstest.Stall, At: k})
		c.await("the engine is up", func() error {
			if text := c.do("status", "--json"); !strings.Contains(text, `"health": "up"`) && !strings.Contains(text, `"health":"up"`) {
				return fmt.Errorf("%.200s", text)
			}
			return nil
		})
		transport := &http.Transport{}
		ends := make([]chan end, len(streams))
		begun := make(chan int, len(streams))
		for i, s := range streams {
			ends[i] = make(chan end, 1)
			go func() {
				resp, err := (&http.Client{Transport: transport}).Post(c.url+s.path, "application/json", strings.NewReader(s.body))
				if err != nil {
					begun <- i
					ends[i] <- end{err: err}
					return
				}
				defer func() { _ = resp.Body.Close() }()
				var text bytes.Buffer
				told := false
				chunk := make([]byte, 4<<10)
				for {
					n, err := resp.Body.Read(chunk)
					text.Write(chunk[:n])
					if !told && (strings.Count(text.String(), "a ") >= k || err != nil) {
						told = true
						begun <- i
					}
					if err != nil {
						ends[i] <- end{resp.StatusCode, text.String(), err}
						return
					}
				}
			}()
		}
		if k == 0 {
			c.await("all are in the engine", func() error {
				if n := engine.Running(); n != len(streams) {
					return fmt.Errorf("%d", n)
				}
				return nil
			})
		} else {
			for range streams {
				<-begun
			}
		}
		engine.Stop()
		for i, s := range streams {
			e := <-ends[i]
			killed++
			name := fmt.Sprintf("%s after %d tokens", s.path, k)
			if strings.Contains(e.text, s.mark) {
				t.Errorf("%s: a good end: %q", name, e.text)
			}
			native := strings.HasPrefix(s.path, "/api/")
			switch {
			// At once it may have been an idle connection that was closed: that is asked again, and refused.
			case k == 0 && (e.status != http.StatusBadGateway && e.status != http.StatusServiceUnavailable || !strings.Contains(e.text, `"error"`) || !errors.Is(e.err, io.EOF)):
				t.Errorf("%s: %d %q %v", name, e.status, e.text, e.err)
			case k > 0 && (e.status != http.StatusOK || !strings.Contains(e.text, s.error)):
				t.Errorf("%s: %d %q", name, e.status, e.text)
			case k > 0 && native != errors.Is(e.err, io.EOF):
				t.Errorf("%s: it ends with %v", name, e.err)
			}
		}
		transport.CloseIdleConnections()
		engine.Start()
	}
	c.stop()
	rows := c.rows()
	for _, r := range rows {
		if r.Outcome != "error" || r.ErrorKind != "backend_disconnected" && r.Status != http.StatusServiceUnavailable || r.Status == http.StatusOK && (r.OutputTokens == nil || *r.OutputTokens == 0 || !r.TokensEstimated) {
			t.Errorf("row %+v", r)
		}
	}
	if len(rows) != killed {
		t.Errorf("%d rows of %d", len(rows), killed)
	}
	figure(t, 10, "the engine killed under a stream of each API, after 0, 1 and 7 tokens", fmt.Sprintf("%d of %d told as an error, none ended well, and each has its row", killed, killed))
}

// Test13_AskedToWait has an engine ask for three seconds of peace while others wait.
func Test13_AskedToWait(t *testing.T) {
	engine := backendstest.New(t)
	c := begin(t, engine, "batching.mode=fixed", "batching.max_batch_size=4")
	engine.Script(backendstest.Script{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"3"}}, Error: "busy"})
	engine.Always(backendstest.Script{Tokens: 2})
	began := time.Now()
	if r := <-c.ask("/api/generate", generate("tiny", "a")); r.status != http.StatusServiceUnavailable {
		t.Fatalf("%+v", r)
	}
	engine.Hold()
	var all []<-chan reply
	for range 6 {
		all = append(all, c.ask("/api/generate", generate("tiny", "b")))
	}
	c.await("it is said why they wait", func() error {
		if text := c.do("status"); !strings.Contains(text, "asked to wait 3s") && time.Since(began) < 3*time.Second {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
	scout := engine.Next()
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("asked again after %v", took)
	}
	if n := engine.Running(); n != 1 {
		t.Errorf("%d went to see", n)
	}
	scout.Release()
	engine.Release()
	for _, a := range all {
		if r := <-a; r.status != http.StatusOK {
			t.Errorf("%+v", r)
		}
	}
	figure(t, 13, "an engine that answers 503 with Retry-After 3 while six wait", fmt.Sprintf("asked again after %.1f s, by one request; the others followed", time.Since(began).Seconds()))
}
