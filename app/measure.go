package app

import (
	"carpool/app/gpus"
	"carpool/app/metrics"
	"carpool/app/tuner"
	"carpool/backends"
	"carpool/batching"
)

// measured is what GET /metrics tells of this moment.
func (a *App) measured() metrics.State {
	var s metrics.State
	for _, e := range a.engines.Snapshot() {
		s.Engines = append(s.Engines, metrics.Engine{Name: e.Name, Kind: string(e.Kind), Up: e.Health == backends.Up})
	}
	s.Yielding = a.yielder.State().On
	s.Models = measuredModels(a.tuner.States(), a.scheduler.Loads(), a.tuner.Limits().InFlight())
	for _, g := range a.gpus() {
		if g.Available {
			s.GPUs = append(s.GPUs, measuredGPU(g))
		}
	}
	stats := a.gateway.Stats()
	m := stats.Merge
	s.Embeddings = metrics.Embeddings{Calls: m.Requests, EngineCalls: m.Calls + m.Retried + m.Checks,
		CacheHits: stats.Cache.Hits, CacheMisses: stats.Cache.Misses, CacheBytes: uint64(stats.Cache.Bytes)}
	c := a.connections.state()
	s.Connections = metrics.Connections{Open: c.Open, Most: c.Most, Waits: a.connections.waited.Load()}
	s.Bodies = stats.Bodies
	s.Superseded, s.Shared, s.Moved = stats.Superseded, stats.Shared, stats.Moved
	return s
}

func measuredGPU(g gpus.State) metrics.GPU {
	m := metrics.GPU{Device: g.Name, Index: g.Index, UUID: g.UUID,
		MemoryUsed: g.MemoryUsed, MemoryTotal: g.MemoryTotal, MemoryOurs: g.Ours.Memory, MemoryOthers: g.Others.Memory,
		Utilization: g.Utilization, Power: g.Power, Energy: g.Energy, Temperature: g.Temperature}
	if free, ok := g.Free(); ok {
		m.MemoryFree = &free
	}
	return m
}

// measuredModels joins what is known of each engine and model with how busy it
// is. A model whose first request still waits has no state yet, only the limit
// of all such.
func measuredModels(known []tuner.State, loads []batching.Load, limit int) []metrics.Model {
	busy := make(map[batching.Key]batching.Load, len(loads))
	for _, l := range loads {
		busy[l.Key] = l
	}
	models := make([]metrics.Model, 0, len(known))
	for _, s := range known {
		l := busy[s.Key]
		delete(busy, s.Key)
		models = append(models, metrics.Model{Engine: s.Engine, Name: s.Model, Limit: s.Limit, Slots: s.Slots,
			TokenBudget: s.TokenBudget, Waiting: l.Waiting, InFlight: l.InFlight})
	}
	for _, l := range loads {
		if _, left := busy[l.Key]; left {
			models = append(models, metrics.Model{Engine: l.Engine, Name: l.Model, Limit: limit, Waiting: l.Waiting, InFlight: l.InFlight})
		}
	}
	return models
}
