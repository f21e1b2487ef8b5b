package app

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"carpool/app/config"
	"carpool/app/energy"
	"carpool/batching"
	"carpool/gpu"
)

// meter counts the joules of requests: it hears from the scheduler which run, and
// from the ticker what the GPUs draw. It hands on all that it hears.
type meter struct {
	batching.Observer
	gpuOf func(engine string) string // names the GPU that an engine runs on; "" = none that is read
	spent func(k batching.Key, joules float64)

	runs   *energy.Meter
	tokens atomic.Int64 // written on GPUs since the start

	mu     sync.Mutex // never held while spent or an heir is called
	ended  []*meterStream
	window energy.Window
}

func newMeter(o batching.Observer, gpuOf func(string) string, spent func(batching.Key, float64)) *meter {
	return &meter{Observer: o, gpuOf: gpuOf, spent: spent, runs: energy.New()}
}

// Released implements batching.Observer.
func (m *meter) Released(now time.Time, r batching.Request) batching.Stream {
	return &meterStream{Stream: m.Observer.Released(now, r), meter: m, key: r.Key, run: m.runs.Begin(now, m.gpuOf(r.Engine))}
}

// read takes the last readings of all GPUs, which come that often, and tells the
// joules of the requests that they settle.
func (m *meter) read(now time.Time, every time.Duration, last []gpu.Reading) {
	var readings []energy.Reading
	for _, r := range last {
		if name := gpuName(r); name != "" {
			readings = append(readings, energy.Reading{GPU: name, At: r.At, Joules: r.Energy, Watts: r.Power})
		}
	}
	m.runs.Read(now, every, readings)

	m.mu.Lock()
	m.window.Add(now, m.runs.Totals(), m.tokens.Load())
	var due []func()
	m.ended = slices.DeleteFunc(m.ended, func(s *meterStream) bool {
		joules, settled := s.run.Joules()
		if settled && joules != nil {
			due = append(due, func() { m.spent(s.key, *joules) })
			for _, heir := range s.heirs {
				due = append(due, func() { heir(*joules) })
			}
		}
		return settled
	})
	m.mu.Unlock()
	for _, tell := range due {
		tell()
	}
}

// state is what is known of the draw now.
func (m *meter) state(preferred gpu.Reading, c config.Energy) energy.State {
	t := m.runs.Totals()
	s := energy.State{Watts: preferred.Power, Joules: t.Requests, Idle: t.Idle}
	m.mu.Lock()
	s.JoulesPer1000 = m.window.Per1000()
	m.mu.Unlock()
	if price, currency, ok := c.PerKWh(); ok && s.JoulesPer1000 != nil {
		cost := energy.Cost(1000**s.JoulesPer1000, price)
		s.CostPer1M, s.Currency = &cost, currency
	}
	return s
}

// meterStream is one call that an engine works on.
type meterStream struct {
	batching.Stream
	meter *meter
	key   batching.Key
	run   *energy.Run
	wrote atomic.Int64
	heirs []func(joules float64) // guarded by meter.mu
}

// Tokens implements batching.Stream.
func (s *meterStream) Tokens(now time.Time, n int) {
	s.Stream.Tokens(now, n)
	s.count(int64(n))
}

// Ended implements batching.Stream.
func (s *meterStream) Ended(now time.Time, o batching.Outcome, r batching.Report) {
	s.Stream.Ended(now, o, r)
	if r.OutputTokens >= 0 {
		s.count(int64(r.OutputTokens) - s.wrote.Load())
	}
	s.run.End(now)
	if s.run.OnGPU() {
		s.meter.mu.Lock()
		s.meter.ended = append(s.meter.ended, s)
		s.meter.mu.Unlock()
	}
}

func (s *meterStream) count(n int64) {
	if s.run.OnGPU() {
		s.wrote.Add(n)
		s.meter.tokens.Add(n)
	}
}

// then has heir called once the joules of the whole call are known; never, if
// they cannot be.
func (s *meterStream) then(heir func(joules float64)) {
	s.meter.mu.Lock()
	joules, settled := s.run.Joules()
	if !settled {
		s.heirs = append(s.heirs, heir)
	}
	s.meter.mu.Unlock()
	if joules != nil {
		heir(*joules)
	}
}

// gpuName tells GPUs apart; "" = it is not read now.
func gpuName(r gpu.Reading) string {
	switch {
	case !r.Available:
		return ""
	case r.UUID != "":
		return r.UUID
	}
	return strconv.Itoa(r.Index)
}

// metered names the GPU that an engine runs on; "" for one elsewhere or simulated.
// It is called under the scheduler's lock.
func (a *App) metered(engine string) string {
	if e, ok := a.engines.Known(engine); ok && e.Local() && !e.Simulated {
		return gpuName(a.gpuOf(engine).Reading)
	}
	return ""
}
