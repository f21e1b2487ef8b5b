package trust

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// streamed is a stream in one dialect, and how a client sees that it ended well.
type streamed struct{ path, body, end string }

var streamedIn = []streamed{
	{"/api/chat", `{"model":"tiny","messages":[{"role":"user","content":"nonce:a"}]}`, `"done":true`},
	{"/v1/chat/completions", `{"model":"tiny","stream":true,"messages":[{"role":"user","content":"nonce:b"}]}`, "data: [DONE]"},
	{"/v1/messages", `{"model":"tiny","stream":true,"max_tokens":8,"messages":[{"role":"user","content":"nonce:c"}]}`, "message_stop"},
	{"/v1/responses", `{"model":"tiny","stream":true,"input":"nonce:d"}`, "response.completed"},
}

// answered is what a client has been told.
type answered struct {
	streamed
	status int
	header http.Header
	text   string
	err    error // of reading the answer, or of getting one
}

// askAll has clients ask one after the other in each dialect; each tells its end.
func (c *carpool) askAll(n int) <-chan answered {
	all := make(chan answered, n)
	for i := range n {
		go func() {
			d := streamedIn[i%len(streamedIn)]
			resp, err := http.Post(c.url+d.path, "application/json", strings.NewReader(d.body))
			if err != nil {
				all <- answered{streamed: d, err: err}
				return
			}
			text, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			all <- answered{d, resp.StatusCode, resp.Header, string(text), err}
		}()
	}
	return all
}

// awaitWork waits until so many requests run and so many wait.
func (c *carpool) awaitWork(running, waiting int) {
	c.t.Helper()
	c.await(fmt.Sprintf("%d running, %d waiting", running, waiting), func() error {
		var h struct {
			Batching struct {
				InFlight   int `json:"in_flight"`
				QueueDepth int `json:"queue_depth"`
			}
		}
		if err := c.health(&h); err != nil {
			return err
		}
		if h.Batching.InFlight != running || h.Batching.QueueDepth != waiting {
			return fmt.Errorf("%+v", h.Batching)
		}
		return nil
	})
}

// awaitDrain waits until it refuses new requests.
func (c *carpool) awaitDrain() {
	c.t.Helper()
	c.await("it shuts down", func() error {
		var h struct{ Status string }
		if err := c.health(&h); err != nil || h.Status != "shutting down" {
			return fmt.Errorf("%q %w", h.Status, err)
		}
		return nil
	})
}

// outcomes counts the rows of its history; it must have ended.
func (c *carpool) outcomes() map[string]int {
	c.t.Helper()
	counts := map[string]int{}
	for _, r := range c.rows() {
		counts[strings.TrimSuffix(r.Outcome+" "+r.ErrorKind, " ")]++
	}
	return counts
}

func Test19_Shutdown(t *testing.T) {
	t.Run("WhatRunsEndsAndWhatWaitsIsRefused", func(t *testing.T) {
		const running, waiting = 20, 50
		engine := backendstest.New(t)
		c := begin(t, engine, "batching.mode=fixed", fmt.Sprintf("batching.max_batch_size=%d", running), "queue.share_identical=false")
		engine.Hold()
		first := c.askAll(running)
		c.awaitWork(running, 0)
		rest := c.askAll(waiting)
		c.awaitWork(running, waiting)
		c.signal(syscall.SIGTERM)
		signalled := time.Now()
		for range waiting {
			r := <-rest
			if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") != "5" || !strings.Contains(r.text, "shutting") {
				t.Errorf("%s waited and got %d %v %q, %v", r.path, r.status, r.header, r.text, r.err)
			}
		}
		refused := time.Since(signalled)
		for _, r := range []answered{<-c.askAll(1)} {
			if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") != "5" || r.header.Get("X-Request-Id") == "" {
				t.Errorf("a new request got %d %v %q, %v", r.status, r.header, r.text, r.err)
			}
		}
		engine.Release()
		for range running {
			if r := <-first; r.status != http.StatusOK || r.err != nil || !strings.Contains(r.text, r.end) {
				t.Errorf("%s ran and got %d %q, %v", r.path, r.status, r.text, r.err)
			}
		}
		if err := c.wait(time.Minute); err != nil {
			t.Errorf("ended with %v", err)
		}
		took := time.Since(signalled)
		if got, want := fmt.Sprint(c.outcomes()), fmt.Sprint(map[string]int{"ok": running, "rejected shutting_down": waiting}); got != want {
			t.Errorf("rows %s, want %s", got, want)
		}
		figure(t, 19, "SIGTERM with 20 requests running and 50 waiting",
			fmt.Sprintf("20 answered whole, 50 × 503 in %d ms, exit 0 after %d ms, 70 rows as told", refused.Milliseconds(), took.Milliseconds()))
	})

	t.Run("AStreamThatRunsOverTheTimeIsTold", func(t *testing.T) {
		engine := backendstest.New(t)
		engine.Always(backendstest.Script{Tokens: 3, At: 3, End: backendstest.Stall})
		c := begin(t, engine, "batching.mode=fixed", "gateway.drain_timeout_s=1", "queue.share_identical=false")
		all := c.askAll(len(streamedIn))
		c.awaitWork(len(streamedIn), 0)
		c.await("tokens flow", func() error {
			if n := c.tokens(); n < 3*len(streamedIn) {
				return fmt.Errorf("%d tokens", n)
			}
			return nil
		})
		c.signal(syscall.SIGTERM)
		for range streamedIn {
			r := <-all
			broken := r.err != nil
			if r.status != http.StatusOK || !strings.Contains(r.text, "shutting") || strings.Contains(r.text, r.end) || broken == (r.path == "/api/chat") {
				t.Errorf("%s got %d %q, %v", r.path, r.status, r.text, r.err)
			}
		}
		if err := c.wait(time.Minute); err != nil {
			t.Errorf("ended with %v", err)
		}
		if got, want := fmt.Sprint(c.outcomes()), fmt.Sprint(map[string]int{"interrupted shutting_down": len(streamedIn)}); got != want {
			t.Errorf("rows %s, want %s", got, want)
		}
	})

	t.Run("ASecondSignalEndsItAtOnce", func(t *testing.T) {
		engine := backendstest.New(t)
		c := begin(t, engine, "gateway.drain_timeout_s=600")
		engine.Hold()
		all := c.askAll(1)
		c.awaitWork(1, 0)
		c.signal(syscall.SIGTERM)
		c.awaitDrain()
		c.signal(syscall.SIGTERM)
		second := time.Now()
		var exit *exec.ExitError
		if err := c.wait(20 * time.Second); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
			t.Errorf("ended with %v", err)
		}
		figure(t, 19, "a second SIGTERM while one request runs", fmt.Sprintf("ended after %d ms", time.Since(second).Milliseconds()))
		if r := <-all; r.err == nil {
			t.Errorf("its client was answered %d %q", r.status, r.text)
		}
		engine.Release()
		c.start()
		if r := <-c.askOnceUp(); r.status != http.StatusOK {
			t.Errorf("after it: %d %q, %v", r.status, r.text, r.err)
		}
		c.stop()
		if got := fmt.Sprint(c.outcomes()); got != "map[ok:1]" {
			t.Errorf("rows %s", got)
		}
	})

	t.Run("BeforeTheEnginesWereLookedFor", func(t *testing.T) {
		engine := backendstest.New(t)
		engine.Probe(backendstest.Script{Delay: time.Hour})
		c := prepare(t, "engine.url="+engine.URL)
		c.start()
		c.await("the command line may ask", func() error {
			return c.snapshot(&struct{}{})
		})
		c.stop()
	})

	t.Run("AtAnyMomentOfTheStart", func(t *testing.T) {
		times := 3
		if isFull() {
			times = 40
		}
		c := prepare(t, "engine.url="+backendstest.New(t).URL)
		for range times {
			c.start()
			time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond) // the moment
			c.signal(syscall.SIGTERM)
			var exit *exec.ExitError
			if err := c.wait(time.Minute); errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
				t.Fatalf("ended with %v: %s", err, c.notes)
			}
		}
		c.start()
		if r := <-c.askOnceUp(); r.status != http.StatusOK {
			t.Errorf("after them: %d %q, %v", r.status, r.text, r.err)
		}
		c.stop()
	})

	t.Run("ATerminalThatIsClosedIsNoKill", func(t *testing.T) {
		if signal.Ignored(syscall.SIGHUP) {
			t.Skip("these tests run under nohup, and so does what they start")
		}
		engine := backendstest.New(t)
		c := begin(t, engine)
		engine.Hold()
		all := c.askAll(1)
		c.awaitWork(1, 0)
		c.signal(syscall.SIGHUP)
		c.awaitDrain()
		c.signal(syscall.SIGHUP) // one is the shell's, one the system's
		if r := <-c.askAll(1); r.status != http.StatusServiceUnavailable {
			t.Errorf("a new request got %d %q, %v", r.status, r.text, r.err)
		}
		engine.Release()
		if r := <-all; r.status != http.StatusOK || !strings.Contains(r.text, r.end) {
			t.Errorf("what ran got %d %q, %v", r.status, r.text, r.err)
		}
		if err := c.wait(time.Minute); err != nil {
			t.Errorf("ended with %v", err)
		}
	})

	t.Run("NobodyReadsWhatItSays", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		c := prepare(t, "engine.url="+backendstest.New(t).URL)
		c.out = w
		c.start()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if r := <-c.askOnceUp(); r.status != http.StatusOK {
			t.Errorf("%d %q, %v", r.status, r.text, r.err)
		}
		c.stop()
	})
}

// askOnceUp asks for an answer as soon as an engine is known.
func (c *carpool) askOnceUp() <-chan answered {
	c.t.Helper()
	c.awaitEngine()
	return c.askAll(1)
}

// tokens is how many it has seen since its start.
func (c *carpool) tokens() int {
	c.t.Helper()
	var h struct{ Batching struct{ Tokens int } }
	if err := c.health(&h); err != nil {
		return 0
	}
	return h.Batching.Tokens
}
