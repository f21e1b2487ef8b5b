package relay

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// sample is what one turn of a target gave, by the name of the figure.
type sample map[string]float64

// scenario is one load; run is one turn of a target.
type scenario struct {
	name, title, text string
	figures           []figure
	targets           []string // that take part
	rounds            int
	fresh             bool // each turn has a process of its own
	apart             bool // runs only where it is asked for by name
	run               func(ctx context.Context, s *stage, t *target) (sample, error)
}

// figure is a column of a scenario's table.
type figure struct {
	name, unit string
	added      bool // over direct
	digits     int
	sum        bool // over the rounds, and not compared
}

// failures are those of all rounds together.
var failures = figure{name: "failed", unit: "answers", sum: true}

var (
	everyone = []string{direct, plain, carpool, nginx}
	gateways = []string{plain, carpool, nginx}
)

// scenarios are all, in the order in which they run; quick ones are for tests.
func scenarios(quickly bool) []scenario {
	// Many short rounds: the nearer in time two turns are, the more alike the machine is.
	rounds, turn, requests, streams, alone := 15, time.Second, 1000, []int{1000, 5000}, 10*time.Minute
	if quickly {
		rounds, turn, requests, streams, alone = 1, 200*time.Millisecond, 100, []int{100}, 10*time.Second
	}
	all := []scenario{
		{
			name: "latency", title: "Added latency, one client", rounds: rounds, targets: everyone,
			text:    fmt.Sprintf("%d chats of about 100 tokens one after the other, each answered at once and in one piece.", requests),
			figures: []figure{{name: "p50", unit: "µs", added: true}, {name: "p95", unit: "µs", added: true}, {name: "p99", unit: "µs", added: true}},
			run:     func(ctx context.Context, _ *stage, t *target) (sample, error) { return oneByOne(ctx, t, requests) },
		},
		{
			name: "throughput", title: "Requests per second, 64 clients", rounds: rounds, targets: everyone,
			text:    "The same chats from 64 connections at once: an engine that takes no time.",
			figures: []figure{{name: "rate", unit: "requests/s"}, {name: "cpu", unit: "CPU s per 10,000 requests", digits: 2}, failures},
			run:     func(ctx context.Context, _ *stage, t *target) (sample, error) { return flood(ctx, t, 64, turn) },
		},
		{
			name: "ndjson", title: "Tokens relayed, Ollama's dialect", rounds: rounds, targets: everyone,
			text:    "16 streams at once, each token a chunk of some 110 bytes that the engine writes by itself.",
			figures: []figure{{name: "rate", unit: "tokens/s"}, {name: "cpu", unit: "CPU s per 1,000,000 tokens", digits: 2}, failures},
			run: func(ctx context.Context, _ *stage, t *target) (sample, error) {
				return relay(ctx, t, ollamaPath, ollamaChat(quick, streamTokens), turn)
			},
		},
		{
			name: "sse", title: "Tokens relayed, OpenAI's dialect", rounds: rounds, targets: everyone,
			text:    "The same with server-sent events of some 150 bytes.",
			figures: []figure{{name: "rate", unit: "tokens/s"}, {name: "cpu", unit: "CPU s per 1,000,000 tokens", digits: 2}, failures},
			run: func(ctx context.Context, _ *stage, t *target) (sample, error) {
				return relay(ctx, t, chatPath, openAIChat(quick, true, streamTokens), turn)
			},
		},
	}
	for _, n := range streams {
		all = append(all, scenario{
			name: fmt.Sprintf("streams%d", n), title: fmt.Sprintf("%d open streams", n), rounds: min(rounds, 3), fresh: true, targets: gateways,
			text:    "All open at once, a token each second. Memory is what the gateway's process grew by; a chunk's delay is from the engine's write to the client's read.",
			figures: []figure{{name: "memory", unit: "KiB a stream", digits: 1}, {name: "p50", unit: "µs delay"}, {name: "p99", unit: "µs delay"}, failures},
			run:     func(ctx context.Context, _ *stage, t *target) (sample, error) { return hold(ctx, t, n) },
		})
	}
	return append(all,
		scenario{
			name: "embeddings", title: "Embedding storm, 256 clients", rounds: min(rounds, 5), targets: []string{direct, carpool},
			text:    fmt.Sprintf("Single texts before an engine with one slot whose call takes %v and %v for each text.", embedCall, embedText),
			figures: []figure{{name: "rate", unit: "texts/s"}},
			run:     func(ctx context.Context, _ *stage, t *target) (sample, error) { return storm(ctx, t, 2*turn) },
		},
		scenario{
			name: "rest", title: "At rest", rounds: min(rounds, 5), fresh: true, targets: []string{plain, carpool},
			text:    "From the start of the process to its first answer, and its memory two seconds later.",
			figures: []figure{{name: "start", unit: "ms to the first answer"}, {name: "memory", unit: "MiB", digits: 1}},
			run:     rest,
		},
		scenario{
			name: "waiting", title: "10,000 requests waiting", rounds: min(rounds, 3), fresh: true, targets: []string{carpool},
			text: "64 running, 200 a second ending, an engine that takes 320 ms for each: CPU with nobody and with 10,000 waiting.",
			figures: []figure{{name: "alone", unit: "% of a core, none waiting", digits: 1}, {name: "waiting", unit: "% of a core, 10,000 waiting", digits: 1},
				{name: "scheduling", unit: "% of a core for the 10,000", digits: 1}},
			run: func(ctx context.Context, s *stage, t *target) (sample, error) {
				return queued(ctx, s, t, 10*turn, 10*requests)
			},
		},
		serverScenario(servers(quickly)[0]),
		serverScenario(servers(quickly)[1]),
		scenario{
			name: "idle", title: "Idle", rounds: 1, fresh: true, targets: []string{carpool},
			text:    fmt.Sprintf("Carpool as it is installed, without a window, left alone for %v. No engine is there, unless the machine has one.", alone),
			figures: []figure{{name: "memory", unit: "MB", digits: 1}, {name: "cpu", unit: "% of a core", digits: 2}},
			run:     func(ctx context.Context, s *stage, t *target) (sample, error) { return idle(ctx, s, t, alone) },
		},
	)
}

// streamTokens is the length of a relayed answer.
const streamTokens = 500

func oneByOne(ctx context.Context, t *target, requests int) (sample, error) {
	c, err := board(ctx, t.address(), 1)
	if err != nil {
		return nil, err
	}
	defer c.leave()
	var l latencies
	r := request(t.address(), chatPath, openAIChat(quick, false, 8))
	err = c.each(ctx, func(_ context.Context, c *client) error {
		const warm = 50
		for i := range requests + warm {
			begun := time.Now()
			if err := c.send(r, nil); err != nil {
				return err
			}
			if i >= warm {
				l.add(time.Since(begun))
			}
		}
		return nil
	})
	return sample{"p50": microseconds(l.quantile(.5)), "p95": microseconds(l.quantile(.95)), "p99": microseconds(l.quantile(.99))}, err
}

// flood has clients ask as fast as they can for a while.
func flood(ctx context.Context, t *target, clients int, turn time.Duration) (sample, error) {
	r := request(t.address(), chatPath, openAIChat(quick, false, 8))
	d, err := drive(ctx, t, clients, turn, func(c *client) (int, error) { return 1, c.send(r, nil) })
	const requests = 10_000
	return d.per(requests), err
}

// relay has clients read streams as fast as they can for a while.
func relay(ctx context.Context, t *target, path, body string, turn time.Duration) (sample, error) {
	const clients, tokens = 16, 1_000_000
	r := request(t.address(), path, body)
	d, err := drive(ctx, t, clients, turn, func(c *client) (int, error) { return streamTokens, c.send(r, nil) })
	return d.per(tokens), err
}

// done is what a load did in a turn.
type done struct {
	count   float64 // of what once counts
	failed  float64 // answers that broke off
	seconds float64
	cpu     float64 // seconds, of the target's program
}

// drive lets clients work for a turn. A plain proxy now and then cuts a fast stream
// short: net/http closes a request's body at the first byte of the answer, while the
// transport still looks at it.
func drive(ctx context.Context, t *target, clients int, turn time.Duration, once func(*client) (int, error)) (d done, err error) {
	all, err := board(ctx, t.address(), clients)
	if err != nil {
		return d, err
	}
	defer all.leave()
	before, err := t.program.cpu(ctx)
	if err != nil {
		return d, err
	}
	var count, failed atomic.Int64
	begun := time.Now()
	err = all.each(ctx, func(ctx context.Context, c *client) error {
		for time.Since(begun) < turn {
			n, err := once(c)
			if err != nil {
				failed.Add(1)
				if err := c.renew(ctx); err != nil {
					return err
				}
				continue
			}
			count.Add(int64(n))
		}
		return nil
	})
	d.seconds = time.Since(begun).Seconds()
	after, cpuErr := t.program.cpu(ctx)
	d.count, d.failed, d.cpu = float64(count.Load()), float64(failed.Load()), after-before
	return d, errors.Join(err, cpuErr)
}

// per is the load's rate, and what so many of what it counts cost.
func (d done) per(many float64) sample {
	return sample{"rate": d.count / d.seconds, "cpu": d.cpu / max(1, d.count) * many, "failed": d.failed}
}

// hold keeps n streams open.
func hold(ctx context.Context, t *target, n int) (sample, error) {
	before, err := t.program.memory(ctx)
	if err != nil {
		return nil, err
	}
	all, err := board(ctx, t.address(), n)
	if err != nil {
		return nil, err
	}
	defer all.leave()
	const forgiven = 100                       // streams, of which one may break off
	const tokens, settled, measured = 12, 4, 8 // the memory is read while the tokens after settled come
	r := request(t.address(), ollamaPath, ollamaChat(drip, tokens))
	var l latencies
	var memory float64
	var failed atomic.Int64
	read := make(chan error, 1)
	timer := time.AfterFunc(measured*dripEvery, func() {
		var err error
		memory, err = t.program.memory(ctx)
		read <- err
	})
	defer timer.Stop()
	err = all.each(ctx, func(_ context.Context, c *client) error {
		var own []time.Duration
		seen := 0
		err := c.send(r, func(piece []byte) {
			if seen++; seen <= settled {
				return
			}
			if d, err := sinceStamp(piece, time.Now()); err == nil {
				own = append(own, d)
			}
		})
		l.add(own...)
		// A few that break off change no figure, and one of another gateway ends no suite.
		if err != nil && failed.Add(1) > int64(n/forgiven) {
			return err
		}
		return nil
	})
	if err := errors.Join(err, <-read); err != nil {
		return nil, err
	}
	return sample{"memory": (memory - before) / 1024 / float64(n), "p50": microseconds(l.quantile(.5)), "p99": microseconds(l.quantile(.99)),
		"failed": float64(failed.Load())}, nil
}

// storm has clients ask for one vector after the other, no text twice.
func storm(ctx context.Context, t *target, turn time.Duration) (sample, error) {
	const clients = 256
	var texts atomic.Int64
	d, err := drive(ctx, t, clients, turn, func(c *client) (int, error) {
		body := fmt.Sprintf(`{"model":%q,"input":"text number %d-%d"}`, vec, time.Now().UnixNano(), texts.Add(1))
		return 1, c.send(request(t.address(), embedPath, body), nil)
	})
	return d.per(1), err
}
