package app

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"carpool/app/config"
	"carpool/app/gateway"
	"carpool/app/metrics"
	"carpool/batching"
	"carpool/gpu"
	"carpool/storage"
)

// deaf is an observer that hears nothing.
type deaf struct{}

func (deaf) Released(time.Time, batching.Request) batching.Stream       { return deaf{} }
func (deaf) Tokens(time.Time, int)                                      {}
func (deaf) Ended(now time.Time, o batching.Outcome, r batching.Report) {}

// metering is a meter before a history, with a GPU under "local" alone.
type metering struct {
	*meter
	recorder *recorder
	spent    float64
	begun    time.Time
}

func newMetering(t *testing.T) *metering {
	t.Helper()
	store, err := storage.Open(t.Context(), storage.Options{Path: filepath.Join(t.TempDir(), "history.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close(t.Context()) })
	m := &metering{recorder: &recorder{store: store, metrics: metrics.New(metrics.Options{})}, begun: time.Now()}
	m.meter = newMeter(deaf{}, func(engine string) string {
		if engine == "local" {
			return "GPU-1"
		}
		return ""
	}, func(k batching.Key, joules float64) { m.spent += joules })
	return m
}

func (m *metering) at(seconds float64) time.Time {
	return m.begun.Add(time.Duration(seconds * float64(time.Second)))
}

// draws is a reading of a GPU, for the meter.
func (m *metering) draws(second, watts float64) {
	now := m.at(second)
	m.read(now, time.Second, []gpu.Reading{{At: now, Available: true, UUID: "GPU-1", Power: &watts}})
}

// runs has a call of an engine run; aboard are the requests that it is for.
func (m *metering) runs(engine string, from, to float64, tokens int, aboard ...string) {
	key := batching.Key{Engine: engine, Model: "m"}
	s := m.Released(m.at(from), batching.Request{Key: key})
	s.Tokens(m.at(from), 1)
	s.Ended(m.at(to), batching.Served, batching.Report{OutputTokens: tokens})
	for _, id := range aboard {
		m.recorder.request(gateway.Record{ID: id, Batch: 7, Started: m.at(from), Engine: engine, Model: "m",
			OutputTokens: tokens, Observed: s, Aboard: len(aboard)})
	}
}

// joules are those of each request on file, nil = not known.
func (m *metering) joules(t *testing.T) map[string]*float64 {
	t.Helper()
	if err := m.recorder.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := m.recorder.store.Requests(t.Context(), storage.Query{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*float64{}
	for _, r := range rows {
		all[r.ID] = r.EnergyJ
	}
	return all
}

func is(got *float64, want float64) bool { return got != nil && math.Abs(*got-want) < 1e-6 }

func TestMeter(t *testing.T) {
	t.Run("FillsInTheRowOnceItKnows", func(t *testing.T) {
		m := newMetering(t)
		m.draws(0, 100)
		m.runs("local", 0, 0.5, 10, "a")
		if got, on := m.joules(t)["a"]; got != nil || !on {
			t.Errorf("got %v, row there %v", got, on)
		}
		m.draws(1, 100)
		if got := m.joules(t)["a"]; !is(got, 50) || m.spent != 50 {
			t.Errorf("got %v, spent %v", got, m.spent)
		}
		m.draws(2, 100)
		if m.spent != 50 {
			t.Errorf("spent %v after it was told", m.spent)
		}
	})
	t.Run("FillsInARowThatComesLate", func(t *testing.T) {
		m := newMetering(t)
		m.draws(0, 100)
		s := m.Released(m.at(0), batching.Request{Key: batching.Key{Engine: "local"}})
		s.Ended(m.at(1), batching.Served, batching.Untold())
		m.draws(1, 100)
		m.recorder.request(gateway.Record{ID: "late", Batch: 7, Observed: s, Aboard: 1})
		if got := m.joules(t)["late"]; !is(got, 100) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("SharesACallAmongThoseItIsFor", func(t *testing.T) {
		m := newMetering(t)
		m.draws(0, 90)
		m.runs("local", 0, 1, 0, "a", "b", "c")
		m.draws(1, 90)
		got := m.joules(t)
		if !is(got["a"], 30) || !is(got["b"], 30) || !is(got["c"], 30) || m.spent != 90 {
			t.Errorf("got %v, spent %v", got, m.spent)
		}
	})
	t.Run("LeavesEnginesElsewhereOut", func(t *testing.T) {
		m := newMetering(t)
		m.draws(0, 100)
		m.runs("elsewhere", 0, 1, 5000, "a")
		m.draws(1, 100)
		m.runs("local", 1, 2, 100, "b")
		m.draws(2, 100)
		got := m.joules(t)
		if got["a"] != nil || !is(got["b"], 100) || m.spent != 100 {
			t.Errorf("got %v, spent %v", got, m.spent)
		}
		if s := m.state(gpu.Reading{}, config.Energy{}); !is(s.JoulesPer1000, 1000) {
			t.Errorf("per 1,000 tokens %v", s.JoulesPer1000)
		}
	})
	t.Run("KnowsNothingWithoutAGPU", func(t *testing.T) {
		m := newMetering(t)
		m.read(m.at(0), time.Second, []gpu.Reading{{At: m.at(0), Reason: "no NVIDIA GPU"}})
		m.runs("local", 0, 1, 10, "a")
		m.read(m.at(10), time.Second, []gpu.Reading{{At: m.at(10), Reason: "no NVIDIA GPU"}})
		s := m.state(gpu.Reading{}, config.Energy{Price: "0.35 EUR"})
		if m.joules(t)["a"] != nil || s.Watts != nil || s.Joules != nil || s.Idle != nil || s.JoulesPer1000 != nil || s.CostPer1M != nil {
			t.Errorf("state %+v", s)
		}
		if len(m.ended) != 0 {
			t.Errorf("%d are kept for ever", len(m.ended))
		}
	})
	t.Run("TellsWhatTokensTake", func(t *testing.T) {
		m := newMetering(t)
		watts := 212.0
		m.draws(0, watts)
		m.draws(1, watts)
		m.runs("local", 1, 2, 40, "a") // 1 seen, 40 told
		m.draws(2, watts)
		s := m.state(gpu.Reading{Power: &watts}, config.Energy{})
		if !is(s.Watts, 212) || !is(s.Joules, 212) || !is(s.Idle, 212) || !is(s.JoulesPer1000, 5300) || s.CostPer1M != nil {
			t.Errorf("state %+v", s)
		}
		s = m.state(gpu.Reading{}, config.Energy{Price: "0.36 EUR"})
		if !is(s.CostPer1M, 0.53) || s.Currency != "EUR" {
			t.Errorf("costs %v %s", s.CostPer1M, s.Currency)
		}
	})
}

func TestGPUName(t *testing.T) {
	for want, r := range map[string]gpu.Reading{
		"":      {UUID: "GPU-1", Reason: "the driver does not answer"},
		"GPU-1": {Available: true, UUID: "GPU-1", Index: 3},
		"3":     {Available: true, Index: 3},
	} {
		if got := gpuName(r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
