package backends

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"sync"
	"time"

	"carpool/backends/sim"
	"carpool/internal/serve"
)

// DemoModel is the one model of the demo engine.
const DemoModel = "carpool-demo"

// errDemoClosed ends the requests of a demo engine that is closed.
var errDemoClosed = errors.New("demo engine is closed")

// DemoOptions are fixed for a demo engine's life.
type DemoOptions struct {
	Profile sim.Profile // the simulated GPU; zero = sim.GPU()
	Slots   int         // requests it runs at once; 0 = 4
	Seed    uint64      // of the texts: equal seeds and requests give equal answers
}

// DemoStats says how busy a demo engine is and was.
type DemoStats struct {
	Running     int // requests in a slot
	Waiting     int // requests in its line
	PeakRunning int // most in a slot at once
	Peak        int // most inside the engine at once, waiting ones included
	Served      uint64
	Canceled    uint64 // left before their end
}

// Demo is an engine inside the program: a simulated GPU that runs in real time
// and answers in the Ollama, OpenAI and Anthropic dialects with readable text
// that says it is simulated. It knows only DemoModel. A request's context frees
// its slot as soon as it ends.
//
// It is an http.Handler, and reachable by Transport as if over a socket. Its
// methods may be called from any goroutine.
type Demo struct {
	seed      uint64
	slots     int
	start     time.Time
	mux       *http.ServeMux
	server    *serve.Server
	transport *http.Transport

	mu      sync.Mutex
	machine *sim.Machine
	jobs    map[uint64]*demoJob
	lastID  uint64
	stats   DemoStats

	wake chan struct{} // the machine has something new to do
	stop chan struct{} // closed by Close
	once sync.Once
	done sync.WaitGroup
}

// NewDemo starts a demo engine with its model loaded. Close ends it.
func NewDemo(o DemoOptions) *Demo {
	if reflect.ValueOf(o.Profile).IsZero() {
		o.Profile = sim.GPU()
	}
	if o.Slots <= 0 {
		o.Slots = 4
	}
	d := &Demo{
		seed:  o.Seed,
		slots: o.Slots,
		start: time.Now(),
		machine: sim.New(sim.Config{
			Profile: o.Profile,
			Models:  []sim.Model{{Name: DemoModel, Slots: o.Slots}},
			Loaded:  DemoModel,
		}),
		jobs: make(map[uint64]*demoJob),
		wake: make(chan struct{}, 1),
		stop: make(chan struct{}),
	}
	d.mux = d.routes()
	pipe := serve.NewPipe()
	d.server = serve.Start(pipe, d)
	d.transport = newTransport(pipe.Dial, nil, time.Second).Transport
	d.done.Go(d.run)
	return d
}

// Close ends the engine and fails the requests in it. It returns when its
// goroutines have ended. Closing twice does no harm.
func (d *Demo) Close() {
	d.once.Do(func() { close(d.stop) })
	d.server.Close()
	d.transport.CloseIdleConnections()
	d.done.Wait()
}

// ServeHTTP implements http.Handler.
func (d *Demo) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

// Transport reaches the engine over an in-memory connection that speaks
// HTTP/1.1, so that flushes, cancels and disconnects are as on a socket. The
// host of a request's URL does not matter.
func (d *Demo) Transport() http.RoundTripper { return d.transport }

// Stats returns how busy the engine is.
func (d *Demo) Stats() DemoStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Running, s.Waiting = d.machine.Running(), d.machine.Waiting()
	return s
}

// info describes the engine as the registry lists it.
func (d *Demo) info() Info {
	return Info{
		Name: string(KindDemo), Kind: KindDemo, Label: "Demo engine (simulated)",
		Health: Up, Simulated: true, Slots: d.slots, Preallocated: true, Epoch: 1, Seen: time.Now(),
		APIs: []API{OllamaAPI, OpenAIAPI, ResponsesAPI, AnthropicAPI},
		Models: []Model{{
			Name: DemoModel + ":latest", Loaded: true, Size: demoSize,
			Family: demoDetails.Family, Parameter: demoDetails.ParameterSize, Quant: demoDetails.QuantizationLevel,
		}},
	}
}

// ResetPeak makes the peaks of Stats begin again from what runs now.
func (d *Demo) ResetPeak() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.PeakRunning, d.stats.Peak = 0, 0
	d.count()
}

// run drives the machine by the clock.
func (d *Demo) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		d.mu.Lock()
		d.deliver(d.machine.Advance(time.Since(d.start)))
		at, due := d.machine.Next()
		d.mu.Unlock()

		var tick <-chan time.Time
		if due {
			timer.Reset(at - time.Since(d.start))
			tick = timer.C
		}
		select {
		case <-tick:
		case <-d.wake:
		case <-d.stop:
			return
		}
	}
}

// demoJob is what is known of a request in the machine. Demo.mu guards it.
type demoJob struct {
	progress
	changed chan struct{} // holds one note that progress has moved
}

// progress says how far a request is; times are since the engine's start.
type progress struct {
	tokens                         int
	done                           bool
	submitted, entered, read, last time.Duration
}

// deliver tells each request what has happened to it.
func (d *Demo) deliver(events []sim.Event) {
	for _, e := range events {
		j := d.jobs[e.Job]
		if j == nil {
			continue
		}
		j.last = e.At
		switch e.Kind {
		case sim.Entered:
			j.entered = e.At
		case sim.Token:
			if e.Tokens == 1 {
				j.read = e.At
			}
			j.tokens = max(j.tokens, e.Tokens) // one that starts again repeats itself
		case sim.Done:
			j.done = true
			d.stats.Served++
		}
		select {
		case j.changed <- struct{}{}:
		default:
		}
	}
	d.count()
}

func (d *Demo) count() {
	running := d.machine.Running()
	d.stats.PeakRunning = max(d.stats.PeakRunning, running)
	d.stats.Peak = max(d.stats.Peak, running+d.machine.Waiting())
}

// submit hands a job to the machine.
func (d *Demo) submit(j sim.Job) (uint64, *demoJob) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lastID++
	j.ID, j.Model = d.lastID, DemoModel
	now := time.Since(d.start)
	job := &demoJob{progress: progress{submitted: now}, changed: make(chan struct{}, 1)}
	d.jobs[j.ID] = job
	d.machine.Submit(now, j)
	d.count()
	d.nudge()
	return j.ID, job
}

// forget takes a job out of the machine, wherever it is.
func (d *Demo) forget(id uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if j := d.jobs[id]; !j.done && d.machine.Cancel(time.Since(d.start), id) {
		d.stats.Canceled++
	}
	delete(d.jobs, id)
	d.nudge()
}

func (d *Demo) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// follow calls each with the progress of a job whenever it has moved, until it
// is done, ctx ends or the engine is closed.
func (d *Demo) follow(ctx context.Context, job *demoJob, each func(progress) error) error {
	for {
		select {
		case <-job.changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-d.stop:
			return errDemoClosed
		}
		d.mu.Lock()
		p := job.progress
		d.mu.Unlock()
		if err := each(p); err != nil {
			return err
		}
		if p.done {
			return nil
		}
	}
}
