package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The loads of an engine on a server: how many stream at once, and how many of them
// the engine runs.
type serverLoad struct {
	clients, sequences int
	turn, climb        time.Duration // of direct and fixed; of adaptive
}

// servers are the two loads: an engine that runs a part of them, as it is by default on
// smaller cards, and one that runs all.
func servers(quickly bool) [2]serverLoad {
	if quickly {
		return [2]serverLoad{{24, 12, 2 * time.Second, 2 * time.Second}, {24, 32, 2 * time.Second, 2 * time.Second}}
	}
	const turn, climb = 15 * time.Second, 100 * time.Second
	return [2]serverLoad{{1000, 256, turn, climb}, {1000, 1024, turn, climb}}
}

// serverScenario has many streams before a scripted vLLM: directly, through Carpool
// with a fixed limit above the load, and with one that it finds by itself.
func serverScenario(l serverLoad) scenario {
	return scenario{
		name: fmt.Sprintf("vllm%d", l.sequences), title: fmt.Sprintf("A scripted vLLM of %d sequences, %d streams", l.sequences, l.clients),
		rounds: 1, fresh: true, apart: true, targets: []string{carpool},
		text: fmt.Sprintf("Each client streams one chat after the other, of 50–150 tokens; a step takes %v and %v for each stream. "+
			"Adaptive begins with what it knows of no engine and may go up to 1,024: how long until its limit is 9/10 of what the engine "+
			"runs for this load (0: not in this time), and tokens/s in the last quarter of %v.", serverStep, serverStream, l.climb),
		figures: []figure{
			{name: "direct", unit: "tokens/s"}, {name: "fixed", unit: "tokens/s"}, {name: "adaptive", unit: "tokens/s"},
			{name: "limit", unit: "found in the end"}, {name: "climb", unit: "s to 9/10", digits: 1},
			{name: "served", unit: "answers", sum: true}, failures,
			{name: "cpu", unit: "CPU s per 1,000,000 tokens, fixed", digits: 2}, {name: "memory", unit: "MiB, fixed"},
		},
		run: func(ctx context.Context, s *stage, t *target) (sample, error) { return serve(ctx, s, t, l) },
	}
}

// serverSettings are those that docs/scale.md names for an engine on a server.
const serverSettings = `[engine]
demo = "never"
[engines]
discover = false
list = ["vllm=openai http://%s"]
[batching]
mode = %q
max_batch_size = 1024
[adaptive]
max = 1024
[queue]
max_waiting = 20000
reserved_others = 0
`

// serve is the one turn of a server's load.
func serve(ctx context.Context, s *stage, t *target, l serverLoad) (got sample, err error) {
	engine, err := s.part(ctx, s.self, "vllm", fmt.Sprint(l.sequences))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, engine.stop()) }()
	direct, err := streams(ctx, engine.address, l.clients, l.turn, nil)
	if err != nil {
		return nil, fmt.Errorf("direct: %w", err)
	}
	got = sample{"direct": direct.rate(0), "served": direct.served(), "failed": direct.failed()}

	if err := s.exchange(ctx, t, engine, "fixed"); err != nil {
		return nil, err
	}
	before, err := t.program.cpu(ctx)
	if err != nil {
		return nil, err
	}
	var memory float64
	fixed, err := streams(ctx, t.address(), l.clients, l.turn, func(ctx context.Context) error {
		now, err := t.program.memory(ctx)
		memory = max(memory, now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("fixed: %w", err)
	}
	after, err := t.program.cpu(ctx)
	if err != nil {
		return nil, err
	}
	const tokens = 1_000_000
	got["fixed"], got["cpu"], got["memory"] = fixed.rate(0), tokens*(after-before)/max(1, float64(fixed.tokens())), memory/(1<<20)

	if err := s.exchange(ctx, t, engine, "adaptive"); err != nil {
		return nil, err
	}
	wanted := min(l.clients, l.sequences) * 9 / 10
	begun := time.Now()
	climb, limit := time.Duration(0), 0
	adaptive, err := streams(ctx, t.address(), l.clients, l.climb, func(ctx context.Context) (err error) {
		if limit, err = limitOf(ctx, t.address()); climb == 0 && limit >= wanted {
			climb = time.Since(begun)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("adaptive: %w", err)
	}
	got["adaptive"], got["limit"], got["climb"] = adaptive.rate(l.climb*3/4), float64(limit), climb.Seconds()
	got["served"] += fixed.served() + adaptive.served()
	got["failed"] += fixed.failed() + adaptive.failed()
	return got, nil
}

// exchange has t's program replaced by a Carpool before another engine.
func (s *stage) exchange(ctx context.Context, t *target, engine *program, mode string) error {
	if err := t.program.stop(); err != nil {
		return err
	}
	p, err := s.carpoolWith(ctx, fmt.Appendf(nil, serverSettings, engine.address, mode))
	if err != nil {
		return err
	}
	t.program = p
	const patience = 10 * time.Second
	for end := time.Now().Add(patience); ; {
		c, err := dial(ctx, p.address)
		if err == nil {
			err = c.send(request(p.address, chatPath, openAIChat(serverModel, false, 1)), nil)
			c.close()
		}
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
	}
}

// tally is what streams gave, by quarters of a second.
type tally struct {
	perQuarter     []atomic.Int64
	answers, lost  atomic.Int64
	since          time.Time
	quarters, turn time.Duration
}

func newTally(turn time.Duration) *tally {
	const quarter = 250 * time.Millisecond
	return &tally{perQuarter: make([]atomic.Int64, turn/quarter+1), since: time.Now(), quarters: quarter, turn: turn}
}

func (y *tally) token() {
	if i := int(time.Since(y.since) / y.quarters); i < len(y.perQuarter) {
		y.perQuarter[i].Add(1)
	}
}

func (y *tally) served() float64 { return float64(y.answers.Load()) }
func (y *tally) failed() float64 { return float64(y.lost.Load()) }

func (y *tally) tokens() (n int64) {
	for i := range y.perQuarter {
		n += y.perQuarter[i].Load()
	}
	return n
}

// rate is the tokens per second from a moment of the turn to its end.
func (y *tally) rate(from time.Duration) float64 {
	first, last := int(from/y.quarters), int(y.turn/y.quarters)
	sum := int64(0)
	for i := first; i < last; i++ {
		sum += y.perQuarter[i].Load()
	}
	return float64(sum) / (time.Duration(last-first) * y.quarters).Seconds()
}

// streams has clients stream for a turn and read the answers that have begun to their
// end. look is called twice a second meanwhile; nil = nobody looks.
func streams(ctx context.Context, address string, clients int, turn time.Duration, look func(context.Context) error) (y *tally, err error) {
	all, err := board(ctx, address, clients)
	if err != nil {
		return nil, err
	}
	defer all.leave()
	y = newTally(turn)
	var looking sync.WaitGroup
	over := make(chan struct{})
	var lookErr error
	looking.Go(func() {
		tick := time.NewTicker(time.Second / 2)
		defer tick.Stop()
		for look != nil && lookErr == nil {
			select {
			case <-tick.C:
				if time.Since(y.since) < turn {
					lookErr = look(ctx)
				}
			case <-over:
				return
			}
		}
	})
	var number atomic.Int64
	err = all.each(ctx, func(ctx context.Context, c *client) error {
		for time.Since(y.since) < turn {
			const shortest, spread = 50, 101
			body := openAIChat(serverModel, true, shortest+int(number.Add(1)*37%spread))
			if err := c.send(request(address, chatPath, body), func([]byte) { y.token() }); err != nil {
				y.lost.Add(1)
				if err := c.renew(ctx); err != nil {
					return err
				}
				continue
			}
			y.answers.Add(1)
		}
		return nil
	})
	close(over)
	looking.Wait()
	return y, errors.Join(err, lookErr)
}

// limitOf is how many requests Carpool lets in at once.
func limitOf(ctx context.Context, address string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	var health struct {
		Models []struct {
			Limit int `json:"limit"`
		} `json:"models"`
	}
	if err := json.Unmarshal(text, &health); err != nil || len(health.Models) == 0 {
		return 0, err
	}
	return health.Models[0].Limit, nil
}
