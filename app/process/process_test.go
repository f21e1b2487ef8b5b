package process

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a system whose every pass takes a time of its own.
type slow struct {
	takes  time.Duration
	passes int
	asked  int
	closed bool
}

func (s *slow) owners(ctx context.Context, wanted []Ends) map[Ends]int32 {
	s.passes++
	s.asked += len(wanted)
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return nil
	}
	found := map[Ends]int32{}
	for _, e := range wanted {
		if e.Client.Port() != 1 {
			found[e] = int32(e.Client.Port())
		}
	}
	return found
}

func (*slow) app(_ context.Context, pid int32) App {
	return App{Name: "p" + string('0'+pid%10), ID: "p"}
}
func (s *slow) close() { s.closed = true }

var server = netip.MustParseAddrPort("127.0.0.1:11435")

func client(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
}

// running is a Finder that runs in a bubble until the test ends.
func running(t *testing.T, s *slow) *Finder {
	f := newFinder(func() system { return s })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if !s.closed {
			t.Error("the system was left open")
		}
	})
	return f
}

func TestFinder(t *testing.T) {
	t.Run("AnswersWhoeverIsFound", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := running(t, &slow{takes: time.Millisecond})
			found, missing := f.Ask(client(7), server), f.Ask(client(1), server)
			if got := found.App(); got != (App{"p7", "p"}) || found.Name() != "p7" {
				t.Errorf("%+v", got)
			}
			if got := missing.App(); got != (App{}) {
				t.Errorf("%+v", got)
			}
		})
	})
	t.Run("NeverBlocksWhoAsks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := running(t, &slow{takes: time.Second})
			began := time.Now()
			p := f.Ask(client(7), server)
			if time.Since(began) != 0 {
				t.Error("it took time to ask")
			}
			synctest.Wait()
			select {
			case <-p.Done():
				t.Error("answered before the pass ended")
			default:
			}
		})
	})
	t.Run("AnswersAFloodInFewPasses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &slow{takes: 20 * time.Millisecond}
			f := running(t, s)
			var last *Peer
			for range 1000 {
				last = f.Ask(client(7), server)
				time.Sleep(time.Millisecond)
			}
			<-last.Done()
			// A pass of 20 ms and a rest of 80 ms: 10 a second.
			if s.passes > 11 || s.asked != 1000 {
				t.Errorf("%d passes for %d connections", s.passes, s.asked)
			}
		})
	})
	t.Run("EndsAPassThatHangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := running(t, &slow{takes: time.Hour})
			if got := f.Ask(client(7), server).App(); got != (App{}) {
				t.Errorf("%+v", got)
			}
		})
	})
	t.Run("TellsAllNothingAtItsEnd", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFinder(func() system { return &slow{takes: time.Hour} })
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				f.Run(ctx)
			}()
			early := f.Ask(client(7), server)
			synctest.Wait()
			waiting := f.Ask(client(8), server)
			cancel()
			<-done
			for _, p := range []*Peer{early, waiting, f.Ask(client(9), server)} {
				if got := p.App(); got != (App{}) {
					t.Errorf("%+v", got)
				}
			}
		})
	})
	t.Run("BoundsThoseThatWait", func(t *testing.T) {
		f := newFinder(nil) // does not run
		for range maxPending {
			f.Ask(client(7), server)
		}
		if got := f.Ask(client(8), server).App(); got != (App{}) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("LooksOnThisMachineOnly", func(t *testing.T) {
		f := newFinder(nil)
		if got := f.Ask(netip.MustParseAddrPort("192.0.2.1:7"), server).App(); got != (App{}) {
			t.Errorf("%+v", got)
		}
		f.Ask(netip.MustParseAddrPort("[::ffff:127.0.0.1]:7"), server)
		if len(f.pending) != 1 || f.pending[0].ends.Client != client(7) {
			t.Errorf("%+v", f.pending)
		}
	})
}
