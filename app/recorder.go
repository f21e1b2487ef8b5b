package app

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"carpool/app/gateway"
	"carpool/app/gpus"
	"carpool/app/metrics"
	"carpool/app/tuner"
	"carpool/batching"
	"carpool/storage"
)

// recorder turns what happened into rows of the history, off the requests'
// path, counts it for /metrics, and keeps the first-token times of the last seconds for the charts.
type recorder struct {
	store   *storage.Store // nil: the history is off or cannot be opened
	metrics *metrics.Metrics
	device  func() string // the setting gpu.device

	// Of requests that have ended, since the start.
	prompts    atomic.Uint64 // tokens of prompts
	embeddings atomic.Uint64 // calls for embeddings

	mu     sync.Mutex
	firsts []firstToken // oldest first
}

type firstToken struct {
	at   time.Time
	took time.Duration
}

// firstTokenWindow is how long a first token counts for the live percentiles.
const firstTokenWindow = 10 * time.Second

// request writes one row. The gateway calls it once per scheduled request.
func (r *recorder) request(rec gateway.Record) {
	r.metrics.Request(metrics.Request{
		App: rec.App, Engine: rec.Engine, Model: rec.Model, Outcome: string(rec.Outcome), Released: rec.Batch != 0,
		PromptTokens: rec.PromptTokens, OutputTokens: rec.OutputTokens,
		Queued: rec.Queued, FirstToken: rec.FirstToken, Total: rec.Total,
	})
	r.prompts.Add(uint64(max(rec.PromptTokens, 0)))
	if strings.Contains(rec.Route, "embed") {
		r.embeddings.Add(1)
	}
	if rec.FirstToken > 0 {
		r.first(time.Now(), rec.FirstToken)
	}
	if r.store == nil {
		return
	}
	row := storage.Request{
		ID: rec.ID, Started: rec.Started, App: rec.App, Engine: rec.Engine, Model: rec.Model,
		Route: rec.Route, Dialect: string(rec.Dialect), Stream: rec.Stream,
		Priority: rec.Priority.String(), Outcome: string(rec.Outcome), ErrorKind: rec.ErrorKind,
		Status: rec.Status, EngineStatus: rec.EngineStatus,
		PromptBytes: rec.PromptBytes, AnswerBytes: rec.AnswerBytes,
		PromptTokens: known(rec.PromptTokens), OutputTokens: known(rec.OutputTokens),
		TokensEstimated: rec.TokensEstimated,
		QueueMS:         milliseconds(rec.Queued), TotalMS: milliseconds(rec.Total),
		Simulated: rec.Simulated, Reload: rec.Reload,
	}
	if rec.Batch != 0 {
		row.Batch = &rec.Batch
	}
	if rec.FirstToken > 0 {
		ms := milliseconds(rec.FirstToken)
		row.FirstTokenMS = &ms
	}
	if rec.Load > 0 {
		ms := milliseconds(rec.Load)
		row.LoadMS = &ms
	}
	r.store.AddRequest(row)
	if s, ok := rec.Observed.(*meterStream); ok {
		s.then(func(joules float64) { r.store.AddEnergy(rec.Batch, rec.ID, joules/float64(rec.Aboard)) })
	}
}

// batch writes one row. The scheduler calls it for each batch that ended.
func (r *recorder) batch(b batching.Batch) {
	r.metrics.Batch(metrics.Batch{Engine: b.Engine, Model: b.Model, Size: b.Released, Running: b.Running})
	if r.store == nil {
		return
	}
	row := storage.Batch{
		ID: b.ID, Started: b.Started, Engine: b.Engine, Model: b.Model,
		Mode: string(b.Mode), Why: string(b.Why),
		Released: b.Released, Running: b.Running, Limit: b.Limit,
		MeanWaitMS: milliseconds(b.MeanWait), MaxWaitMS: milliseconds(b.MaxWait),
		DurationMS: milliseconds(b.Duration), Tokens: int64(b.Tokens),
	}
	if states, ok := b.Mark.([]gpus.State); ok {
		reading := gpus.Of(states, b.Engine, r.device())
		row.GPUMemoryUsed = signed(reading.MemoryUsed)
		row.GPUMemoryTotal = signed(reading.MemoryTotal)
		row.GPUUtilization = reading.Utilization
	}
	r.store.AddBatch(row)
}

// decision writes one row. The tuner calls it for each change it made.
func (r *recorder) decision(d tuner.Decision) {
	r.metrics.Decided(string(d.Kind))
	if r.store == nil {
		return
	}
	row := storage.Decision{
		At: d.At, Engine: d.Engine, Model: d.Model, Kind: string(d.Kind),
		NewLimit: known(d.Limit), SlotsBy: d.SlotsBy, Reason: d.Reason,
		InFlight: known(d.InFlight), Waiting: known(d.Waiting),
		GPUMemoryUsed: signed(d.MemoryUsed), GPUMemoryTotal: signed(d.MemoryTotal), GPUUtilization: d.Utilization,
	}
	if d.OldLimit > 0 {
		row.OldLimit = known(d.OldLimit)
	}
	if d.Slots > 0 {
		row.Slots = known(d.Slots)
	}
	if d.TokenBudget > 0 {
		row.TokenBudget = known(d.TokenBudget)
	}
	r.store.AddDecision(row)
}

// switched writes one row. The scheduler calls it for each model that took
// another one's place.
func (r *recorder) switched(w batching.Switch) {
	r.plain(EventModel, w.Engine, w.To, "in the place of "+w.From+": "+w.Reason)
}

// unmerged writes one row. The gateway calls it when merging embeddings is
// turned off for a model.
func (r *recorder) unmerged(u gateway.Unmerged) {
	r.plain(EventMerge, u.Engine, u.Model, "off for a while: "+u.Reason)
}

// reloaded writes one row. The gateway calls it for each model that an engine
// loaded again.
func (r *recorder) reloaded(l gateway.Reload) {
	r.metrics.Reloaded(l.Engine, l.Model, l.Short())
	r.plain(EventReload, l.Engine, l.Model, l.Text)
}

// plain writes a decision that is about no limit.
func (r *recorder) plain(kind, engine, model, reason string) {
	r.metrics.Decided(kind)
	r.event(Event{At: time.Now(), Engine: engine, Model: model, Kind: kind, Reason: reason})
}

// event writes what Carpool noticed rather than decided.
func (r *recorder) event(e Event) {
	if r.store != nil {
		r.store.AddDecision(e)
	}
}

// first keeps the time to first token of a request that ends now.
func (r *recorder) first(now time.Time, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	r.firsts = append(r.firsts, firstToken{now, took})
}

// firstTokens are the times to first token of the requests that ended in the
// last 10 s, in seconds, unsorted.
func (r *recorder) firstTokens(now time.Time) []float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	seconds := make([]float64, 0, len(r.firsts))
	for _, f := range r.firsts {
		seconds = append(seconds, f.took.Seconds())
	}
	return seconds
}

func (r *recorder) forget(now time.Time) {
	old := 0
	for old < len(r.firsts) && now.Sub(r.firsts[old].at) > firstTokenWindow {
		old++
	}
	r.firsts = r.firsts[old:] // the next append that finds no room copies what is left
}

func known(n int) *int64 {
	if n < 0 {
		return nil
	}
	v := int64(n)
	return &v
}

func signed(n *uint64) *int64 {
	if n == nil {
		return nil
	}
	v := int64(*n)
	return &v
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
