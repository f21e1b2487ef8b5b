package metrics

import (
	"math"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// State is what is so at one moment. Counts are since the start and never fall.
type State struct {
	Engines     []Engine
	Models      []Model
	GPUs        []GPU
	Embeddings  Embeddings
	Connections Connections
	Bodies      int64  // bytes of requests and shared answers that are held
	Yielding    bool   // Carpool makes way for other programs on the GPU
	Superseded  uint64 // waiting requests that a newer one replaced
	Shared      uint64 // requests answered by the run of an identical one
	Moved       uint64 // requests that went on at another engine, as theirs went away
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
	Device string // its name, which several may have
	Index  int    // among the GPUs of the machine
	UUID   string // "" = not told

	MemoryUsed, MemoryFree, MemoryTotal *uint64  // bytes
	MemoryOurs, MemoryOthers            *uint64  // bytes of MemoryUsed: the engines', and all other
	Utilization                         *float64 // 0..1
	Power                               *float64 // watts
	Energy                              *float64 // joules since the driver was loaded
	Temperature                         *float64 // °C
}

// Embeddings is what merging and the cache saved.
type Embeddings struct {
	Calls       uint64 // asked for by clients and merged with others
	EngineCalls uint64 // that took their place
	CacheHits   uint64 // calls of clients answered from the cache
	CacheMisses uint64 // calls of clients that could have been
	CacheBytes  uint64 // now
}

// Connections are those of clients.
type Connections struct {
	Open, Most int
	Waits      uint64 // times that one had to wait because all were taken
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
	connections = describe("connections", "Connections that clients have open.")
	connectMost = describe("connections_limit", "Most connections open at once.")
	connectWait = describe("connection_waits_total", "Times that a connection had to wait because all were taken.")
	bodies      = describe("body_bytes", "Memory for requests that wait or run, and for answers that several share.")
	gpuMemory   = describe("gpu_memory_bytes", "Memory of the GPU: used, free and total; ours (engines) and others are parts of used.", "device", "index", "uuid", "kind")
	gpuBusy     = describe("gpu_utilization_ratio", "Share of the time in which the GPU ran anything, 0 to 1.", "device", "index", "uuid")
	gpuPower    = describe("gpu_power_watts", "Power that the GPU draws.", "device", "index", "uuid")
	gpuEnergy   = describe("gpu_energy_joules_total", "Energy that the GPU has drawn since its driver was loaded.", "device", "index", "uuid")
	gpuHeat     = describe("gpu_temperature_celsius", "Temperature of the GPU.", "device", "index", "uuid")
)

var described = []*prometheus.Desc{buildInfo, engineUp, limit, slots, budget, queueDepth, inFlight, merged, merges,
	cacheHits, cacheMisses, cacheSize, superseded, shared, moved, connections, connectMost, connectWait, bodies, yielding, gpuMemory, gpuBusy, gpuPower, gpuEnergy, gpuHeat}

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
		g.collect(out)
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
	gauge(connections, float64(s.Connections.Open))
	gauge(connectMost, float64(s.Connections.Most))
	count(connectWait, s.Connections.Waits)
	gauge(bodies, float64(s.Bodies))
}

// collect tells what is known of a GPU.
func (g GPU) collect(out chan<- prometheus.Metric) {
	labels := []string{clean(g.Device), strconv.Itoa(g.Index), clean(g.UUID)}
	for kind, bytes := range map[string]*uint64{"used": g.MemoryUsed, "free": g.MemoryFree, "total": g.MemoryTotal, "ours": g.MemoryOurs, "others": g.MemoryOthers} {
		if bytes != nil {
			out <- prometheus.MustNewConstMetric(gpuMemory, prometheus.GaugeValue, float64(*bytes), append(labels, kind)...)
		}
	}
	for _, f := range []struct {
		desc  *prometheus.Desc
		kind  prometheus.ValueType
		value *float64
	}{
		{gpuBusy, prometheus.GaugeValue, g.Utilization},
		{gpuPower, prometheus.GaugeValue, g.Power},
		{gpuEnergy, prometheus.CounterValue, g.Energy},
		{gpuHeat, prometheus.GaugeValue, g.Temperature},
	} {
		if f.value != nil {
			out <- prometheus.MustNewConstMetric(f.desc, f.kind, *f.value, labels...)
		}
	}
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
