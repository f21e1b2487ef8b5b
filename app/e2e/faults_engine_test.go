//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestFaultsOfTheEngine kills and freezes an Ollama in the middle of the answers that
// the official client libraries wait for, streamed and not, and of those that wait in
// Carpool's queue. One Carpool goes through all of it, and in the end holds no more
// memory and no more goroutines than one that has seen nothing.
func TestFaultsOfTheEngine(t *testing.T) {
	p := facing(t, "faulty", 16)
	t.Cleanup(func() {
		if err := p.engine.stop(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.tail(), p.engine.tail())
		}
		_ = p.stop() // it may have been asked for its goroutines, which ends it
	})
	native := goWitnesses(p.url, p.ledger)
	node, endNode := nodeWitnesses(t, p.url)
	f := &faulty{pool: p, all: slices.Concat(native, node)}
	p.do(t, "set", "batching.mode=fixed")
	p.do(t, "set", "batching.max_batch_size="+strconv.Itoa(len(f.all)))

	for range warmUp { // the heap grows with the first requests
		f.serves(t)
	}
	before := f.resident(t)
	rounds := 1
	if isFull() {
		rounds = 5
	}
	for range rounds {
		t.Run("KilledServer", f.killedServer)
		t.Run("KilledRunner", f.killedRunner)
		t.Run("KilledRunnerOfMany", f.killedRunnerOfMany)
	}
	t.Run("Frozen", f.frozen)
	t.Run("FrozenUnderLoad", f.frozenUnderLoad)
	t.Run("LeavesNothingBehind", func(t *testing.T) {
		f.serves(t)
		kinds := f.settled(t, f.asked)
		t.Logf("%d requests by kind of error: %v", f.asked, kinds)
		if kinds["client_gone"] > 0 {
			t.Errorf("%d clients are said to have left; none did before it knew its fate", kinds["client_gone"])
		}
		endNode()
		after := f.resident(t)
		t.Logf("resident memory %.1f MiB before the faults, %.1f after", mib(before), mib(after))
		if after > before+moreMemory {
			t.Errorf("Carpool's memory grew from %.1f to %.1f MiB", mib(before), mib(after))
		}
		twin, err := startAt(t.Context(), binary, t.TempDir(), "ollama", p.engine.url)
		if err != nil {
			t.Fatal(err)
		}
		fresh := &faulty{pool: twin, all: goWitnesses(twin.url, twin.ledger)}
		fresh.serves(t)
		if _, err := twin.idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		want, got := twin.goroutines(t), p.goroutines(t)
		t.Logf("%d goroutines, %d of a Carpool that has seen no fault", len(got), len(want))
		if len(got) > len(want)+fewGoroutines {
			t.Errorf("%d goroutines are left, %d of a Carpool that has seen no fault:\n%s", len(got), len(want), strings.Join(got, "\n"))
		}
	})
}

// moreMemory is what the heap may hold back of what its busiest moment took, in bytes.
const moreMemory = 32 << 20

// warmUp is how many times each call is made before the memory is measured.
const warmUp = 3

// fewGoroutines may be there more or less at any moment: a connection, a probe.
const fewGoroutines = 5

func mib(n int) float64 { return float64(n) / (1 << 20) }

// faulty is a Carpool whose engine suffers, and who asks it.
type faulty struct {
	*pool
	all   []witness
	asked int
}

// long is more than any of them will get before the fault.
const long = 4000

// hear has witnesses ask, and counts.
func (f *faulty) hear(t *testing.T, all []witness, tokens int) *hearing {
	t.Helper()
	f.asked += len(all)
	return hear(t, all, question{medium, "tell a story", tokens})
}

// serves has every call of every library answered well.
func (f *faulty) serves(t *testing.T) {
	t.Helper()
	f.hear(t, f.all, 8).verdict(t, witness.served)
}

// caught is a moment in which every place is taken by a long answer, all streams
// have begun, and as many more calls wait.
func (f *faulty) caught(t *testing.T, asking []witness, tokens int, waiting []witness) (running, queued *hearing) {
	t.Helper()
	running = f.hear(t, asking, tokens)
	running.underWay(t)
	if err := poll(t.Context(), time.Minute, f.holds(t, len(asking), 0)); err != nil {
		t.Fatal(err)
	}
	queued = f.hear(t, waiting, 8)
	if err := poll(t.Context(), time.Minute, f.holds(t, len(asking), len(waiting))); err != nil {
		t.Fatal(err)
	}
	return running, queued
}

// holds fails until so many requests run and wait.
func (f *faulty) holds(t *testing.T, running, waiting int) func() error {
	return func() error {
		h, err := f.health(t.Context())
		if err == nil && (h.Batching.InFlight != running || h.Batching.QueueDepth != waiting) {
			err = fmt.Errorf("%d run and %d wait, want %d and %d", h.Batching.InFlight, h.Batching.QueueDepth, running, waiting)
		}
		return err
	}
}

// recovers is how soon Carpool has to serve again once its engine does.
const recovers = 10 * time.Second

// comesBack waits for the engine, and then for Carpool to serve.
func (f *faulty) comesBack(t *testing.T) {
	t.Helper()
	err := poll(t.Context(), time.Minute, func() error {
		_, err := ask(t.Context(), f.engine.client(), medium, "are you there", 1)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	err = poll(t.Context(), recovers, func() error {
		f.asked++
		_, err := ask(t.Context(), f.ollama(), medium, "are you there", 4)
		return err
	})
	if err != nil {
		t.Errorf("the engine is back, but Carpool does not serve: %v", err)
	}
	t.Logf("served again after %v", time.Since(back).Round(time.Millisecond))
	if err := poll(t.Context(), time.Minute, f.holds(t, 0, 0)); err != nil {
		t.Errorf("places are still taken: %v", err)
	}
}

func (f *faulty) killedServer(t *testing.T) {
	running, queued := f.caught(t, f.all, long, f.all)
	kill(t, f.engine)
	running.verdict(t, func(w witness, got fate) error {
		if w.streamed {
			return w.broken(got, "the engine closed the connection")
		}
		// One that was sent a moment ago on an idle connection is sent once more.
		return w.refused(got, http.StatusBadGateway, http.StatusServiceUnavailable)
	})
	// One may get through to the last moment of the engine's socket.
	queued.verdict(t, func(w witness, got fate) error {
		return w.refused(got, http.StatusServiceUnavailable, http.StatusBadGateway)
	})
	if err := f.engine.serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.comesBack(t)
}

// runner is the one process in which the engine runs its model.
func (f *faulty) runner(t *testing.T) int {
	t.Helper()
	server, err := f.engine.pid()
	if err != nil {
		t.Fatal(err)
	}
	runners, err := children(server)
	if err != nil || len(runners) != 1 {
		t.Fatalf("runners %v, %v", runners, err)
	}
	return runners[0]
}

// killedRunner kills the process under the answer of each call alone. A good answer
// comes before each: an engine that only fails is left alone for a while.
func (f *faulty) killedRunner(t *testing.T) {
	for _, w := range f.all {
		f.hear(t, f.all[:1], 8).verdict(t, witness.served)
		if err := poll(t.Context(), time.Minute, f.holds(t, 0, 0)); err != nil {
			t.Fatal(err)
		}
		runner := f.runner(t)
		idle := worked(t, runner)
		alone := f.hear(t, []witness{w}, long)
		alone.underWay(t)
		err := poll(t.Context(), time.Minute, func() error {
			if d := worked(t, runner) - idle; d < 5 {
				return fmt.Errorf("the runner has worked for %d ticks", d)
			}
			return nil
		})
		if err == nil {
			err = syscall.Kill(runner, syscall.SIGKILL)
		}
		if err != nil {
			t.Fatal(err)
		}
		alone.verdict(t, func(w witness, got fate) error {
			if w.streamed {
				return w.broken(got, "")
			}
			return w.refused(got, http.StatusInternalServerError)
		})
	}
	f.comesBack(t)
}

// worked is the processor time that a process has had, in ticks of mostly 10 ms.
func worked(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	const user = 11 // fields after the name and the state before it
	_, rest, _ := strings.Cut(string(b), ") ")
	n, err := strconv.Atoi(strings.Fields(rest)[user])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// killedRunnerOfMany kills the process under answers in which Ollama tells of it, with
// as many more in Carpool's queue. It tells only some, see app/gateway/runnerloss.go.
func (f *faulty) killedRunnerOfMany(t *testing.T) {
	var telling []witness
	for _, w := range f.all {
		if !w.streamed || strings.HasSuffix(w.library, "ollama") {
			telling = append(telling, w)
		}
	}
	f.do(t, "set", "batching.max_batch_size="+strconv.Itoa(len(telling)))
	defer f.do(t, "set", "batching.max_batch_size="+strconv.Itoa(len(f.all)))
	running, queued := f.caught(t, telling, long, f.all)
	killed := time.Now()
	if err := syscall.Kill(f.runner(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	running.verdict(t, func(w witness, got fate) error {
		if w.streamed {
			return w.broken(got, "")
		}
		return w.refused(got, http.StatusInternalServerError, http.StatusBadGateway)
	})
	t.Logf("all of %d knew of it after %v", len(telling), time.Since(killed).Round(time.Millisecond))
	queued.verdict(t, witness.served)
	t.Logf("all that waited were served after %v", time.Since(killed).Round(time.Millisecond))
	f.comesBack(t)
}

// frozen stops the engine's processes and lets them go on, so late that every limit of
// silence has passed: 3 s for a first token and 2 s within a stream, or in the full form
// Carpool's own 60 s within a stream. Its 300 s for a first token outlast the 90 s, so
// that there whoever waits for one is served after all.
func (f *faulty) frozen(t *testing.T) {
	short, tokens := !isFull(), 600
	if short {
		tokens = long
		f.do(t, "set", "gateway.first_token_timeout_s=3")
		f.do(t, "set", "gateway.stall_timeout_s=2")
	}
	running, queued := f.caught(t, f.all, tokens, f.all)
	server, err := f.engine.pid()
	if err != nil {
		t.Fatal(err)
	}
	thaw := func() error { return syscall.Kill(-server, syscall.SIGCONT) }
	t.Cleanup(func() { _ = thaw() })
	if err := syscall.Kill(-server, syscall.SIGSTOP); err != nil { // and its runner
		t.Fatal(err)
	}
	if !short {
		time.Sleep(90 * time.Second)
		if err := thaw(); err != nil {
			t.Fatal(err)
		}
	}
	running.verdict(t, func(w witness, got fate) error {
		switch {
		case w.streamed:
			return w.broken(got, "stalled in mid-answer")
		case short:
			return w.refused(got, http.StatusGatewayTimeout)
		}
		return w.served(got)
	})
	queued.verdict(t, func(w witness, got fate) error {
		if short {
			return w.refused(got, http.StatusGatewayTimeout, http.StatusServiceUnavailable)
		}
		return w.served(got)
	})
	if short {
		if err := thaw(); err != nil {
			t.Fatal(err)
		}
		f.do(t, "set", "gateway.first_token_timeout_s=300")
		f.do(t, "set", "gateway.stall_timeout_s=60")
	}
	f.comesBack(t)
}

// frozenUnderLoad freezes the engine while Carpool finds out how many requests it can
// run at once. The freeze must not count against the limit for good.
func (f *faulty) frozenUnderLoad(t *testing.T) {
	const clients, tokens = 12, 48
	f.do(t, "set", "batching.mode=adaptive")
	defer f.do(t, "set", "batching.mode=fixed")
	f.do(t, "set", "gateway.stall_timeout_s=2")
	defer f.do(t, "set", "gateway.stall_timeout_s=60")
	var asked, failed atomic.Int64
	crowd := gather(t, clients, func(ctx context.Context, number int) error {
		asked.Add(1)
		if _, err := ask(ctx, f.ollama(), medium, fmt.Sprintf("%d is a number", number), tokens); err != nil {
			failed.Add(1)
			time.Sleep(100 * time.Millisecond) // as a client does that tries again
		}
		return nil
	})
	served := func(n int) {
		t.Helper()
		until := crowd.served() + n
		err := poll(t.Context(), patience, func() error {
			if now := crowd.served(); now < until {
				return fmt.Errorf("%d of %d have ended", now, until)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	limit := func() int {
		t.Helper()
		now, err := f.tuned(t.Context(), medium)
		if err != nil {
			t.Fatal(err)
		}
		return now.Limit
	}
	served(5 * clients)
	before := limit()
	server, err := f.engine.pid()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-server, syscall.SIGCONT) })
	if err := syscall.Kill(-server, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	err = poll(t.Context(), time.Minute, func() error { // whoever had begun has stalled
		if failed.Load() < int64(min(before, clients)) {
			return fmt.Errorf("%d have failed", failed.Load())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-server, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	thawed := time.Now()
	err = poll(t.Context(), time.Minute, func() error {
		if now := limit(); now < before {
			return fmt.Errorf("the limit is %d, %d before", now, before)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("the limit is %d before, and %d again %v after; %d of %d requests failed",
		before, limit(), time.Since(thawed).Round(time.Millisecond), failed.Load(), asked.Load())
	served(clients)
	crowd.disperse()
	f.asked += int(asked.Load())
	f.comesBack(t)
}

var residentLine = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

// resident is the memory that Carpool holds while nothing runs, in bytes.
func (p *pool) resident(t *testing.T) int {
	t.Helper()
	if _, err := p.idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid, err := p.pid()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := residentLine.FindSubmatch(text)
	if m == nil {
		t.Fatalf("no memory in %s", text)
	}
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

var goroutineMade = regexp.MustCompile(`(?m)^created by (\S+)`)

// goroutines ends Carpool by a SIGQUIT, on which Go's runtime tells of each goroutine
// that is there. It returns who made them, but for those of connections that are kept
// for the next request, which are as many as were ever needed at once.
func (p *pool) goroutines(t *testing.T) (made []string) {
	t.Helper()
	p.ledger.transport.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	pid, err := p.pid()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	text, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range goroutineMade.FindAllSubmatch(text, -1) {
		if by := string(m[1]); by != "net/http.(*Transport).dialConn" {
			made = append(made, by)
		}
	}
	if len(made) == 0 {
		t.Fatalf("it told of no goroutine: %s", p.tail())
	}
	slices.Sort(made)
	return made
}
