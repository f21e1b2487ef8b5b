// Package metrics tells Prometheus what Carpool does: GET /metrics.
//
// Requests, batches, loads and decisions are counted as they end; what is so
// only now (queues, limits, the GPU) is asked for when somebody reads. It knows
// no other part of Carpool: values come in as plain fields. The heap, goroutines and
// open files of the program are told under Prometheus' usual names. It keeps a registry
// of its own, never the global one, and starts no goroutine. Names of apps and
// models come from outside, so each kind has at most 100 of them; those that
// come later are counted together as "other".
package metrics

import (
	"net/http"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options are fixed for a Metrics' life.
type Options struct {
	Version string       // of Carpool
	State   func() State // what is so now; called by each reader, from any goroutine
}

// Request is one scheduled request that has ended.
type Request struct {
	App, Engine, Model string
	Outcome            string // ok, error, cancelled, rejected, interrupted
	Released           bool   // it had its turn
	PromptTokens       int    // -1 = not known
	OutputTokens       int    // -1 = not known
	Queued             time.Duration
	FirstToken         time.Duration // from arrival; 0 = none
	Total              time.Duration
}

// Batch is one batch that has ended.
type Batch struct {
	Engine, Model string
	Size          int // requests released together
	Running       int // in flight right after
}

// Metrics counts and answers readers. Its methods may be called from any
// goroutine.
type Metrics struct {
	handler      http.Handler
	apps, models names

	requests  *prometheus.CounterVec
	tokens    *prometheus.CounterVec
	loads     *prometheus.CounterVec
	reloads   *prometheus.CounterVec
	decisions *prometheus.CounterVec
	energy    *prometheus.CounterVec
	wait      *prometheus.HistogramVec
	first     *prometheus.HistogramVec
	total     *prometheus.HistogramVec
	size      *prometheus.HistogramVec
	running   *prometheus.HistogramVec
}

var (
	// A chat that waits 50 ms is as interesting as a job that waits 10 minutes.
	seconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25, 60, 120, 300, 600}
	// Sizes up to what one GPU is likely to carry, then the largest setting.
	sizes = []float64{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 512, 8192}
)

// heapLive is what the last garbage collection left of the heap, which alone shows a leak.
var heapLive = collectors.GoRuntimeMetricsRule{Matcher: regexp.MustCompile(`^/gc/heap/live:bytes$`)}

// New returns metrics that have counted nothing.
func New(o Options) *Metrics {
	m := &Metrics{
		requests:  counters("requests_total", "Scheduled requests that have ended.", "app", "engine", "model", "outcome"),
		tokens:    counters("tokens_total", "Tokens of requests that have ended, as far as the engine told them.", "engine", "model", "direction"),
		loads:     counters("model_loads_total", "Times that an engine had to load a model for a request.", "engine", "model"),
		reloads:   counters("model_reloads_total", "Times that an engine had to load a model again, by what made it.", "engine", "model", "cause"),
		decisions: counters("decisions_total", "Decisions that Carpool took by itself, such as a limit that moved.", "kind"),
		energy:    counters("energy_joules_total", "Joules that GPUs drew for requests that have ended, as far as drivers tell them.", "engine", "model"),
		wait:      histograms("queue_wait_seconds", "Time in the queue of requests that had their turn.", seconds),
		first:     histograms("time_to_first_token_seconds", "Time from a request's arrival to its first token.", seconds),
		total:     histograms("request_duration_seconds", "Time from a request's arrival to its end.", seconds),
		size:      histograms("batch_size", "Requests released at one moment.", sizes),
		running:   histograms("batch_concurrency", "Requests in flight right after a batch was released.", sizes),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.requests, m.tokens, m.loads, m.reloads, m.decisions, m.energy, m.wait, m.first, m.total, m.size, m.running,
		&now{version: o.Version, state: o.State, models: &m.models},
		// What the program itself takes: its heap, goroutines and open files.
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(heapLive)), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "carpool", Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "carpool", Name: name, Help: help, Buckets: buckets},
		[]string{"engine", "model"})
}

// ServeHTTP implements http.Handler: it answers in the format that the reader
// asks for.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// Request counts one request.
func (m *Metrics) Request(r Request) {
	engine, model := clean(r.Engine), m.models.label(r.Model)
	m.requests.WithLabelValues(m.apps.label(r.App), engine, model, r.Outcome).Inc()
	for direction, n := range map[string]int{"prompt": r.PromptTokens, "output": r.OutputTokens} {
		if n > 0 {
			m.tokens.WithLabelValues(engine, model, direction).Add(float64(n))
		}
	}
	if r.Released {
		m.wait.WithLabelValues(engine, model).Observe(r.Queued.Seconds())
	}
	if r.FirstToken > 0 {
		m.first.WithLabelValues(engine, model).Observe(r.FirstToken.Seconds())
	}
	m.total.WithLabelValues(engine, model).Observe(r.Total.Seconds())
}

// Batch counts one batch.
func (m *Metrics) Batch(b Batch) {
	engine, model := clean(b.Engine), m.models.label(b.Model)
	m.size.WithLabelValues(engine, model).Observe(float64(b.Size))
	m.running.WithLabelValues(engine, model).Observe(float64(b.Running))
}

// Loaded counts one load of a model.
func (m *Metrics) Loaded(engine, model string) {
	m.loads.WithLabelValues(clean(engine), m.models.label(model)).Inc()
}

// Reloaded counts one load of a model that had been loaded before. Causes are
// Carpool's own words and names of options, so they are few.
func (m *Metrics) Reloaded(engine, model, cause string) {
	m.reloads.WithLabelValues(clean(engine), m.models.label(model), cause).Inc()
}

// Spent counts the joules of one call of an engine.
func (m *Metrics) Spent(engine, model string, joules float64) {
	m.energy.WithLabelValues(clean(engine), m.models.label(model)).Add(joules)
}

// Decided counts one decision. Kinds are Carpool's own words, so they are few.
func (m *Metrics) Decided(kind string) { m.decisions.WithLabelValues(kind).Inc() }
