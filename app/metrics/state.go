package metrics

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
)

// State is what is so at one moment. Counts are since the start and never fall.
type State struct {
	Engines    []Engine
	Models     []Model
	GPUs       []GPU
	Embeddings Embeddings
	Yielding   bool   // Carpool makes way for other programs on the GPU
	Superseded uint64 // waiting requests that a newer one replaced
	Shared     uint64 // requests answered by the run of an identical one
	Moved      uint64 // requests that went on at another engine, as theirs went away
}

// Engine is one engine that is known.
type Engine struct {
	Name, Kind string
	Up         bool
}

// Model is one model on one engine with something to tell.
type Model struct {
	Engine, Name string
	Limit        int // most in flight; 0 = no bound
	Slots        int // requests the engine runs at once; 0 = not known
	TokenBudget  int // most tokens in flight; 0 = no bound
	Waiting      int
	InFlight     int
}

// GPU is one reading of one GPU; nil = not told.
type GPU struct {
	Device                  string
	MemoryUsed, MemoryTotal *uint64  // bytes
	Utilization             *float64 // 0..1
}

// Embeddings is what merging and the cache saved.
type Embeddings struct {
	Calls       uint64 // asked for by clients and merged with others
	EngineCalls uint64 // that took their place
	CacheHits   uint64 // calls of clients answered from the cache
	CacheMisses uint64 // calls of clients that could have been
	CacheBytes  uint64 // now
}

var (
	buildInfo   = describe("build_info", "Always 1; the label is the version.", "version")
	engineUp    = describe("engine_up", "1 if the engine answers.", "engine", "kind")
	limit       = describe("limit", "Most requests in flight; +Inf = no bound.", "engine", "model")
	slots       = describe("slots", "Requests that the engine runs at once, told or found; absent = not known.", "engine", "model")
	budget      = describe("token_budget", "Most tokens in flight; absent = no bound.", "engine", "model")
	queueDepth  = describe("queue_depth", "Requests that wait.", "engine", "model")
	inFlight    = describe("in_flight", "Requests that run.", "engine", "model")
	merged      = describe("embedding_merged_calls_total", "Embedding calls of clients that were merged with others.")
	merges      = describe("embedding_merges_total", "Calls to engines that carried the merged ones.")
	cacheHits   = describe("embedding_cache_hits_total", "Embedding calls of clients that the cache answered.")
	cacheMisses = describe("embedding_cache_misses_total", "Embedding calls of clients that the cache could not answer.")
	cacheSize   = describe("embedding_cache_bytes", "Memory that the cache of embeddings holds.")
	superseded  = describe("superseded_total", "Waiting requests that a newer one of the same app replaced.")
	shared      = describe("shared_total", "Requests that were answered by the run of an identical one.")
	moved       = describe("moved_total", "Requests that went on at another engine because theirs went away.")
	yielding    = describe("yielding", "1 while Carpool makes way for other programs on the GPU.")
	gpuMemory   = describe("gpu_memory_bytes", "Memory of the GPU.", "device", "kind")
	gpuBusy     = describe("gpu_utilization_ratio", "Share of the time in which the GPU ran anything, 0 to 1.", "device")
)

var described = []*prometheus.Desc{buildInfo, engineUp, limit, slots, budget, queueDepth, inFlight, merged, merges,
	cacheHits, cacheMisses, cacheSize, superseded, shared, moved, yielding, gpuMemory, gpuBusy}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("carpool_"+name, help, labels, nil)
}

// now collects the state at the moment of reading.
type now struct {
	version string
	state   func() State
	models  *names
}

// Describe implements prometheus.Collector.
func (n *now) Describe(out chan<- *prometheus.Desc) {
	for _, d := range described {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (n *now) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	s := n.state()
	gauge(buildInfo, 1, clean(n.version))
	for _, e := range s.Engines {
		up := 0.0
		if e.Up {
			up = 1
		}
		gauge(engineUp, up, clean(e.Name), e.Kind)
	}
	n.collectModels(s.Models, gauge)
	for _, g := range s.GPUs {
		device := clean(g.Device)
		if g.MemoryUsed != nil {
			gauge(gpuMemory, float64(*g.MemoryUsed), device, "used")
		}
		if g.MemoryTotal != nil {
			gauge(gpuMemory, float64(*g.MemoryTotal), device, "total")
		}
		if g.Utilization != nil {
			gauge(gpuBusy, *g.Utilization, device)
		}
	}
	makesWay := 0.0
	if s.Yielding {
		makesWay = 1
	}
	gauge(yielding, makesWay)
	count(merged, s.Embeddings.Calls)
	count(merges, s.Embeddings.EngineCalls)
	count(cacheHits, s.Embeddings.CacheHits)
	count(cacheMisses, s.Embeddings.CacheMisses)
	gauge(cacheSize, float64(s.Embeddings.CacheBytes))
	count(superseded, s.Superseded)
	count(shared, s.Shared)
	count(moved, s.Moved)
}

// collectModels adds up what models without a label of their own have waiting
// and running; a limit of several models means nothing.
func (n *now) collectModels(models []Model, gauge func(*prometheus.Desc, float64, ...string)) {
	type key struct{ engine, model string }
	type load struct{ waiting, inFlight int }
	loads := map[key]load{}
	for _, m := range models {
		k := key{clean(m.Engine), n.models.label(m.Name)}
		before, again := loads[k]
		loads[k] = load{before.waiting + m.Waiting, before.inFlight + m.InFlight}
		if again || k.model == other {
			continue
		}
		most := math.Inf(1)
		if m.Limit > 0 {
			most = float64(m.Limit)
		}
		gauge(limit, most, k.engine, k.model)
		if m.Slots > 0 {
			gauge(slots, float64(m.Slots), k.engine, k.model)
		}
		if m.TokenBudget > 0 {
			gauge(budget, float64(m.TokenBudget), k.engine, k.model)
		}
	}
	for k, l := range loads {
		gauge(queueDepth, float64(l.waiting), k.engine, k.model)
		gauge(inFlight, float64(l.inFlight), k.engine, k.model)
	}
}
