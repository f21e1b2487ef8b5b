//go:build unix

package trust

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// crowdSize is how many clients a test of many has.
func crowdSize() int {
	switch {
	case isFull() && raceDetector:
		return 1000
	case isFull():
		return 5000
	case raceDetector:
		return 200
	}
	return 500
}

// rush lets so many clients ask at once, each over a connection of its own, and returns
// what they saw once all have. told, if not nil, counts those that have.
func rush(c *carpool, count, tokens int, told *atomic.Int64) []streamReply {
	transport := &http.Transport{MaxIdleConnsPerHost: count}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	replies := make([]streamReply, count)
	var all sync.WaitGroup
	for i := range replies {
		all.Go(func() {
			replies[i] = stream(c.t.Context(), client, c.url, fmt.Sprint("n", i), tokens, "X-Carpool-App", fmt.Sprint("app", i%8))
			if told != nil {
				told.Add(1)
			}
		})
	}
	all.Wait()
	return replies
}

func Test15_ManyClients(t *testing.T) {
	const tokens = 20
	count := crowdSize()
	t.Run("AllStreamAtOnce", func(t *testing.T) {
		needsProc(t)
		engine := backendstest.New(t)
		c := begin(t, engine, fmt.Sprint("queue.max_waiting=", 2*count), "queue.reserved_others=0", "batching.mode=fixed", fmt.Sprint("batching.max_batch_size=", count))
		engine.Hold()
		before := c.memory("VmRSS")
		var replies []streamReply
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			replies = rush(c, count, tokens, nil)
		}()
		c.await("all are in the engine", func() error {
			if n := engine.Running(); n < count {
				return fmt.Errorf("%d of %d", n, count)
			}
			return nil
		})
		each := float64(c.memory("VmRSS")-before) / float64(count) / 1024
		began := time.Now()
		engine.Release()
		<-ended
		drained := time.Since(began)
		for i, r := range replies {
			if r.status != http.StatusOK || !r.clean() {
				t.Errorf("client %d: %v", i, r)
			}
		}
		c.stop()
		if rows := c.rows(); len(rows) != count {
			t.Errorf("%d rows of %d requests", len(rows), count)
		}
		if !raceDetector {
			figure(t, 15, fmt.Sprintf("%d clients with a stream of %d tokens each at the same moment", count, tokens),
				fmt.Sprintf("0 wrong, 0 refused; %.0f KiB of memory for each while it runs; all streamed in %.1f s", each, drained.Seconds()))
		}
	})
	t.Run("MostAreRefused", func(t *testing.T) {
		const waiting, places = 64, 4
		engine := backendstest.New(t)
		c := begin(t, engine, fmt.Sprint("queue.max_waiting=", waiting), "queue.reserved_others=8", "batching.mode=fixed", fmt.Sprint("batching.max_batch_size=", places))
		engine.Hold()
		var told atomic.Int64
		var replies []streamReply
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			replies = rush(c, count, tokens, &told)
		}()
		c.await("all others are refused", func() error {
			if n := told.Load(); n < int64(count-waiting-places) {
				return fmt.Errorf("%d of %d", n, count-waiting-places)
			}
			return nil
		})
		engine.Release()
		<-ended
		served := 0
		var refusals []time.Duration
		for i, r := range replies {
			if !r.clean() {
				t.Errorf("client %d: %v", i, r)
			}
			if r.status == http.StatusOK {
				served++
			} else {
				refusals = append(refusals, r.all)
			}
		}
		// One app alone gets no more than 56 of the places.
		if served != waiting+places {
			t.Errorf("%d served of %d that had a place", served, waiting+places)
		}
		c.stop()
		slices.Sort(refusals)
		figure(t, 15, fmt.Sprintf("%d clients at once for %d places", count, waiting+places),
			fmt.Sprintf("%d served, %d refused with 503 or 429 and Retry-After, p99 of a refusal %d ms; 0 wrong", served, len(refusals), refusals[len(refusals)*99/100].Milliseconds()))
	})
	t.Run("AllConnectionsAreTaken", func(t *testing.T) {
		const most = 16
		engine := backendstest.New(t)
		c := begin(t, engine, fmt.Sprint("gateway.max_connections=", most), "batching.mode=fixed", "batching.max_batch_size=64")
		engine.Hold()
		ended := make(chan []streamReply)
		go func() { ended <- rush(c, 4*most, tokens, nil) }()
		c.await("it is said", func() error {
			if out := c.do("status"); !strings.Contains(out, "connections are taken (gateway.max_connections)") {
				return fmt.Errorf("status: %s", out)
			}
			return nil
		})
		c.await("the others wait outside", func() error {
			if n := engine.Running(); n > most || n < most-1 { // a listener holds one
				return fmt.Errorf("%d of %d in the engine", n, most)
			}
			return nil
		})
		// The clients keep their connections, which must not keep the others out.
		engine.Release()
		for i, r := range <-ended {
			if r.status != http.StatusOK || !r.clean() {
				t.Errorf("client %d: %v", i, r)
			}
		}
		c.await("it is noted, also that it is over", func() error {
			if out := c.do("history", "--decisions"); strings.Count(out, "connections") < 2 {
				return fmt.Errorf("decisions: %s", out)
			}
			return nil
		})
		c.stop()
	})
}

// TestFileLimit sees that a Carpool raises its limit of open files as far as it may,
// says where that is too few, and leaves the programs that it starts what was set.
func TestFileLimit(t *testing.T) {
	needsProc(t)
	engine := backendstest.New(t)
	c := prepare(t, "engine.url="+engine.URL, "engines.start=ollama")
	c.wrap = []string{"/bin/sh", "-c", `ulimit -Sn 100 && ulimit -Hn 900 && exec "$0" "$@"`}
	bin, seen := t.TempDir(), filepath.Join(t.TempDir(), "limit")
	const executable = 0o700
	if err := os.WriteFile(filepath.Join(bin, "ollama"), []byte("#!/bin/sh\nulimit -Sn >"+seen+".new && mv "+seen+".new "+seen+"\nexec sleep 60\n"), executable); err != nil {
		t.Fatal(err)
	}
	for i, v := range c.vars {
		if rest, ok := strings.CutPrefix(v, "PATH="); ok {
			c.vars[i] = "PATH=" + bin + ":" + rest
		}
	}
	c.vars = append(c.vars, fmt.Sprint("OLLAMA_HOST=127.0.0.1:", backendstest.FreePort(t)))
	c.start()
	c.await("it says what it may open", func() error {
		out, _ := c.command("status").CombinedOutput() // it may not run yet
		if !strings.Contains(string(out), "open 899 files, which is enough for 675 connections and not for 16384") {
			return fmt.Errorf("status: %s", out)
		}
		return nil
	})
	if most, err := c.metric("carpool_connections_limit"); most != 675 || err != nil {
		t.Errorf("%v connections, %v", most, err)
	}
	c.await("its engine has the limit that was set", func() error {
		got, err := os.ReadFile(seen)
		if err == nil && strings.TrimSpace(string(got)) != "100" {
			err = fmt.Errorf("%s", got)
		}
		return err
	})
	c.stop()
}

func Test16_QueueOfThreePriorities(t *testing.T) {
	arrivals := 700
	if isFull() {
		arrivals = 2000
	}
	const waiting, places, tokens = 512, 4, 20
	engine := backendstest.New(t)
	engine.SetSlots(places)
	c := begin(t, engine, fmt.Sprint("queue.max_waiting=", waiting), "queue.reserved_others=64", "queue.guard_s=3600", "batching.mode=fixed", fmt.Sprint("batching.max_batch_size=", places))
	engine.Hold()
	transport := &http.Transport{MaxIdleConnsPerHost: arrivals}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	priorities := []string{"urgent", "normal", "background"}
	replies := make([]streamReply, arrivals)
	var told atomic.Int64
	var all sync.WaitGroup
	for i := range replies {
		all.Go(func() {
			replies[i] = stream(t.Context(), client, c.url, fmt.Sprint("n", i), tokens,
				"X-Carpool-App", fmt.Sprint("app", i%4), "X-Carpool-Priority", priorities[i%len(priorities)])
			told.Add(1)
		})
	}
	deepest := 0
	look := func() error {
		var h struct {
			Batching struct {
				Depth int `json:"queue_depth"`
			}
		}
		err := c.health(&h)
		deepest = max(deepest, h.Batching.Depth)
		return err
	}
	c.await("what has no place is refused", func() error {
		if n := told.Load(); n < int64(arrivals-waiting-places) {
			return errors.Join(look(), fmt.Errorf("%d of %d", n, arrivals-waiting-places))
		}
		return look()
	})
	engine.Release()
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	for running := true; running; {
		select {
		case <-ended:
			running = false
		case <-time.After(time.Millisecond):
			if err := look(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if deepest != waiting {
		t.Errorf("%d waited at most, %d may", deepest, waiting)
	}
	if engine.Peak() > places {
		t.Errorf("%d at once in the engine", engine.Peak())
	}
	served := 0
	for i, r := range replies {
		if !r.clean() {
			t.Errorf("client %d: %v", i, r)
		}
		if r.status == http.StatusOK {
			served++
		}
	}
	if served != waiting+places {
		t.Errorf("%d served, %d had a place", served, waiting+places)
	}
	c.stop()
	longest, last := map[string]time.Duration{}, map[string]time.Time{}
	for _, r := range c.rows() {
		if r.Outcome == "ok" {
			waited := time.Duration(r.QueueMS * float64(time.Millisecond))
			longest[r.Priority] = max(longest[r.Priority], waited)
			if at := r.Started.Add(waited); at.After(last[r.Priority]) {
				last[r.Priority] = at
			}
		}
	}
	// All came before the first was served, so a class waits for those above it.
	if !last["urgent"].Before(last["normal"]) || !last["normal"].Before(last["background"]) {
		t.Errorf("the last of each class had their turns at %v", last)
	}
	figure(t, 16, fmt.Sprintf("%d requests of three priorities at once, %d places in the queue and %d in the engine", arrivals, waiting, places),
		fmt.Sprintf("%d waited at most, %d served, the others refused with 503 or 429; longest wait %.1f s urgent, %.1f s normal, %.1f s background",
			deepest, served, longest["urgent"].Seconds(), longest["normal"].Seconds(), longest["background"].Seconds()))
}
