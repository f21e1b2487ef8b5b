package trust

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

const (
	soakClients = 16
	soakTokens  = 20
)

// soak is a crowd of steady clients.
type soak struct {
	*carpool
	client *http.Client
	next   atomic.Int64 // the number of the request that comes
}

func newSoak(t *testing.T, c *carpool) *soak {
	transport := &http.Transport{MaxIdleConnsPerHost: soakClients}
	t.Cleanup(transport.CloseIdleConnections)
	return &soak{carpool: c, client: &http.Client{Transport: transport}}
}

// run lets all clients ask one after the other while more says so, and hands what each
// saw to judge, from several goroutines.
func (s *soak) run(more func(number int64) bool, ask func(number int64)) {
	var all sync.WaitGroup
	for range soakClients {
		all.Go(func() {
			for {
				n := s.next.Add(1)
				if !more(n) {
					s.next.Add(-1)
					return
				}
				ask(n)
			}
		})
	}
	all.Wait()
}

// quiet returns how many goroutines and files there are once nothing runs and no client
// is connected but the one that asks. Connections to the engine are kept for 30 s.
func (s *soak) quiet() (goroutines, files int) {
	s.t.Helper()
	s.client.CloseIdleConnections()
	s.await("nobody is connected", func() error {
		if n, err := s.metric("carpool_connections"); n > 1 || err != nil {
			return fmt.Errorf("%.0f connections, %w", n, err)
		}
		return nil
	})
	n, err := s.metric("go_goroutines")
	if err != nil {
		s.t.Fatal(err)
	}
	return int(n), s.files()
}

// settled waits until goroutines and files are no more than they were, up to slack.
func (s *soak) settled(goroutines, files, slack int) {
	s.t.Helper()
	s.await("goroutines and files are as many as at the start", func() error {
		if g, f := s.quiet(); g > goroutines+slack || f > files+slack {
			return fmt.Errorf("%d goroutines, %d files; at the start %d and %d", g, f, goroutines, files)
		}
		return nil
	})
}

func TestSoak(t *testing.T) {
	needsProc(t)
	t.Run("ADayOfRequests", func(t *testing.T) {
		const slack = 5
		requests := int64(2000)
		switch {
		case isFull():
			requests = 86400 // one each second of a day
		case raceDetector:
			requests = 500
		}
		engine := backendstest.New(t)
		c := begin(t, engine, "batching.mode=fixed", "batching.max_batch_size=8", "queue.share_identical=false")
		s := newSoak(t, c)
		var wrong, lost atomic.Int64
		good := func(n int64) {
			switch r := stream(t.Context(), s.client, c.url, fmt.Sprint("n", n), soakTokens, "X-Carpool-App", fmt.Sprint("app", n%5)); {
			case r.wrong != "":
				wrong.Add(1)
				t.Errorf("request %d: %v", n, r)
			case r.status != http.StatusOK || !r.clean():
				lost.Add(1)
				t.Errorf("request %d: %v", n, r)
			}
		}
		upTo := func(most int64) func(int64) bool { return func(n int64) bool { return n <= most && !t.Failed() } }
		warm := requests / 20
		s.run(upTo(warm), good)
		goroutines, files := s.quiet()
		// What a collection left of the heap is read under the same load, several times.
		began := time.Now()
		var early, late []float64
		heap := func(into *[]float64) {
			for range 10 {
				s.run(upTo(s.next.Load()+requests/200), good)
				live, err := c.metric("go_gc_heap_live_bytes")
				if err != nil {
					t.Fatal(err)
				}
				*into = append(*into, live)
			}
		}
		// The window of the first tokens, 10 s, has to be as full as at the end.
		const window = 12 * time.Second
		s.run(func(n int64) bool {
			return n <= requests*8/100 || isFull() && time.Since(began) < window && n <= requests*40/100
		}, good)
		heap(&early)
		s.run(upTo(requests*95/100), good)
		heap(&late)
		s.run(upTo(requests), good)
		took := time.Since(began)
		s.settled(goroutines, files, slack)
		before, after := slices.Min(early), slices.Min(late) // with the least in flight
		const growth = 1.15
		if isFull() && after > before*growth {
			t.Errorf("after collections %.2f MiB are left at the end, %.2f MiB after a tenth", after/mib, before/mib)
		}
		c.stop()
		rows, ids := c.rows(), map[string]bool{}
		for _, r := range rows {
			ids[r.ID] = true
			if r.Outcome != "ok" {
				t.Errorf("row %+v", r)
			}
		}
		if int64(len(rows)) != requests || len(ids) != len(rows) {
			t.Errorf("%d rows, %d of them different, of %d requests", len(rows), len(ids), requests)
		}
		figure(t, 15, fmt.Sprintf("%d streamed requests of %d tokens, one after the other by %d clients", requests, soakTokens, soakClients),
			fmt.Sprintf("%d wrong, %d lost, %d rows; %.0f a second; heap %.2f MiB after a tenth, %.2f MiB at the end; goroutines and files as at the start",
				wrong.Load(), lost.Load(), len(rows), float64(requests)*0.92/took.Seconds(), before/mib, after/mib))
	})
	t.Run("FaultsInOneOfAHundred", func(t *testing.T) { soakWithFaults(t) })
}

// soakTime is how long a soak with faults goes on; CARPOOL_SOAK is such as 30m.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	given := os.Getenv("CARPOOL_SOAK")
	if given == "" {
		return time.Second
	}
	d, err := time.ParseDuration(given)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// faults are what an engine, or the client, does in one of a hundred requests.
var faults = []backendstest.Script{
	{End: backendstest.Reset, At: 3}, {End: backendstest.Reset}, {End: backendstest.Stall, At: 2}, {End: backendstest.Garbage, At: 1},
	{Status: http.StatusInternalServerError}, {End: backendstest.NoMark}, {End: backendstest.Error, At: 4}, {}, // the client leaves
}

// faultOf is the fault of the request with this nonce; -1 = none.
func faultOf(nonce string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(nonce)) // never fails
	const one = 100
	if n := int(h.Sum32()); n%one == 0 {
		return n / one % len(faults)
	}
	return -1
}

func soakWithFaults(t *testing.T) {
	const slack = 6
	lasts := soakTime(t)
	stall := 3 // seconds; an engine that this machine holds up for as long is called silent
	if lasts >= time.Minute {
		stall = 15
	}
	engine := backendstest.New(t)
	engine.Choose(func(q backendstest.Request) backendstest.Script {
		if f := faultOf(q.Nonce); f >= 0 {
			return faults[f]
		}
		return backendstest.Script{}
	})
	c := begin(t, engine, "batching.mode=fixed", "batching.max_batch_size=8", "batching.cancel_grace_ms=100", fmt.Sprint("gateway.stall_timeout_s=", stall), "queue.share_identical=false")
	s := newSoak(t, c)
	var whole, told, broken, rested, left atomic.Int64
	one := func(n int64) {
		nonce := fmt.Sprint("n", n)
		f := faultOf(nonce)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if f == len(faults)-1 {
			time.AfterFunc(time.Duration(n%3)*time.Millisecond, cancel)
		}
		r := stream(ctx, s.client, c.url, nonce, soakTokens)
		switch {
		case ctx.Err() != nil:
			left.Add(1)
		case r.wrong != "":
			t.Errorf("request %d with fault %d: %v", n, f, r)
		case r.status == http.StatusOK && r.whole && r.fault == "" && r.err == nil:
			if whole.Add(1); f >= 0 && f < len(faults)-1 {
				t.Errorf("request %d with fault %d is a success: %v", n, f, r)
			}
		case r.status == http.StatusServiceUnavailable && r.clean():
			rested.Add(1) // the engine has failed too often
			time.Sleep(10 * time.Millisecond)
		case f < 0:
			t.Errorf("request %d without a fault: %v", n, r)
		case r.status == http.StatusOK && r.fault != "" && !r.whole:
			told.Add(1)
		case r.status >= http.StatusInternalServerError:
			broken.Add(1)
		default:
			t.Errorf("request %d with fault %d: %v", n, f, r)
		}
	}
	end := time.Now().Add(lasts)
	warm := time.Now().Add(lasts / 5)
	s.run(func(int64) bool { return time.Now().Before(warm) && !t.Failed() }, one)
	goroutines, files := s.quiet()
	// Memory and files are looked at beside the load.
	var at, rss []float64
	most := 0
	looks, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(looks)
		every := time.NewTicker(lasts / 400)
		defer every.Stop()
		for {
			select {
			case now := <-every.C:
				at, rss = append(at, now.Sub(warm).Hours()), append(rss, float64(c.memory("VmRSS")))
				most = max(most, c.files())
			case <-stop:
				return
			}
		}
	}()
	s.run(func(int64) bool { return time.Now().Before(end) && !t.Failed() }, one)
	close(stop)
	<-looks
	s.settled(goroutines, files, slack)
	perHour := slope(at, rss) / mib
	const longEnough = 10 * time.Minute
	if limit := 64.0; lasts >= longEnough && perHour > limit {
		t.Errorf("memory grows by %.1f MiB an hour", perHour)
	}
	if bound := files + 4*soakClients; most > bound {
		t.Errorf("%d files at most, %d at the start", most, files)
	}
	c.stop()
	rows := len(c.rows())
	if asked := int(s.next.Load()); rows > asked || rows < asked-int(left.Load()) {
		t.Errorf("%d rows of %d requests, of which %d clients left", rows, asked, left.Load())
	}
	if told.Load()+broken.Load() == 0 || whole.Load() == 0 {
		t.Errorf("%d whole, %d told, %d broken", whole.Load(), told.Load(), broken.Load())
	}
	if lasts < time.Minute {
		return // a slope of seconds says nothing
	}
	figure(t, 15, fmt.Sprintf("%v of load with a fault in 1 of 100: resets, stalls, garbage, ends without a mark, errors, clients that leave", lasts),
		fmt.Sprintf("%d requests: %d whole, %d told in the stream, %d by their status, %d refused while the engine rested, %d left; 0 wrong; memory %+.1f MiB an hour, %d files at most, %d at the start",
			s.next.Load(), whole.Load(), told.Load(), broken.Load(), rested.Load(), left.Load(), perHour, most, files))
}

// slope is by how much y grows with x, by the least squares.
func slope(x, y []float64) float64 {
	var meanX, meanY, up, down float64
	for i := range x {
		meanX += x[i] / float64(len(x))
		meanY += y[i] / float64(len(y))
	}
	for i := range x {
		up += (x[i] - meanX) * (y[i] - meanY)
		down += (x[i] - meanX) * (x[i] - meanX)
	}
	return up / down
}
