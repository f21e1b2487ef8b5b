package gateway

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// readRun waits for bytes of a run's answer and reads them; 0 without an error is its end.
func readRun(ctx context.Context, r *run, at int64, p []byte) (int, error) {
	if more, err := r.await(ctx, at); !more {
		return 0, err
	}
	return r.read(at, p)
}

// TestRun draws what an engine says and when each client reads, leaves and comes,
// with more or less memory. Whoever is not told that it is behind reads the
// answer from its first byte on, and all memory is given back.
func TestRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		memory := &budget{}
		memory.most.Store(rapid.SampledFrom([]int64{0, firstKept, 100_000, 64 << 20}).Draw(t, "memory"))
		var all runs
		body := []byte("body")
		r, leads := all.join(context.Background(), runKey{}, body, memory)
		if !leads {
			t.Fatal("joined what is not there")
		}
		type reader struct {
			got  []byte
			left bool
		}
		readers := []*reader{{}} // the leader
		var said []byte
		read := func(c *reader) {
			chunk := make([]byte, rapid.IntRange(1000, 300_000).Draw(t, "read"))
			for int64(len(c.got)) < int64(len(said)) && !c.left {
				n, err := readRun(context.Background(), r, int64(len(c.got)), chunk)
				if errors.Is(err, errBehind) {
					c.left = true
					r.leave(err)
					return
				}
				if err != nil || n == 0 || !bytes.HasPrefix(said[len(c.got):], chunk[:n]) {
					t.Fatalf("%d bytes of %d, then %v", len(c.got), len(said), err)
				}
				c.got = append(c.got, chunk[:n]...)
			}
		}
		r.begin(200, http.Header{}, ndjson, -1)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1, 2:
				piece := bytes.Repeat([]byte{byte('a' + len(said)%26)}, rapid.IntRange(1, 32<<10).Draw(t, "piece")*rapid.SampledFrom([]int{1, 1, 1, 20}).Draw(t, "times"))
				said = append(said, piece...)
				r.add(piece, true, false)
			case 3:
				if other, leads := all.join(context.Background(), runKey{}, body, memory); !leads {
					readers = append(readers, &reader{})
				} else {
					other.leave(nil)
				}
			case 4:
				read(readers[rapid.IntRange(0, len(readers)-1).Draw(t, "who")])
			case 5:
				if c := readers[rapid.IntRange(0, len(readers)-1).Draw(t, "who")]; !c.left {
					c.left = true
					r.leave(nil)
				}
			}
			if used := memory.used.Load(); used > memory.most.Load() || used > maxKept || used < int64(len(r.kept)) {
				t.Fatalf("%d bytes counted, %d kept", used, len(r.kept))
			}
			if (r.ctx.Err() != nil) != r.deserted() {
				t.Fatalf("it goes on: %v, deserted: %v", r.ctx.Err() == nil, r.deserted())
			}
		}
		all.forget(r)
		r.end(nil, 200, proper, false)
		for _, c := range readers {
			if r.isShared() { // a leader that is alone reads from the engine itself
				read(c)
			}
			if !c.left {
				r.leave(nil)
			}
		}
		if memory.used.Load() != 0 {
			t.Fatalf("%d bytes are still counted", memory.used.Load())
		}
	})
}

func TestRunsOfOtherBodiesAreNotJoined(t *testing.T) {
	var all runs
	r, _ := all.join(context.Background(), runKey{}, []byte("body"), &budget{})
	r.body = []byte("BODY") // as if the hashes of the two were equal
	if _, leads := all.join(context.Background(), runKey{}, []byte("body"), &budget{}); !leads {
		t.Error("it gets the answer to another body")
	}
}

func TestRunWakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := &budget{}
		memory.most.Store(1 << 20)
		var all runs
		r, _ := all.join(t.Context(), runKey{}, nil, memory)
		_, _ = all.join(t.Context(), runKey{}, nil, memory)
		ctx, cancel := context.WithCancelCause(t.Context())
		type result struct {
			n   int
			err error
		}
		results := make(chan result)
		read := func(ctx context.Context, at int64) {
			go func() {
				n, err := readRun(ctx, r, at, make([]byte, 10))
				results <- result{n, err}
			}()
			synctest.Wait()
		}
		silent := func(what string) {
			synctest.Wait()
			select {
			case got := <-results:
				t.Errorf("%s: %+v", what, got)
			default:
			}
		}
		read(ctx, 0)
		r.add([]byte("abc"), true, false)
		silent("an answer that may still be taken back")
		r.begin(200, nil, ndjson, -1)
		if got := <-results; got.n != 3 || got.err != nil {
			t.Errorf("%+v", got)
		}
		read(ctx, 3)
		r.add([]byte("d"), false, true)
		if got := <-results; got.n != 1 {
			t.Errorf("%+v", got)
		}
		read(ctx, 4)
		cancel(context.Canceled)
		if got := <-results; got.n != 0 || !errors.Is(got.err, context.Canceled) {
			t.Errorf("%+v", got)
		}
		interrupted, cancel := context.WithCancelCause(t.Context())
		read(interrupted, 4)
		cancel(errShutdown)
		silent("the run tells how it was interrupted")
		r.end(newFault(shuttingDown, ""), 200, framed, false)
		if got := <-results; got.n != 0 || got.err != nil {
			t.Errorf("%+v", got)
		}
		r.leave(nil)
		r.leave(nil)
	})
}

// TestRunIsLeftWhileItIsCopied has the last client leave after it was told that there is
// more, and before it reads that.
func TestRunIsLeftWhileItIsCopied(t *testing.T) {
	memory := &budget{}
	memory.most.Store(1 << 20)
	var all runs
	r, _ := all.join(t.Context(), runKey{}, nil, memory)
	r.begin(200, http.Header{}, ndjson, -1)
	r.add([]byte("0123456789"), true, false)
	if more, err := r.await(t.Context(), 5); !more || err != nil {
		t.Fatalf("more %v, %v", more, err)
	}
	r.leave(errors.New("the client left"))
	if n, err := r.read(5, make([]byte, 9)); n != 0 || err != nil {
		t.Errorf("%d bytes, %v of what is not kept any more", n, err)
	}
}
