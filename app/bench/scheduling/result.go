package scheduling

import (
	"slices"
	"time"
)

// Result is what a run showed after its warm-up, or several runs of the same
// scenario: then figures are means, counts of events are sums, extremes are
// extremes, and there are no series.
type Result struct {
	Tokens float64 // output tokens per second that reached clients
	Gap95  time.Duration

	Limit        float64 // mean over time, of the first model
	LimitChanges float64 // per minute
	LimitMax     int
	LimitEarly   float64   // mean from 30 s after the start on, warm-up or not
	Limits       []LimitAt // from the start, warm-up included

	Swaps           float64       // loads of a model, from the start
	Evictions       int           // from the start
	Spilled         time.Duration // from the start
	Peak            float64       // most MiB of the card asked for, from the start
	Offered, Served float64       // requests per second
	Attained        float64       // share of requests with a first token within 3 s and 100 ms per token
	Saved           float64       // share of prompt tokens that the engine had in its cache

	Requests  int         // ended, from the start
	Refused   int         // as too large, from the start
	Least     int         // tokens of the shortest of them
	Largest   int         // tokens of the longest request that was released
	Apps      []AppResult // in order of first arrival
	Finished  []time.Duration
	PerSecond []int // tokens, from the start
}

// LimitAt is a limit and when it came into force.
type LimitAt struct {
	At    time.Duration
	Limit int
}

// AppResult is what one app saw. A request that had no first token at the end
// counts with the time it had waited by then.
type AppResult struct {
	App                       string
	Requests                  int
	Last                      time.Duration // end of the last one answered
	First50, First95, Longest time.Duration // wait for the first token
	Latency, Short95, Long95  time.Duration // whole latency: mean, and of answers up to and above 100 tokens
	Waits                     []Wait        // for first tokens, in order of arrival
}

// Wait is how long a request that arrived at a time waited for its first token.
type Wait struct{ Arrived, For time.Duration }

// observation gathers a run's figures.
type observation struct {
	warmUp, length   time.Duration
	tokens           int
	gaps             histogram
	perSecond        []int
	limits           []LimitAt
	swaps, evictions int
}

func (o *observation) begin(s Scenario) {
	o.warmUp, o.length = s.WarmUp, s.Length
	o.perSecond = make([]int, int(s.Length/time.Second)+1)
}

// token counts a token before the request is brought up to date.
func (o *observation) token(now time.Duration, r *request) {
	o.perSecond[now/time.Second]++
	if now < o.warmUp {
		return
	}
	o.tokens++
	if r.last >= 0 {
		o.gaps.add(now - r.last)
	}
}

func (o *observation) limit(now time.Duration, l int) { o.limits = append(o.limits, LimitAt{now, l}) }

func (o *observation) result(w *world) Result {
	span := (o.length - o.warmUp).Seconds()
	r := Result{
		Tokens: float64(o.tokens) / span, Gap95: o.gaps.quantile(.95),
		Limits: o.limits, Swaps: float64(o.swaps), Evictions: o.evictions, Spilled: w.machine.Use().Spilled, Peak: w.machine.Use().Peak,
		PerSecond: o.perSecond,
	}
	r.Limit, r.LimitChanges, r.LimitMax = o.limitFigures(o.warmUp)
	r.LimitEarly, _, _ = o.limitFigures(min(early, o.length/2))
	var offered, served, attained, prompt, cached int
	for _, q := range w.requests {
		if q.released >= 0 {
			r.Largest = max(r.Largest, q.prompt+q.output)
		}
		if q.refused {
			if whole := q.prompt + q.output; r.Refused == 0 || whole < r.Least {
				r.Least = whole
			}
			r.Refused++
			continue
		}
		if q.done >= 0 {
			r.Requests++
			r.Finished = append(r.Finished, q.done)
			if q.done >= o.warmUp {
				served++
			}
		}
		if q.arrived < o.warmUp {
			continue
		}
		offered++
		if q.first >= 0 {
			prompt += q.prompt
			cached += q.cached
		}
		if q.attained() {
			attained++
		}
	}
	slices.Sort(r.Finished)
	r.Offered, r.Served = float64(offered)/span, float64(served)/span
	r.Attained = ratio(float64(attained), float64(offered))
	r.Saved = ratio(float64(cached), float64(prompt))
	r.Apps = o.apps(w.requests)
	return r
}

// attained tells whether a request was answered as fast as one would like.
func (r *request) attained() bool {
	return r.done >= 0 && r.first-r.arrived <= 3*time.Second &&
		(r.done-r.first) <= time.Duration(r.output-1)*100*time.Millisecond
}

// early is when a limit should be right.
const early = 30 * time.Second

// limitFigures are mean, changes per minute and maximum from a time on.
func (o *observation) limitFigures(from time.Duration) (mean, changes float64, most int) {
	var area float64
	for i, l := range o.limits {
		until := o.length
		if i+1 < len(o.limits) {
			until = o.limits[i+1].At
		}
		if until <= from {
			continue
		}
		if l.At > from {
			changes++
		}
		area += float64(l.Limit) * (until - max(l.At, from)).Seconds()
		most = max(most, l.Limit)
	}
	span := (o.length - from).Seconds()
	return area / span, changes / span * 60, most
}

func (o *observation) apps(requests []*request) []AppResult {
	var names []string
	byApp := map[string][]*request{}
	for _, r := range requests {
		if r.arrived < o.warmUp {
			continue
		}
		if byApp[r.sender.app] == nil {
			names = append(names, r.sender.app)
		}
		byApp[r.sender.app] = append(byApp[r.sender.app], r)
	}
	var all []AppResult
	for _, name := range names {
		all = append(all, o.app(name, byApp[name]))
	}
	return all
}

func (o *observation) app(name string, requests []*request) AppResult {
	var firsts, whole, short, long []time.Duration
	var waits []Wait
	var last time.Duration
	for _, r := range requests {
		last = max(last, r.done)
		first, done := r.first, r.done
		if first < 0 {
			first = o.length
		}
		if done < 0 {
			done = o.length
		}
		firsts = append(firsts, first-r.arrived)
		waits = append(waits, Wait{r.arrived, first - r.arrived})
		whole = append(whole, done-r.arrived)
		if r.output <= 100 {
			short = append(short, done-r.arrived)
		} else {
			long = append(long, done-r.arrived)
		}
	}
	slices.Sort(firsts)
	return AppResult{App: name, Requests: len(requests), Last: last, Waits: waits,
		First50: quantile(firsts, .5), First95: quantile(firsts, .95), Longest: firsts[len(firsts)-1],
		Latency: mean(whole), Short95: quantile(sorted(short), .95), Long95: quantile(sorted(long), .95)}
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func sorted(d []time.Duration) []time.Duration {
	slices.Sort(d)
	return d
}

// quantile returns the smallest value that at least the q-th part does not
// exceed; 0 of nothing.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func mean(d []time.Duration) time.Duration {
	var sum time.Duration
	for _, x := range d {
		sum += x
	}
	return sum / time.Duration(max(1, len(d)))
}
