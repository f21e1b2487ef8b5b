package trust

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"carpool/app/control"
	"carpool/app/trust/ledger"
)

// recovery is how long after an engine is back the first good answer may take.
const recovery = 10 * time.Second

// chaos is a run in which an engine is killed and started again and again.
type chaos struct {
	*testing.T
	c           *carpool
	b           *book
	seed        uint64
	kill, start func()
	kills       int

	mu    sync.Mutex
	since time.Time // the engine is back since then; zero = that was answered
	good  chan time.Duration
	took  []time.Duration // from being back to a good answer, one for each start
}

// answered notes the first good answer to a request that was sent after a start.
func (x *chaos) answered(a ledger.Asked) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if a.Marks == 1 && !x.since.IsZero() && a.Sent.After(x.since) {
		x.good <- a.Done.Sub(x.since)
		x.since = time.Time{}
	}
}

// run kills the engine under load, beside changes of settings and floods.
func (x *chaos) run() {
	const clients, most = 32, 300 * time.Millisecond
	x.good = make(chan time.Duration, 1)
	done := make(chan struct{})
	var beside sync.WaitGroup
	crowd := &crowd{t: x, c: x.c, book: x.b, clients: clients, done: done, name: "r", apps: []string{"chat", "editor", "agent"},
		classes: []string{"urgent", "normal", "background"}, after: x.answered,
		idle: func(d *dice) { time.Sleep(d.duration(2 * most / clients)) },
		leaves: func(d *dice) leaving {
			const leaves = 0.1
			if d.Float64() < leaves {
				return anyLeaving(d)
			}
			return leaving{}
		}}
	beside.Go(func() { crowd.run(x.seed) })
	beside.Go(func() { x.change(done) })
	beside.Go(func() { x.flood(done) })

	d := diceOf(x.seed, -1)
	for range x.kills {
		time.Sleep(d.duration(most)) // it works
		x.kill()
		time.Sleep(d.duration(most)) // it is away
		x.mu.Lock()
		x.since = time.Now()
		x.mu.Unlock()
		x.start()
		select {
		case took := <-x.good:
			x.took = append(x.took, took)
		case <-time.After(patience):
			x.Fatalf("no good answer for %v after the engine was back", patience)
		}
	}
	close(done)
	beside.Wait()
	slices.Sort(x.took)
	if last := x.took[len(x.took)-1]; last > recovery {
		x.Errorf("the first good answer came %v after the engine was back", last)
	}
}

// change changes the settings, by the control socket and by their file, which is also
// broken now and then.
func (x *chaos) change(done <-chan struct{}) {
	const pause, most = 50 * time.Millisecond, 16
	d, set := diceOf(x.seed, -2), control.Dial(x.c.stateDir())
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		case <-time.After(d.duration(pause)):
		}
		switch d.IntN(8) {
		case 0:
			x.c.configure("log.level=" + one(d, []string{"debug", "info", "warn"}))
		case 1:
			x.breakFile()
		case 2:
			if err := set.Set(x.Context(), "queue.order", one(d, []string{"fair", "arrival"})); err != nil {
				x.Error(err)
			}
		default:
			size := 1 + d.IntN(most)
			x.b.limit(size, 0, func() error { return set.Set(x.Context(), "max_batch_size", fmt.Sprint(size)) })
		}
	}
}

// breakFile writes nonsense over the settings until that was noticed, and puts them
// back.
func (x *chaos) breakFile() {
	const mode = 0o600
	good, err := os.ReadFile(x.c.configFile())
	if err != nil {
		x.Error(err)
		return
	}
	noticed := func(want bool) func() error {
		return func() error {
			var h struct {
				Problems []string `json:"problems"`
			}
			if err := x.c.health(&h); err != nil {
				return err
			}
			if slices.Contains(h.Problems, "the settings file has an error") != want {
				return fmt.Errorf("problems %q", h.Problems)
			}
			return nil
		}
	}
	if err := os.WriteFile(x.c.configFile(), []byte("[batching\nnonsense"), mode); err != nil {
		x.Error(err)
	}
	x.c.await("the broken settings are noticed", noticed(true))
	whole := x.c.configFile() + ".whole" // an empty file would be read as the defaults
	if err := errors.Join(os.WriteFile(whole, good, mode), os.Rename(whole, x.c.configFile())); err != nil {
		x.Error(err)
	}
	x.c.await("the settings are read again", noticed(false))
}

// flood sends more at once than may wait.
func (x *chaos) flood(done <-chan struct{}) {
	const clients, pause = 150, time.Second
	d := diceOf(x.seed, -3)
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		case <-time.After(d.duration(pause)):
		}
		f := &crowd{t: x, c: x.c, book: x.b, clients: clients, each: 1, name: fmt.Sprint("flood-", n), apps: []string{"job", "job-2"}}
		f.run(x.seed + uint64(n))
	}
}

// verdict judges the run.
func (x *chaos) verdict(what string) {
	x.b.check(x.c)
	figure(x, chaosRow, fmt.Sprintf("the engine %s %d times under load, beside floods, changes of settings and broken settings files", what, x.kills),
		fmt.Sprintf("%s, each by a whole answer or an error in its dialect, and one row; first good answer after at most %v, half of them %v", x.b.summary(),
			x.took[len(x.took)-1].Round(time.Millisecond), x.took[len(x.took)/2].Round(time.Millisecond)))
}

// chaosRow is where the figures of the chaos suite stand: it proves the row of the
// ledger under faults.
const chaosRow = 30

func kills() int {
	if isFull() {
		return 50
	}
	return 2
}

var chaosSettings = []string{"batching.mode=fixed", "batching.max_batch_size=8", "batching.cancel_grace_ms=20", "queue.max_waiting=64", "queue.reserved_others=16", "engine.demo=never"}

func chaosBook(t testing.TB) *book {
	b := newBook(t, ledger.Rules{Grace: 20 * time.Millisecond, Faults: true})
	b.limit(8, 0, func() error { return nil })
	return b
}

func TestChaosAnEngineThatResets(t *testing.T) {
	engine := unsteady(t)
	b := chaosBook(t)
	b.watch(engine, "ollama")
	x := &chaos{T: t, c: begin(t, engine, chaosSettings...), b: b, seed: seeded(t), kills: kills(),
		kill:  func() { b.broke("ollama", time.Now()); engine.Stop() },
		start: engine.Start}
	x.run()
	x.verdict("resets all its connections and is started again")
}

func TestChaosAnEngineThatIsKilled(t *testing.T) {
	b := chaosBook(t)
	engine := newEngineProcess(t, b, "ollama")
	engine.start()
	c := prepare(t, append([]string{"engine.url=" + engine.url()}, chaosSettings...)...)
	c.start()
	c.await("the engine is up", func() error { return c.engines("up") })
	x := &chaos{T: t, c: c, b: b, seed: seeded(t), kills: kills(), kill: engine.kill, start: engine.start}
	x.run()
	x.verdict("is killed by SIGKILL and started again")
}
