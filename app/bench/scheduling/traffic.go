package scheduling

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"carpool/batching"
)

// Traffic is a stream of requests of one app.
type Traffic struct {
	App      string
	Model    int // index into Scenario.Models
	Priority batching.Priority
	Mix      Mix
	From     time.Duration // nothing is sent before
	Arrivals Arrivals
}

// Arrivals is the rule by which requests are sent: Closed, Poisson, Burst or
// Agents.
type Arrivals interface {
	senders(t Traffic, rng func(sender int) *rand.Rand) []*sender
}

// Closed is a number of clients that each wait for their answer, think, and
// send again. Their first requests come within half a second.
type Closed struct {
	Clients int
	Think   float64 // mean seconds between an answer and the next request
}

// Poisson is a rate that does not care for answers.
type Poisson struct{ Rate float64 } // requests per second

// Burst is a number of requests at once, again and again.
type Burst struct {
	Requests int
	Every    time.Duration // 0 = only once
}

// Agents is a number of apps, each with a private prefix of the mix's length,
// that keep some requests out at any time.
type Agents struct {
	Apps  int
	Out   int
	Think float64 // mean seconds between an answer and the next request
}

// never is a time that does not come.
const never = time.Duration(math.MaxInt64)

// sender sends requests one after the other.
type sender struct {
	app      string
	model    int
	priority batching.Priority
	sizes    sizes
	pace     pace
}

// pace says when a sender sends next; never leaves it to the other method.
type pace interface {
	first() time.Duration
	sent(now time.Duration) time.Duration
	answered(now time.Duration) time.Duration
}

func newSender(t Traffic, rng *rand.Rand, p pace) *sender {
	return &sender{app: t.App, model: t.Model, priority: t.Priority, sizes: sizes{mix: t.Mix, rng: rng}, pace: p}
}

func (c Closed) senders(t Traffic, rng func(int) *rand.Rand) []*sender {
	var all []*sender
	for i := range c.Clients {
		r := rng(i)
		all = append(all, newSender(t, r, &closedPace{rng: r, from: t.From, think: c.Think}))
	}
	return all
}

func (p Poisson) senders(t Traffic, rng func(int) *rand.Rand) []*sender {
	r := rng(0)
	return []*sender{newSender(t, r, &poissonPace{rng: r, from: t.From, rate: p.Rate})}
}

func (b Burst) senders(t Traffic, rng func(int) *rand.Rand) []*sender {
	return []*sender{newSender(t, rng(0), &burstPace{Burst: b, from: t.From})}
}

func (a Agents) senders(t Traffic, rng func(int) *rand.Rand) []*sender {
	var all []*sender
	for app := range a.Apps {
		for out := range a.Out {
			r := rng(app*a.Out + out)
			s := newSender(t, r, &closedPace{rng: r, from: t.From, think: a.Think})
			s.app = fmt.Sprintf("%s %d", t.App, app)
			s.sizes.prefix = uint64(app + 1)
			all = append(all, s)
		}
	}
	return all
}

type closedPace struct {
	rng   *rand.Rand
	from  time.Duration
	think float64
}

func (p *closedPace) first() time.Duration             { return p.from + seconds(.5*p.rng.Float64()) }
func (p *closedPace) sent(time.Duration) time.Duration { return never }
func (p *closedPace) answered(now time.Duration) time.Duration {
	return now + seconds(p.think*p.rng.ExpFloat64())
}

type poissonPace struct {
	rng  *rand.Rand
	from time.Duration
	rate float64
}

func (p *poissonPace) first() time.Duration { return p.sent(p.from) }
func (p *poissonPace) sent(now time.Duration) time.Duration {
	return now + seconds(p.rng.ExpFloat64()/p.rate)
}
func (p *poissonPace) answered(time.Duration) time.Duration { return never }

type burstPace struct {
	Burst
	from  time.Duration
	count int // sent of the present burst
}

func (p *burstPace) first() time.Duration { return p.from }
func (p *burstPace) sent(now time.Duration) time.Duration {
	if p.count++; p.count < p.Requests {
		return now
	}
	p.count = 0
	if p.Every <= 0 {
		return never
	}
	return now + p.Every
}
func (p *burstPace) answered(time.Duration) time.Duration { return never }

func seconds(s float64) time.Duration { return time.Duration(s*float64(time.Second) + .5) }
