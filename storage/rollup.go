package storage

import (
	"math"
)

// Lengths of roll-ups, in seconds.
const (
	second = int64(1)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

var (
	spanSteps  = []int64{minute, hour, day}
	firstSteps = []int64{second, minute, hour, day}
	usageSteps = []int64{hour, day}
)

// sums are what the rows of one transaction add to the roll-ups. They are written
// by the transaction that writes the rows, so that at any moment a roll-up is the
// sum of the rows ever written for its span, however late each came.
type sums struct {
	spans  map[spanKey]*span
	firsts map[spanKey]*[]float64
	usages map[usageKey]*usage
	curves map[curveKey]*curve
}

type spanKey struct{ step, at int64 }

// span is a row of its table: samples added up.
type span struct {
	seconds, running, waiting, mostRunning, mostWaiting, limited, limit, tokensOut, tokensIn int64

	memoryUsed, memoryTotal, memoryOurs, memoryOthers known[int64]
	utilization, power                                known[float64]
}

// known adds up a reading that is not always there.
type known[T int64 | float64] struct {
	n   int64
	sum T
}

func (k *known[T]) add(v *T) {
	if v != nil && !math.IsNaN(float64(*v)) { // SQL keeps NaN as NULL
		k.n++
		k.sum += *v
	}
}

func (k *known[T]) merge(o known[T]) {
	k.n += o.n
	k.sum += o.sum
}

// mean is nil where nothing was known.
func (k *known[T]) mean() *float64 {
	if k.n == 0 {
		return nil
	}
	mean := float64(k.sum) / float64(k.n)
	return &mean
}

type usageKey struct {
	spanKey
	app, engine, model, outcome string
}

// usage is a row of its table: requests added up.
type usage struct {
	requests, promptTokens, outputTokens int64
	run, wait, mostWait                  float64 // milliseconds
	firsts                               []float64
	energy                               known[float64]
	last                                 int64
}

type curveKey struct {
	engine, model string
	at, running   int64
}

// curve is a row of its table.
type curve struct {
	seconds, tokens, last int64
	firsts                []float64
}

// entry is the value of a key, made if there is none.
func entry[K comparable, V any](m *map[K]*V, k K) *V {
	if *m == nil {
		*m = map[K]*V{}
	}
	v := (*m)[k]
	if v == nil {
		v = new(V)
		(*m)[k] = v
	}
	return v
}

func (s *sums) sample(r Sample) {
	for _, step := range spanSteps {
		entry(&s.spans, spanKey{step, floor(r.At.Unix(), step)}).add(r)
	}
}

func (a *span) add(r Sample) {
	a.seconds++
	a.running += int64(r.Running)
	a.waiting += int64(r.Waiting)
	a.mostRunning = max(a.mostRunning, int64(r.Running))
	a.mostWaiting = max(a.mostWaiting, int64(r.Waiting))
	if r.Limit > 0 {
		a.limited++
	}
	a.limit += int64(r.Limit)
	a.tokensOut += r.TokensOut
	a.tokensIn += r.TokensIn
	a.memoryUsed.add(r.MemoryUsed)
	a.memoryTotal.add(r.MemoryTotal)
	a.memoryOurs.add(r.MemoryOurs)
	a.memoryOthers.add(r.MemoryOthers)
	a.utilization.add(r.Utilization)
	a.power.add(r.Power)
}

// request adds a request to the spans in which it started.
func (s *sums) request(r Request) {
	started := r.Started.Unix()
	if r.FirstTokenMS != nil {
		for _, step := range firstSteps {
			values := entry(&s.firsts, spanKey{step, floor(started, step)})
			*values = append(*values, *r.FirstTokenMS)
		}
	}
	for _, u := range s.usage(r) {
		u.requests++
		if r.PromptTokens != nil {
			u.promptTokens += *r.PromptTokens
		}
		if r.OutputTokens != nil {
			u.outputTokens += *r.OutputTokens
		}
		if r.Batch != nil {
			u.run += r.TotalMS - r.QueueMS
		}
		u.wait += r.QueueMS
		u.mostWait = max(u.mostWait, r.QueueMS)
		if r.FirstTokenMS != nil {
			u.firsts = append(u.firsts, *r.FirstTokenMS)
		}
	}
	s.energy(r)
}

// energy adds the joules of a request that is added up already.
func (s *sums) energy(r Request) {
	for _, u := range s.usage(r) {
		u.energy.add(r.EnergyJ)
	}
}

func (s *sums) usage(r Request) []*usage {
	all := make([]*usage, len(usageSteps))
	for i, step := range usageSteps {
		all[i] = entry(&s.usages, usageKey{spanKey{step, floor(r.Started.Unix(), step)}, r.App, r.Engine, r.Model, r.Outcome})
		all[i].last = max(all[i].last, r.Started.UnixMilli())
	}
	return all
}

const addSpan = `INSERT INTO span VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
	ON CONFLICT DO UPDATE SET
	seconds = seconds + excluded.seconds,
	running = running + excluded.running,
	waiting = waiting + excluded.waiting,
	most_running = max(most_running, excluded.most_running),
	most_waiting = max(most_waiting, excluded.most_waiting),
	limited = limited + excluded.limited,
	in_flight_limit = in_flight_limit + excluded.in_flight_limit,
	tokens_out = tokens_out + excluded.tokens_out,
	tokens_in = tokens_in + excluded.tokens_in,
	memory_used_n = memory_used_n + excluded.memory_used_n,
	memory_used = memory_used + excluded.memory_used,
	memory_total_n = memory_total_n + excluded.memory_total_n,
	memory_total = memory_total + excluded.memory_total,
	memory_ours_n = memory_ours_n + excluded.memory_ours_n,
	memory_ours = memory_ours + excluded.memory_ours,
	memory_others_n = memory_others_n + excluded.memory_others_n,
	memory_others = memory_others + excluded.memory_others,
	utilization_n = utilization_n + excluded.utilization_n,
	utilization = utilization + excluded.utilization,
	power_n = power_n + excluded.power_n,
	power = power + excluded.power`

const addFirstTokens = `INSERT INTO first_token VALUES (?,?,?)
	ON CONFLICT DO UPDATE SET sketch = merge_sketches(sketch, excluded.sketch)`

const addUsage = `INSERT INTO usage VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
	ON CONFLICT DO UPDATE SET
	requests = requests + excluded.requests,
	prompt_tokens = prompt_tokens + excluded.prompt_tokens,
	output_tokens = output_tokens + excluded.output_tokens,
	run_ms = run_ms + excluded.run_ms,
	wait_ms = wait_ms + excluded.wait_ms,
	most_wait_ms = max(most_wait_ms, excluded.most_wait_ms),
	first_tokens = merge_sketches(first_tokens, excluded.first_tokens),
	metered = metered + excluded.metered,
	energy_j = energy_j + excluded.energy_j,
	last = max(last, excluded.last)`

const addCurve = `INSERT INTO curve VALUES (?,?,?,?,?,?,?,?)
	ON CONFLICT DO UPDATE SET
	seconds = seconds + excluded.seconds,
	tokens = tokens + excluded.tokens,
	first_tokens = merge_sketches(first_tokens, excluded.first_tokens),
	last = max(last, excluded.last)`

// write adds the sums to the roll-ups on file.
//
//nolint:noctx // see writer.insert
func (s *sums) write(in *inserts) error {
	for k, a := range s.spans {
		if _, err := in.span.Exec(k.step, k.at,
			a.seconds, a.running, a.waiting, a.mostRunning, a.mostWaiting, a.limited, a.limit, a.tokensOut, a.tokensIn,
			a.memoryUsed.n, a.memoryUsed.sum, a.memoryTotal.n, a.memoryTotal.sum, a.memoryOurs.n, a.memoryOurs.sum,
			a.memoryOthers.n, a.memoryOthers.sum, a.utilization.n, a.utilization.sum, a.power.n, a.power.sum); err != nil {
			return err
		}
	}
	for k, values := range s.firsts {
		if _, err := in.firsts.Exec(k.step, k.at, sketchOf(*values)); err != nil {
			return err
		}
	}
	for k, u := range s.usages {
		if _, err := in.usage.Exec(k.step, k.at, k.app, k.engine, k.model, k.outcome,
			u.requests, u.promptTokens, u.outputTokens, u.run, u.wait, u.mostWait, sketchOf(u.firsts),
			u.energy.n, u.energy.sum, u.last); err != nil {
			return err
		}
	}
	for k, c := range s.curves {
		if _, err := in.curve.Exec(k.engine, k.model, k.at, k.running, c.seconds, c.tokens, sketchOf(c.firsts), c.last); err != nil {
			return err
		}
	}
	return nil
}

// floor is the highest multiple of step that is not above v; ceil the lowest that
// is not below it.
func floor(v, step int64) int64 {
	rest := v % step
	if rest < 0 {
		rest += step
	}
	return v - rest
}

func ceil(v, step int64) int64 { return -floor(-v, step) }
