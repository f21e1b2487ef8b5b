package batching_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"carpool/batching"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var request = batching.Request{Key: key, App: "a"}

// bubble runs test in virtual time with a scheduler that it shuts down.
func bubble(t *testing.T, set batching.Settings, o batching.Options, test func(*testing.T, *batching.Scheduler)) {
	synctest.Test(t, func(t *testing.T) {
		s := batching.New(set, o)
		test(t, s)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestScheduler(t *testing.T) {
	t.Run("ReleasesALoneRequestAtOnce", func(t *testing.T) {
		bubble(t, fixed(8), batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			l, err := s.Acquire(t.Context(), request)
			if err != nil || l.Waited() != 0 {
				t.Fatalf("err %v, waited %v", err, l.Waited())
			}
			l.Release(batching.Served)
		})
	})
	t.Run("NeverRunsMoreThanTheLimit", func(t *testing.T) {
		bubble(t, fixed(8), batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			var now, peak atomic.Int64
			var all sync.WaitGroup
			for range 64 {
				all.Go(func() {
					l, err := s.Acquire(t.Context(), request)
					if err != nil {
						t.Error(err)
						return
					}
					defer l.Release(batching.Served)
					n := now.Add(1)
					for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
					}
					time.Sleep(50 * time.Millisecond)
					now.Add(-1)
				})
			}
			begun := time.Now()
			all.Wait()
			if peak.Load() != 8 || time.Since(begun) != 400*time.Millisecond {
				t.Fatalf("peak %d, took %v", peak.Load(), time.Since(begun))
			}
			if got := s.Totals(); got.Requests != 64 || got.InFlight != 0 || got.AvgConcurrency != (36+56*8)/64. {
				t.Fatalf("%+v", got)
			}
		})
	})
	t.Run("StaticWaitsForCompanyAndNoLonger", func(t *testing.T) {
		var ended []batching.Batch
		o := batching.Options{Ended: func(b batching.Batch) { ended = append(ended, b) }, Mark: func() any { return "gpu" }}
		bubble(t, static(8, 50, 1), o, func(t *testing.T, s *batching.Scheduler) {
			l, err := s.Acquire(t.Context(), request)
			if err != nil || l.Waited() != 50*time.Millisecond {
				t.Fatalf("err %v, waited %v", err, l.Waited())
			}
			l.Tokens(7)
			time.Sleep(time.Second)
			l.Release(batching.Served)
			l.Release(batching.Served)
			if len(ended) != 1 || ended[0].Why != batching.Timeout || ended[0].Tokens != 7 ||
				ended[0].Duration != time.Second || ended[0].Mark != "gpu" {
				t.Fatalf("%+v", ended)
			}
		})
	})
	t.Run("FreesTheQueueWhenAClientLeaves", func(t *testing.T) {
		bubble(t, fixed(1), batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			l, _ := s.Acquire(t.Context(), request)
			gone := errors.New("client left")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(gone) })
			if _, err := s.Acquire(ctx, request); !errors.Is(err, gone) {
				t.Fatalf("err %v", err)
			}
			if depth := s.Totals().QueueDepth; depth != 0 {
				t.Fatalf("queue depth %d", depth)
			}
			l.Release(batching.Served)
		})
	})
	t.Run("CountsACanceledRequestForTheGrace", func(t *testing.T) {
		set := fixed(1)
		set.CancelGrace = 2 * time.Second
		bubble(t, set, batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			l, _ := s.Acquire(t.Context(), request)
			l.Release(batching.Canceled)
			l, err := s.Acquire(t.Context(), request)
			if err != nil || l.Waited() != 2*time.Second {
				t.Fatalf("err %v, waited %v", err, l.Waited())
			}
			l.Release(batching.Served)
		})
	})
	t.Run("RefusesAfterTheLongestWait", func(t *testing.T) {
		set := fixed(1)
		set.MaxWait = 3 * time.Second
		bubble(t, set, batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			l, _ := s.Acquire(t.Context(), request)
			begun := time.Now()
			_, err := s.Acquire(t.Context(), request)
			if !errors.Is(err, batching.ErrQueueTimeout) || time.Since(begun) != 3*time.Second {
				t.Fatalf("err %v after %v", err, time.Since(begun))
			}
			l.Release(batching.Served)
		})
	})
	t.Run("AppliesNewSettingsToWaitersAtOnce", func(t *testing.T) {
		bubble(t, fixed(1), batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					l, err := s.Acquire(t.Context(), request)
					if err != nil {
						t.Error(err)
						return
					}
					time.Sleep(time.Minute)
					l.Release(batching.Served)
				})
			}
			synctest.Wait()
			s.Configure(fixed(3))
			if got := s.Totals(); got.InFlight != 3 || got.QueueDepth != 1 {
				t.Fatalf("%+v", got)
			}
			s.SetLimits(key, batching.Limits{Mode: batching.Fixed, Size: 4})
			if got := s.Totals(); got.InFlight != 4 {
				t.Fatalf("%+v", got)
			}
			all.Wait()
		})
	})
	t.Run("ShutdownFailsWaitersAndDrainsLeases", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := batching.New(fixed(1), batching.Options{})
			l, _ := s.Acquire(t.Context(), request)
			waiter := make(chan error)
			go func() {
				_, err := s.Acquire(t.Context(), request)
				waiter <- err
			}()
			synctest.Wait()
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			done := make(chan error)
			go func() { done <- s.Shutdown(short) }()
			if err := <-waiter; !errors.Is(err, batching.ErrClosed) {
				t.Fatalf("waiter got %v", err)
			}
			if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("shutdown did not wait for the lease: %v", err)
			}
			if _, err := s.Acquire(t.Context(), request); !errors.Is(err, batching.ErrClosed) {
				t.Fatalf("a closed scheduler took a request: %v", err)
			}
			l.Release(batching.Served)
			if err := s.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("ReturnsTheLeaseWhenTheReleaseCameFirst", func(t *testing.T) {
		bubble(t, fixed(1), batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			l, _ := s.Acquire(t.Context(), request)
			ctx, cancel := context.WithCancel(t.Context())
			got := make(chan *batching.Lease)
			go func() {
				l, _ := s.Acquire(ctx, request)
				got <- l
			}()
			synctest.Wait()
			l.Release(batching.Served)
			cancel()
			l = <-got
			if released := s.Totals().Requests; (l != nil) != (released == 2) {
				t.Fatalf("lease %v, released %d", l, released)
			}
			if l != nil {
				l.Release(batching.Canceled)
			}
		})
	})
	t.Run("ShowsTokensWhileTheyCome", func(t *testing.T) {
		bubble(t, fixed(1), batching.Options{}, func(t *testing.T, s *batching.Scheduler) {
			r := request
			r.ID, r.MaxTokens = "x", 100
			l, _ := s.Acquire(t.Context(), r)
			time.Sleep(time.Second)
			l.FirstToken()
			first := time.Now()
			time.Sleep(time.Second)
			l.FirstToken()
			l.Tokens(5)
			run := s.Snapshot()[0].Running[0]
			if run.ID != "x" || run.Tokens != 5 || run.MaxTokens != 100 || !run.FirstToken.Equal(first) {
				t.Fatalf("%+v", run)
			}
			l.Tokens(-1)
			if got := s.Totals().Tokens; got != 4 {
				t.Fatalf("tokens %d after the correction", got)
			}
			l.Release(batching.Served)
		})
	})
}

// gauge is an Observer that counts what it hears to be in the engine.
type gauge struct{ now, most int }

func (g *gauge) Released(time.Time, batching.Request) batching.Stream {
	g.now++
	g.most = max(g.most, g.now)
	return g
}

func (g *gauge) Tokens(time.Time, int) {}

func (g *gauge) Ended(time.Time, batching.Outcome, batching.Report) { g.now-- }

func TestObserver(t *testing.T) {
	t.Run("HearsOfAPlaceGivenBackBeforeItIsTakenAgain", func(t *testing.T) {
		g := &gauge{}
		bubble(t, fixed(2), batching.Options{Observer: g}, func(t *testing.T, s *batching.Scheduler) {
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					l, err := s.Acquire(t.Context(), request)
					if err != nil {
						t.Error(err)
						return
					}
					time.Sleep(time.Millisecond)
					l.Release(batching.Served)
				})
			}
			all.Wait()
			if g.most != 2 || g.now != 0 {
				t.Fatalf("heard of %d at once, %d still there", g.most, g.now)
			}
		})
	})
}

// crowds are what may make a decision or a look at the queues expensive.
var crowds = []struct {
	name    string
	waiting int
	request func(n int) batching.Request
}{
	{"10 of 1 app", 10, mixed(1)},
	{"10 of 10 apps", 10, mixed(10)},
	{"1000 of 1000 apps", 1000, mixed(1000)},
	{"10000 of 1 app", 10000, mixed(1)},
	{"10000 of 10 apps", 10000, mixed(10)},
	{"10000 of 1000 apps", 10000, mixed(1000)},
	{"10000 with one prefix of 1000 apps", 10000, func(n int) batching.Request {
		r := mixed(1000)(n)
		r.Prefix = 1
		return r
	}},
	{"10000 for 2 models of 1000 apps", 10000, func(n int) batching.Request {
		r := mixed(1000)(n)
		r.Model = fmt.Sprint("model ", n%2)
		return r
	}},
	{"10000 for 2 engines on a GPU of 1000 apps", 10000, func(n int) batching.Request {
		r := mixed(1000)(n)
		r.Engine = fmt.Sprint("of a group ", n%2)
		return r
	}},
	{"10000 to merge with few each", 10000, func(n int) batching.Request {
		r := mixed(10)(n)
		r.Merge = fmt.Sprint("word ", n%5000)
		return r
	}},
	{"512 for 512 models", 512, func(n int) batching.Request {
		r := mixed(10)(n)
		r.Model = fmt.Sprint("model ", n%512)
		return r
	}},
}

// mixed are requests of so many apps. Each has a prompt, a prefix and an answer,
// so that all accounts move.
func mixed(apps int) func(n int) batching.Request {
	return func(n int) batching.Request {
		return batching.Request{Key: key, App: fmt.Sprint("app ", n%apps), PromptTokens: 100 + n%700,
			Prefix: uint64(1 + n%apps), PrefixTokens: 50}
	}
}

// BenchmarkDecision is the cost of one request coming and one going in fair order.
func BenchmarkDecision(b *testing.B) {
	for _, crowd := range crowds {
		b.Run(crowd.name, func(b *testing.B) {
			c, now, running := crowded(b, crowd.waiting, crowd.request)
			next := make([]batching.Request, 4096)
			for i := range next {
				next[i] = crowd.request(crowd.waiting + i)
			}
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Millisecond)
				if _, err := c.Arrive(now, next[n%len(next)]); err != nil {
					b.Fatal(err)
				}
				n++
				for _, t := range running {
					t.Generated(1)
				}
				c.End(now, running[0], batching.Served, batching.Report{PromptTokens: 120, CachedTokens: -1, OutputTokens: -1})
				running = append(running[1:], c.Step(now).Released...)
			}
		})
	}
}

// BenchmarkSnapshot is the cost of a look at the queues, for which the scheduler's
// lock is held.
func BenchmarkSnapshot(b *testing.B) {
	for _, crowd := range crowds {
		b.Run(crowd.name, func(b *testing.B) {
			c, now, _ := crowded(b, crowd.waiting, crowd.request)
			b.ReportAllocs()
			for b.Loop() {
				c.Snapshot(now)
			}
		})
	}
}

func crowded(b *testing.B, waiting int, request func(n int) batching.Request) (*batching.Core, time.Time, []*batching.Ticket) {
	set := fixed(8)
	set.MaxWaiting, set.PrefixCredit, set.MergeTexts = waiting+16, 4000, 64
	set.Groups = map[string]string{"of a group 0": "gpu", "of a group 1": "gpu"}
	c := batching.NewCore(set, batching.Options{})
	now := time.Now()
	for n := range waiting + 8 {
		if _, err := c.Arrive(now, request(n)); err != nil {
			b.Fatal(err)
		}
	}
	return c, now, c.Step(now).Released
}
