package energy_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"carpool/app/energy"
)

const gpu = "GPU-1"

var start = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

func counted(seconds, joules float64) energy.Reading {
	return energy.Reading{GPU: gpu, At: at(seconds), Joules: &joules}
}

func drawn(seconds, watts float64) energy.Reading {
	return energy.Reading{GPU: gpu, At: at(seconds), Watts: &watts}
}

// history is a meter and the readings that it is to have, each at its time.
type history struct {
	*energy.Meter
	t *testing.T
}

func begin(t *testing.T) history { return history{energy.New(), t} }

func (h history) read(readings ...energy.Reading) {
	for _, r := range readings {
		h.Read(r.At, time.Second, []energy.Reading{r})
	}
}

// run is a run from one second to another that is settled with the next reading.
func (h history) run(from, to float64) *energy.Run {
	r := h.Begin(at(from), gpu)
	r.End(at(to))
	return r
}

func (h history) tells(r *energy.Run, want float64) {
	h.t.Helper()
	got, settled := r.Joules()
	switch {
	case !settled:
		h.t.Errorf("not settled, want %v J", want)
	case got == nil:
		h.t.Errorf("not known, want %v J", want)
	case math.Abs(*got-want) > 1e-6:
		h.t.Errorf("%v J, want %v J", *got, want)
	}
}

func (h history) doesNotKnow(r *energy.Run) {
	h.t.Helper()
	if got, settled := r.Joules(); !settled || got != nil {
		h.t.Errorf("joules %v, settled %v", got, settled)
	}
}

func (h history) totals(requests, idle float64) {
	h.t.Helper()
	got := h.Totals()
	if got.Requests == nil || got.Idle == nil {
		h.t.Errorf("totals %+v, want %v %v", got, requests, idle)
		return
	}
	if math.Abs(*got.Requests-requests) > 1e-6 || math.Abs(*got.Idle-idle) > 1e-6 {
		h.t.Errorf("totals %v %v, want %v %v", *got.Requests, *got.Idle, requests, idle)
	}
}

func TestMeter(t *testing.T) {
	t.Run("TakesWhatTheCounterRoseBy", func(t *testing.T) {
		h := begin(t)
		h.read(counted(0, 5000))
		r := h.run(0, 2)
		h.read(counted(1, 5300), counted(2, 5700), counted(3, 5720))
		h.tells(r, 700)
		h.totals(700, 20)
	})
	t.Run("PrefersTheCounterToThePowerOfAMoment", func(t *testing.T) {
		h := begin(t)
		watts := 999.0
		for s := range 3 {
			r := counted(float64(s), 100*float64(s))
			r.Watts = &watts
			h.read(r)
		}
		r := h.run(2, 3)
		h.read(counted(3, 300))
		h.tells(r, 100)
	})
	t.Run("TakesPowerTimesTimeWithoutACounter", func(t *testing.T) {
		h := begin(t)
		h.read(drawn(0, 1))
		r := h.run(0, 2)
		h.read(drawn(1, 200), drawn(2, 300))
		h.tells(r, 500)
	})
	t.Run("SharesEquallyAtEachMoment", func(t *testing.T) {
		h := begin(t)
		h.read(drawn(0, 100))
		long, short := h.Begin(at(0), gpu), h.Begin(at(1), gpu)
		short.End(at(3))
		long.End(at(4))
		h.read(drawn(1, 100), drawn(2, 100), drawn(3, 100), drawn(4, 100))
		h.tells(long, 300) // alone for 2 s, with another for 2 s
		h.tells(short, 100)
		h.totals(400, 0)
	})
	t.Run("GivesIdleTimeToNobody", func(t *testing.T) {
		h := begin(t)
		h.read(drawn(0, 30))
		r := h.run(0.5, 1)
		h.read(drawn(1, 30), drawn(2, 40))
		h.tells(r, 15)
		h.totals(15, 55)
	})
	t.Run("SettlesAtTheReadingAfterTheEnd", func(t *testing.T) {
		h := begin(t)
		h.read(drawn(0, 100))
		r := h.run(0, 1.5)
		h.read(drawn(1, 100))
		if got, settled := r.Joules(); settled || got != nil {
			t.Errorf("joules %v before they can be known", got)
		}
		h.read(drawn(2, 300))
		h.tells(r, 250)
	})
	t.Run("ReadsWhatComesLateForItsOwnTime", func(t *testing.T) {
		h := begin(t)
		h.read(drawn(0, 100))
		early, late := h.run(0, 1), h.run(1, 2)
		h.Read(at(2.9), time.Second, []energy.Reading{drawn(1, 100)})
		h.tells(early, 100)
		if _, settled := late.Joules(); settled {
			t.Error("settled by a reading before it began")
		}
		h.read(drawn(3, 10))
		h.tells(late, 10)
	})
	t.Run("TakesAReadingOnce", func(t *testing.T) {
		h := begin(t)
		h.read(drawn(0, 100))
		r := h.run(0, 1)
		h.read(drawn(1, 100), drawn(1, 100), drawn(0.5, 100))
		h.tells(r, 100)
		h.totals(100, 0)
	})
	t.Run("DoesNotKnowWhatRanBeforeTheFirstReading", func(t *testing.T) {
		h := begin(t)
		r, later := h.Begin(at(0), gpu), h.Begin(at(1), gpu)
		h.read(drawn(1, 100))
		r.End(at(1.5))
		later.End(at(2))
		h.read(drawn(2, 100))
		h.doesNotKnow(r)
		h.tells(later, 75) // shared until 1.5 s
	})
	t.Run("DoesNotKnowAcrossACounterThatFell", func(t *testing.T) {
		h := begin(t)
		h.read(counted(0, 9000))
		across, after := h.Begin(at(0.5), gpu), h.Begin(at(2), gpu)
		h.read(counted(1, 9100), counted(2, 7))
		across.End(at(2.5))
		after.End(at(3))
		h.read(counted(3, 107))
		h.doesNotKnow(across)
		h.tells(after, 75)
	})
	t.Run("DoesNotKnowAcrossAGap", func(t *testing.T) {
		h := begin(t)
		h.read(counted(0, 0))
		r := h.run(0, 6)
		h.read(counted(6, 600))
		h.doesNotKnow(r)
		short := h.run(6, 11)
		h.read(counted(11, 1100)) // 5 s are none
		h.tells(short, 500)
	})
	t.Run("WaitsLongerWhereReadingsAreRare", func(t *testing.T) {
		h := begin(t)
		h.read(counted(0, 0))
		r := h.run(0, 10)
		h.Read(at(9.9), 10*time.Second, []energy.Reading{counted(0, 0)})
		h.Read(at(10), 10*time.Second, []energy.Reading{counted(10, 1000)})
		h.tells(r, 1000)
	})
	t.Run("DoesNotKnowAcrossASleepOfTheMachine", func(t *testing.T) {
		h := begin(t)
		// A time of Go's has both clocks; taking one in the past moves them alike, so
		// a wall clock that went on alone is a time without the other clock.
		now := time.Now()
		first := energy.Reading{GPU: gpu, At: now, Watts: new(float64)}
		h.Read(now, time.Second, []energy.Reading{first})
		r := h.Begin(now, gpu)
		woken := now.Round(0).Add(time.Hour)
		r.End(woken)
		h.Read(now, time.Second, []energy.Reading{{GPU: gpu, At: woken, Watts: new(float64)}})
		h.doesNotKnow(r)
	})
	t.Run("GivesUpOnAGPUThatFellSilent", func(t *testing.T) {
		h := begin(t)
		h.read(drawn(0, 100), drawn(1, 100))
		r := h.run(1, 2)
		h.Read(at(6), time.Second, nil)
		if _, settled := r.Joules(); settled {
			t.Error("gave up after 5 s")
		}
		h.Read(at(6.1), time.Second, nil)
		h.doesNotKnow(r)
		again := h.run(7, 8)
		h.read(drawn(7, 100), drawn(8, 100))
		h.tells(again, 100)
	})
	t.Run("GivesUpOnAGPUThatWasNeverRead", func(t *testing.T) {
		h := begin(t)
		r := h.run(0, 1)
		h.Read(at(6), time.Second, nil)
		h.doesNotKnow(r)
	})
	t.Run("DoesNotKnowWithoutPower", func(t *testing.T) {
		h := begin(t)
		r := h.run(0, 1)
		h.read(energy.Reading{GPU: gpu, At: at(0)}, energy.Reading{GPU: gpu, At: at(1)})
		h.doesNotKnow(r)
		if got := h.Totals(); got.Requests != nil || got.Idle != nil {
			t.Errorf("totals %+v", got)
		}
	})
	t.Run("KnowsNothingOfAnEngineElsewhere", func(t *testing.T) {
		h := begin(t)
		h.read(drawn(0, 100))
		r := h.Begin(at(0), "")
		r.End(at(1))
		h.doesNotKnow(r)
		if r.OnGPU() {
			t.Error("it is on a GPU")
		}
		h.read(drawn(1, 100))
		if got := h.Totals(); *got.Requests != 0 || got.Idle != nil {
			t.Errorf("totals %v %v", *got.Requests, got.Idle)
		}
	})
	t.Run("KeepsGPUsApart", func(t *testing.T) {
		h := begin(t)
		other := func(s, w float64) energy.Reading { return energy.Reading{GPU: "GPU-2", At: at(s), Watts: &w} }
		unused := func(s, w float64) energy.Reading { return energy.Reading{GPU: "GPU-3", At: at(s), Watts: &w} }
		h.read(drawn(0, 100), other(0, 10), unused(0, 1))
		one, two := h.run(0, 1), h.Begin(at(0), "GPU-2")
		two.End(at(0.5))
		h.read(drawn(1, 100), other(1, 10), unused(1, 1))
		h.tells(one, 100)
		h.tells(two, 5)
		h.totals(105, 5)
	})
}

// TestMeterLosesNothing lets requests come and go at random before a draw that
// changes at random, and compares each with what it should have taken.
func TestMeterLosesNothing(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 5))
		h := begin(t)
		readings := []energy.Reading{counted(0, random.Float64()*1e9)}
		for last := readings[0]; last.At.Before(at(60)); {
			took := 0.1 + 2*random.Float64()
			last = counted(last.At.Sub(start).Seconds()+took, *last.Joules+took*400*random.Float64())
			readings = append(readings, last)
		}
		end := readings[len(readings)-1].At.Sub(start).Seconds()
		var runs []span
		for range 1 + random.IntN(60) {
			from := random.Float64() * end
			runs = append(runs, span{from: from, to: min(end, from+random.ExpFloat64()*3)})
		}
		play(h, runs, readings, random)

		want := shares(runs, readings)
		var sum float64
		for i, r := range runs {
			got, settled := r.run.Joules()
			if !settled || got == nil || *got < 0 || math.Abs(*got-want[i]) > 1e-3 {
				t.Fatalf("seed %d, run %v: %v, want %v", seed, r, got, want[i])
			}
			sum += *got
		}
		drew := *readings[len(readings)-1].Joules - *readings[0].Joules
		got := h.Totals()
		if *got.Idle < 0 || math.Abs(*got.Requests-sum) > 1e-3 || math.Abs(sum+*got.Idle-drew) > 1e-3 {
			t.Fatalf("seed %d: requests %v (sum %v) and idle %v, drew %v", seed, *got.Requests, sum, *got.Idle, drew)
		}
	}
}

type span struct {
	from, to float64
	run      *energy.Run
}

// play tells the meter of all in the order of time, but of readings up to 0.5 s late.
func play(h history, runs []span, readings []energy.Reading, random *rand.Rand) {
	type step struct {
		at float64
		do func()
	}
	var steps []step
	for i := range runs {
		r := &runs[i]
		steps = append(steps, step{r.from, func() { r.run = h.Begin(at(r.from), gpu) }}, step{r.to, func() { r.run.End(at(r.to)) }})
	}
	var late float64
	for _, r := range readings {
		late = max(late, r.At.Sub(start).Seconds()+random.Float64()*0.5)
		now := late
		steps = append(steps, step{now, func() { h.Read(at(now), time.Second, []energy.Reading{r}) }})
	}
	slices.SortStableFunc(steps, func(a, b step) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	for _, s := range steps {
		s.do()
	}
}

// shares works out by small pieces of time what each run should take.
func shares(runs []span, readings []energy.Reading) []float64 {
	var cuts []float64
	for _, r := range runs {
		cuts = append(cuts, r.from, r.to)
	}
	for _, r := range readings {
		cuts = append(cuts, r.At.Sub(start).Seconds())
	}
	slices.Sort(cuts)
	want := make([]float64, len(runs))
	for i := 1; i < len(cuts); i++ {
		middle := (cuts[i-1] + cuts[i]) / 2
		var on []int
		for n, r := range runs {
			if r.from < middle && middle < r.to {
				on = append(on, n)
			}
		}
		for n := 1; n < len(readings); n++ {
			a, b := readings[n-1], readings[n]
			if from, to := a.At.Sub(start).Seconds(), b.At.Sub(start).Seconds(); from < middle && middle < to {
				for _, r := range on {
					want[r] += (cuts[i] - cuts[i-1]) * (*b.Joules - *a.Joules) / (to - from) / float64(len(on))
				}
			}
		}
	}
	return want
}

func TestWindow(t *testing.T) {
	joules := func(v float64) energy.Totals { return energy.Totals{Requests: &v} }
	want := func(v float64) *float64 { return &v }
	for name, tt := range map[string]struct {
		add  func(w *energy.Window)
		want *float64
	}{
		"KnowsNothingAtFirst": {func(*energy.Window) {}, nil},
		"DividesWhatCameInIt": {func(w *energy.Window) {
			w.Add(at(0), joules(100), 500)
			w.Add(at(30), joules(400), 1500)
		}, want(300)},
		"ForgetsAfterAMinute": {func(w *energy.Window) {
			w.Add(at(0), joules(0), 0)
			w.Add(at(10), joules(1000), 1000)
			w.Add(at(65), joules(1200), 3000)
		}, want(100)},
		"TellsNothingWithoutTokens": {func(w *energy.Window) {
			w.Add(at(0), joules(0), 7)
			w.Add(at(10), joules(1000), 7)
		}, nil},
		"BeginsAnewAfterTheUnknown": {func(w *energy.Window) {
			w.Add(at(0), joules(0), 0)
			w.Add(at(1), energy.Totals{}, 500)
			w.Add(at(2), joules(1000), 1000)
		}, nil},
		"BeginsAnewAfterADarkTime": {func(w *energy.Window) {
			w.Add(at(0), joules(0), 0)
			dark := joules(50)
			dark.Dark = 1
			w.Add(at(1), dark, 5000)
			more := joules(60)
			more.Dark = 1
			w.Add(at(2), more, 5100)
		}, want(100)},
	} {
		t.Run(name, func(t *testing.T) {
			var w energy.Window
			tt.add(&w)
			got := w.Per1000()
			if (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestCost(t *testing.T) {
	if got := energy.Cost(3.6e6, 0.35); got != 0.35 {
		t.Errorf("a kilowatt-hour costs %v", got)
	}
	if got := energy.WattHours(7200); got != 2 {
		t.Errorf("got %v Wh", got)
	}
}
