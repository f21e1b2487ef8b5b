package adaptive_test

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"carpool/backends/sim"
	"carpool/batching/adaptive"
)

// policy moves the limit of a run.
type policy interface {
	Released(now time.Time, id uint64, w adaptive.Work)
	Tokens(now time.Time, id uint64, n int)
	Ended(now time.Time, id uint64, e adaptive.End)
	Memory(now time.Time, m adaptive.Memory)
	Tick(now time.Time, waiting, inFlight int) adaptive.Decision
}

// constant is the policy that never moves.
type constant int

func (constant) Released(time.Time, uint64, adaptive.Work) {}
func (constant) Tokens(time.Time, uint64, int)             {}
func (constant) Ended(time.Time, uint64, adaptive.End)     {}
func (constant) Memory(time.Time, adaptive.Memory)         {}
func (c constant) Tick(time.Time, int, int) adaptive.Decision {
	return adaptive.Decision{Limit: int(c)}
}

// mix is a distribution of requests: a share of short answers among long ones.
type mix struct{ short, shortOut, longOut, prompt float64 }

func (m mix) draw(r *rand.Rand) (prompt, output int) {
	prompt = int(min(max(m.prompt*math.Exp(.7*r.NormFloat64()), 20), 6000))
	mean := m.longOut
	if r.Float64() < m.short {
		mean = m.shortOut
	}
	return prompt, max(1, int(mean*math.Exp(.5*r.NormFloat64()-.125)))
}

var (
	standard = mix{.5, 40, 350, 600}
	longMix  = mix{.3, 60, 500, 1500}
)

// scenario is an engine and a load on it.
type scenario struct {
	profile sim.Profile
	slots   int
	clients int     // closed loop; 0 = open
	think   float64 // seconds
	rate    float64 // open loop, requests per second
	mix     mix
	length  time.Duration
	warm    time.Duration // not counted
	seed    uint64
	memory  bool // the governor sees the card
	gpu     func(at time.Duration) (utilization, others float64)
	timed   bool                   // the engine tells its times at the end
	change  map[float64]sim.Config // by second
	max     int
}

// outcome is what a run gave.
type outcome struct {
	rate      float64 // output tokens per second
	limit     float64 // mean, after the warm-up
	changes   float64 // of the limit, per minute after the warm-up
	evictions int
	spilled   time.Duration
	done      int
	trace     []step // every change of the limit
}

type step struct {
	at     time.Duration
	limit  int
	reason string
}

func (o outcome) limitAt(at time.Duration) int {
	n := 0
	for _, s := range o.trace {
		if s.at > at {
			break
		}
		n = s.limit
	}
	return n
}

// settled is when the limit came to stay within [slots, slots+1] for 20 s.
func (o outcome) settled(slots int, from, end time.Duration) time.Duration {
	since := time.Duration(-1)
	for at := from; at <= end; at += 100 * time.Millisecond {
		n := o.limitAt(at)
		switch {
		case n < slots || n > slots+1:
			since = -1
		case since < 0:
			since = at
		case at-since >= 20*time.Second:
			return since - from
		}
	}
	return -1
}

func (o outcome) String() string {
	return fmt.Sprintf("%.1f tok/s, limit %.2f, %.2f changes/min, %d evictions, %.1f s spilled",
		o.rate, o.limit, o.changes, o.evictions, o.spilled.Seconds())
}

type arrival struct {
	at     time.Duration
	client int
}

type arrivals []arrival

func (a arrivals) Len() int           { return len(a) }
func (a arrivals) Less(i, j int) bool { return a[i].at < a[j].at }
func (a arrivals) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)        { *a = append(*a, x.(arrival)) }
func (a *arrivals) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

type call struct {
	id             uint64
	client         int
	prompt, output int
	expected       int
	released       time.Duration
	entered        time.Duration
	tokens         int
}

var debug func(time.Duration, policy, adaptive.Memory, int, int, adaptive.Decision)

var start = time.Unix(1_700_000_000, 0)

// run plays a scenario under a policy: first come, first served, gated by the
// limit and by the token budget as the scheduler does it.
func run(s scenario, p policy) outcome {
	r := rand.New(rand.NewPCG(s.seed, 7))
	m := sim.New(sim.Config{Profile: s.profile, Models: []sim.Model{{Name: "m", Slots: s.slots}}, Loaded: "m"})
	var (
		out      outcome
		due      arrivals
		waiting  []*call
		flight   = map[uint64]*call{}
		order    []uint64
		nextID   uint64
		now      time.Duration
		tick     = 100 * time.Millisecond
		sample   = time.Second
		recent   []int
		decision = adaptive.Decision{Limit: 1}
		tokens   int
		area     float64
		last     time.Duration
		changes  []float64
	)
	// A sender draws from its own source, so that policies meet the same requests.
	senders := make([]*rand.Rand, max(s.clients, 1))
	for i := range senders {
		senders[i] = rand.New(rand.NewPCG(s.seed, uint64(i)+100))
	}
	for at := range s.change {
		changes = append(changes, at)
	}
	slices.Sort(changes)
	if s.clients > 0 {
		for c := range s.clients {
			heap.Push(&due, arrival{seconds(r.Float64() * .5), c})
		}
	} else {
		heap.Push(&due, arrival{seconds(r.ExpFloat64() / s.rate), -1})
	}
	expected := func() int {
		if len(recent) < 5 {
			return 512
		}
		sorted := slices.Clone(recent[max(0, len(recent)-64):])
		slices.Sort(sorted)
		return min(2048, sorted[len(sorted)*9/10])
	}
	fits := func(c *call) bool {
		if decision.Tokens == 0 || len(flight) == 0 {
			return true
		}
		sum := c.prompt + c.expected
		for _, id := range order {
			f := flight[id]
			sum += f.prompt + f.tokens + max(32, f.expected-f.tokens)
		}
		return sum <= decision.Tokens
	}
	decide := func() {
		for {
			decision = p.Tick(start.Add(now), len(waiting), len(flight))
			if n := decision.Limit; len(out.trace) == 0 || out.trace[len(out.trace)-1].limit != n {
				if now > s.warm {
					area += float64(out.limitAt(now)) * (now - max(last, s.warm)).Seconds()
					out.changes++
				}
				last = now
				out.trace = append(out.trace, step{now, n, decision.Reason})
			}
			if len(waiting) == 0 || len(flight) >= decision.Limit {
				return
			}
			c := waiting[0]
			c.expected = expected()
			if !fits(c) {
				return
			}
			waiting = waiting[1:]
			flight[c.id], order = c, append(order, c.id)
			c.released = now
			p.Released(start.Add(now), c.id, adaptive.Work{Prompt: c.prompt, MaxTokens: 2048, Streams: true})
			m.Submit(now, sim.Job{ID: c.id, Model: "m", Prompt: c.prompt, Output: c.output})
		}
	}
	lastSpill := time.Duration(0)
	for now < s.length {
		next := min(tick, sample)
		if at, ok := m.Next(); ok {
			next = min(next, at)
		}
		if len(due) > 0 {
			next = min(next, due[0].at)
		}
		if len(changes) > 0 {
			next = min(next, seconds(changes[0]))
		}
		now = max(now, next)
		decided := false
		if len(changes) > 0 && now >= seconds(changes[0]) {
			m.Configure(now, s.change[changes[0]])
			changes = changes[1:]
		}
		for _, e := range m.Advance(now) {
			c := flight[e.Job]
			switch e.Kind {
			case sim.Entered:
				c.entered = e.At
			case sim.Token:
				if e.Tokens <= c.tokens {
					continue // an evicted one starts again, unseen
				}
				c.tokens = e.Tokens
				if now > s.warm {
					tokens++
				}
				p.Tokens(start.Add(e.At), e.Job, 1)
			case sim.Preempted:
				out.evictions++
			case sim.Done:
				delete(flight, e.Job)
				order = slices.DeleteFunc(order, func(id uint64) bool { return id == e.Job })
				recent = append(recent, c.output)
				end := adaptive.End{Prompt: c.prompt, Cached: -1, Output: c.output}
				if s.timed {
					end.Timed, end.EngineWait, end.EvalTime = true, c.entered-c.released, e.At-c.entered
				}
				p.Ended(start.Add(e.At), e.Job, end)
				out.done++
				if c.client >= 0 {
					heap.Push(&due, arrival{now + seconds(s.think*senders[c.client].ExpFloat64()), c.client})
				}
				decided = true
			}
		}
		for len(due) > 0 && due[0].at <= now {
			a := heap.Pop(&due).(arrival)
			nextID++
			c := &call{id: nextID, client: a.client}
			c.prompt, c.output = s.mix.draw(senders[max(a.client, 0)])
			waiting = append(waiting, c)
			if a.client < 0 {
				heap.Push(&due, arrival{now + seconds(r.ExpFloat64()/s.rate), -1})
			}
			decided = true
		}
		if now >= sample {
			sample += time.Second
			reading := adaptive.Memory{Utilization: -1, Others: -1}
			if s.memory {
				reading.Used, reading.Total = m.Memory(), s.profile.Memory
			}
			if s.gpu != nil {
				reading.Utilization, reading.Others = s.gpu(now)
			}
			p.Memory(start.Add(now), reading)
			if s.profile.KV == sim.Dynamic && m.Memory() >= s.profile.Memory {
				out.spilled += now - lastSpill
			}
			lastSpill = now
			if debug != nil {
				debug(now, p, reading, len(flight), len(waiting), decision)
			}
		}
		if now >= tick {
			tick += 100 * time.Millisecond
			decided = true
		}
		if decided {
			decide()
		}
	}
	area += float64(out.limitAt(now)) * (now - max(last, s.warm)).Seconds()
	out.limit = area / (now - s.warm).Seconds()
	out.rate = float64(tokens) / (now - s.warm).Seconds()
	out.changes /= (now - s.warm).Minutes()
	return out
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
