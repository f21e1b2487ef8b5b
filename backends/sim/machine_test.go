package sim

import (
	"math"
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

// one returns a machine with one loaded model "a" of the given slots.
func one(p Profile, slots int) *Machine {
	return New(Config{Profile: p, Models: []Model{{Name: "a", Slots: slots}}, Loaded: "a"})
}

// drain runs the machine until nothing is left to do.
func drain(m *Machine) []Event {
	var all []Event
	for {
		at, ok := m.Next()
		if !ok {
			return all
		}
		all = append(all, m.Advance(at)...)
	}
}

func times(events []Event, job uint64, kind Kind) []time.Duration {
	var out []time.Duration
	for _, e := range events {
		if e.Job == job && e.Kind == kind {
			out = append(out, e.At)
		}
	}
	return out
}

func only(t *testing.T, events []Event, job uint64, kind Kind) time.Duration {
	t.Helper()
	at := times(events, job, kind)
	if len(at) != 1 {
		t.Fatalf("job %d has %d %v events, want 1: %v", job, len(at), kind, events)
	}
	return at[0]
}

func TestStepTime(t *testing.T) {
	gpu, dip := GPU(), Dip()
	for _, c := range []struct {
		name                      string
		profile                   Profile
		decoding, context, prompt int
		want                      float64 // seconds
	}{
		{"one stream without context", gpu, 1, 0, 0, .0085 + .00045},
		{"context is read", gpu, 1, 1000, 0, .0085 + .00045 + 1000*2e-7},
		{"at the knee", gpu, 16, 0, 0, .0085 + 16*.00045},
		{"above the knee", gpu, 20, 0, 0, .0085 + 16*.00045 + 4*.0016},
		{"prompt alone", gpu, 0, 0, 2048, .0085 + 2048./5000},
		{"prompt beside decoding", gpu, 2, 100, 500, .0085 + 2*.00045 + 100*2e-7 + .1},
		{"table", dip, 5, 0, 0, 5 / 280.8},
		{"table with context", dip, 5, 1000, 0, 5/280.8 + 1000*2e-7},
		{"beyond the table", dip, 10, 0, 0, 8/280.3 + 2*(8/280.3-7/268.8)},
		{"table, prompt alone", dip, 0, 0, 500, .0085 + .1},
		{"nothing costs nothing", Profile{}, 5, 5, 5, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.profile.step(c.decoding, c.context, c.prompt).Seconds()
			if math.Abs(got-c.want) > 1e-9 {
				t.Errorf("step = %v s, want %v s", got, c.want)
			}
		})
	}
}

func TestMachine(t *testing.T) {
	t.Run("EndsAPromptWithTheFirstToken", func(t *testing.T) {
		m := one(Profile{A: .010, Prefill: 1000}, 1)
		m.Submit(0, Job{ID: 1, Model: "a", Prompt: 90, Output: 3})
		events := drain(m)
		if got, want := times(events, 1, Token), []time.Duration{100 * ms, 110 * ms, 120 * ms}; !slices.Equal(got, want) {
			t.Errorf("tokens at %v, want %v", got, want)
		}
		if got := only(t, events, 1, Done); got != 120*ms {
			t.Errorf("done at %v, want 120ms", got)
		}
	})

	t.Run("ReadsALongPromptInSeveralStepsBesideDecoding", func(t *testing.T) {
		m := one(Profile{A: .010, NBatch: 100}, 2)
		m.Submit(0, Job{ID: 1, Model: "a", Prompt: 100, Output: 10})
		m.Submit(0, Job{ID: 2, Model: "a", Prompt: 250, Output: 1})
		events := drain(m)
		// Step 1 is full of prompt 1; from then on 99 tokens fit beside its decoding: 250 = 99 + 99 + 52.
		if got := only(t, events, 2, Done); got != 40*ms {
			t.Errorf("second prompt read at %v, want 40ms", got)
		}
		if got := only(t, events, 1, Done); got != 100*ms {
			t.Errorf("first request done at %v, want 100ms", got)
		}
	})

	t.Run("SharesStepsAmongItsSlots", func(t *testing.T) {
		m := one(Profile{A: .010, C1: .001, Knee: 8}, 2)
		for id := range uint64(3) {
			m.Submit(0, Job{ID: id, Model: "a", Prompt: 1, Output: 2})
		}
		if m.Running() != 2 || m.Waiting() != 1 {
			t.Fatalf("running %d, waiting %d, want 2 and 1", m.Running(), m.Waiting())
		}
		events := drain(m)
		// The first step of 10 ms began with job 0 alone; job 1 reads its prompt in the second.
		want := []time.Duration{21 * ms, 32 * ms, 43 * ms}
		for id, at := range want {
			if got := only(t, events, uint64(id), Done); got != at {
				t.Errorf("job %d done at %v, want %v", id, got, at)
			}
		}
	})

	t.Run("IsFirstInFirstOut", func(t *testing.T) {
		m := one(Profile{A: .010}, 1)
		for id := range uint64(20) {
			m.Submit(0, Job{ID: id, Model: "a", Prompt: 1, Output: 1 + int(id)%3})
		}
		var order []uint64
		for _, e := range drain(m) {
			if e.Kind == Entered {
				order = append(order, e.Job)
			}
		}
		if len(order) != 20 || !slices.IsSorted(order) {
			t.Errorf("entered in order %v", order)
		}
	})

	t.Run("DrainsAndLoadsForAnotherModel", func(t *testing.T) {
		m := New(Config{
			Profile: Profile{A: .010, Load: 6},
			Models:  []Model{{"a", 4}, {"b", 4}},
			Loaded:  "a",
		})
		m.Submit(0, Job{ID: 1, Model: "a", Prompt: 1, Output: 5})
		m.Submit(0, Job{ID: 2, Model: "b", Prompt: 1, Output: 1})
		m.Submit(0, Job{ID: 3, Model: "a", Prompt: 1, Output: 1}) // stands behind 2, although "a" has free slots
		if m.Running() != 1 || m.Waiting() != 2 {
			t.Fatalf("running %d, waiting %d, want 1 and 2", m.Running(), m.Waiting())
		}
		events := drain(m)
		if got := only(t, events, 2, Loading); got != 50*ms {
			t.Errorf("loading b at %v, want 50ms", got)
		}
		if got, want := only(t, events, 2, Done), 6060*ms; got != want {
			t.Errorf("b done at %v, want %v", got, want)
		}
		if got, want := only(t, events, 3, Done), 12070*ms; got != want {
			t.Errorf("second a done at %v, want %v", got, want)
		}
		if m.Loaded() != "a" {
			t.Errorf("loaded %q, want a", m.Loaded())
		}
	})

	t.Run("LoadsTheFirstModel", func(t *testing.T) {
		m := New(Config{Profile: Profile{A: .010, Load: 2}, Models: []Model{{"a", 1}}})
		m.Submit(0, Job{ID: 1, Model: "a", Prompt: 1, Output: 1})
		if m.Loaded() != "" {
			t.Errorf("loaded %q while loading", m.Loaded())
		}
		if got := only(t, drain(m), 1, Done); got != 2010*ms {
			t.Errorf("done at %v, want 2.01s", got)
		}
	})

	t.Run("RefusesAModelItDoesNotHave", func(t *testing.T) {
		m := one(Profile{}, 1)
		if m.Submit(0, Job{ID: 1, Model: "z"}) {
			t.Error("took a job for an unknown model")
		}
	})

	t.Run("OnlyReadsThePromptOfAJobWithoutOutput", func(t *testing.T) {
		m := one(Profile{A: .010, Prefill: 1000}, 1)
		m.Submit(0, Job{ID: 1, Model: "a", Prompt: 40})
		events := drain(m)
		if got := only(t, events, 1, Done); got != 50*ms || len(times(events, 1, Token)) != 0 {
			t.Errorf("events %v, want only done at 50ms", events)
		}
	})

	t.Run("RunsRequestsOfAnIdealBackendSideBySide", func(t *testing.T) {
		m := one(Profile{Request: .050}, 2)
		for id := range uint64(3) {
			m.Submit(time.Duration(id)*10*ms, Job{ID: id, Model: "a", Prompt: 9, Output: 1})
		}
		events := drain(m)
		for id, want := range []time.Duration{50 * ms, 60 * ms, 100 * ms} {
			if got := only(t, events, uint64(id), Done); got != want {
				t.Errorf("job %d done at %v, want %v", id, got, want)
			}
		}
	})

	t.Run("FollowsAChangeOfSlotsAndSpeed", func(t *testing.T) {
		m := one(Profile{A: .010}, 1)
		m.Submit(0, Job{ID: 1, Model: "a", Prompt: 1, Output: 10})
		m.Submit(0, Job{ID: 2, Model: "a", Prompt: 1, Output: 1})
		m.Configure(25*ms, Config{Profile: Profile{A: .020}, Models: []Model{{"a", 2}}})
		if m.Running() != 2 {
			t.Fatalf("running %d after a second slot came, want 2", m.Running())
		}
		events := drain(m)
		if got := only(t, events, 2, Done); got != 50*ms {
			t.Errorf("done at %v, want 50ms: the step under way keeps its length", got)
		}
		m.Configure(m.now, Config{Profile: Profile{A: .020}, Models: []Model{{"a", 1}}})
		m.Submit(m.now, Job{ID: 3, Model: "a", Prompt: 1, Output: 2})
		m.Submit(m.now, Job{ID: 4, Model: "a", Prompt: 1, Output: 2})
		if m.Running() != 1 {
			t.Errorf("running %d with one slot left, want 1", m.Running())
		}
	})
}

func TestCancel(t *testing.T) {
	m := one(Profile{A: .010}, 1)
	m.Submit(0, Job{ID: 1, Model: "a", Prompt: 1, Output: 100})
	m.Submit(0, Job{ID: 2, Model: "a", Prompt: 1, Output: 1})
	m.Submit(0, Job{ID: 3, Model: "a", Prompt: 1, Output: 1})
	if !m.Cancel(5*ms, 3) || m.Waiting() != 1 {
		t.Fatal("a waiting job was not removed")
	}
	if !m.Cancel(15*ms, 1) {
		t.Fatal("a running job was not removed")
	}
	if m.Running() != 1 || m.Waiting() != 0 {
		t.Errorf("running %d, waiting %d: the slot was not freed at once", m.Running(), m.Waiting())
	}
	if m.Cancel(16*ms, 1) {
		t.Error("canceled a job twice")
	}
	events := drain(m)
	if got := only(t, events, 2, Done); got != 30*ms {
		t.Errorf("next job done at %v, want 30ms", got)
	}
	if n := len(times(events, 1, Done)); n != 0 {
		t.Error("a canceled job was reported done")
	}
}

func TestPrefixCache(t *testing.T) {
	p := Profile{A: .010, Prefill: 1000}
	found := func(events []Event, job uint64) int {
		for _, e := range events {
			if e.Kind == Entered && e.Job == job {
				return e.Tokens
			}
		}
		return -1
	}

	t.Run("SkipsWhatTheSlotHolds", func(t *testing.T) {
		m := one(p, 1)
		m.Submit(0, Job{ID: 1, Model: "a", Prompt: 100, Output: 1, Prefix: 7, PrefixTokens: 80})
		drain(m)
		m.Submit(m.now, Job{ID: 2, Model: "a", Prompt: 110, Output: 1, Prefix: 7, PrefixTokens: 80})
		start := m.now
		events := drain(m)
		if got := found(events, 2); got != 80 {
			t.Errorf("found %d tokens, want 80", got)
		}
		if got := only(t, events, 2, Done) - start; got != 40*ms {
			t.Errorf("took %v, want 40ms", got)
		}
	})

	t.Run("AlwaysReadsOneToken", func(t *testing.T) {
		m := one(p, 1)
		for id := range uint64(2) {
			m.Submit(m.now, Job{ID: id, Model: "a", Prompt: 50, Output: 1, Prefix: 7, PrefixTokens: 50})
			events := drain(m)
			if want := int(id) * 49; found(events, id) != want {
				t.Errorf("job %d found %d tokens, want %d", id, found(events, id), want)
			}
		}
	})

	t.Run("PrefersTheSlotThatHoldsItElseTheOneUsedLongestAgo", func(t *testing.T) {
		m := one(p, 2)
		for id, prefix := range []uint64{7, 8, 7, 9} { // 9 takes the slot of 8
			m.Submit(m.now, Job{ID: uint64(id), Model: "a", Prompt: 50, Output: 1, Prefix: prefix, PrefixTokens: 40})
			drain(m)
		}
		m.Submit(m.now, Job{ID: 17, Model: "a", Prompt: 50, Output: 1, Prefix: 7, PrefixTokens: 40})
		m.Submit(m.now, Job{ID: 19, Model: "a", Prompt: 50, Output: 1, Prefix: 9, PrefixTokens: 40})
		m.Submit(m.now, Job{ID: 18, Model: "a", Prompt: 50, Output: 1, Prefix: 8, PrefixTokens: 40})
		events := drain(m)
		for id, want := range map[uint64]int{17: 40, 19: 40, 18: 0} {
			if got := found(events, id); got != want {
				t.Errorf("job %d found %d tokens, want %d", id, got, want)
			}
		}
	})

	t.Run("IsLostWithTheModel", func(t *testing.T) {
		m := New(Config{Profile: p, Models: []Model{{"a", 1}, {"b", 1}}, Loaded: "a"})
		for id, model := range []string{"a", "b", "a"} {
			m.Submit(m.now, Job{ID: uint64(id), Model: model, Prompt: 50, Output: 1, Prefix: 7, PrefixTokens: 40})
			if got := found(drain(m), uint64(id)); got != 0 {
				t.Errorf("job %d found %d tokens after a swap, want 0", id, got)
			}
		}
	})

	t.Run("IsNotLeftByARequestThatWasCanceledBeforeItsPromptWasRead", func(t *testing.T) {
		m := one(p, 1)
		m.Submit(0, Job{ID: 1, Model: "a", Prompt: 50, Output: 1, Prefix: 7, PrefixTokens: 40})
		m.Cancel(ms, 1)
		m.Submit(ms, Job{ID: 2, Model: "a", Prompt: 50, Output: 1, Prefix: 7, PrefixTokens: 40})
		if got := found(drain(m), 2); got != 0 {
			t.Errorf("found %d tokens, want 0", got)
		}
	})
}

func TestPool(t *testing.T) {
	t.Run("SendsTheNewestBackToTheHead", func(t *testing.T) {
		m := one(Profile{A: .010, KV: Pool, PoolTokens: 100}, 4)
		m.Submit(0, Job{ID: 1, Model: "a", Prompt: 45, Output: 10})
		m.Submit(0, Job{ID: 2, Model: "a", Prompt: 45, Output: 20})
		m.Submit(0, Job{ID: 3, Model: "a", Prompt: 500, Output: 1})
		m.Cancel(0, 3) // leaves job 1 in its step and job 2 behind it
		events := drain(m)
		if n := len(times(events, 2, Preempted)); n == 0 {
			t.Fatal("nobody was preempted")
		}
		if n := len(times(events, 1, Preempted)); n != 0 {
			t.Error("the oldest request was preempted")
		}
		if got := only(t, events, 1, Done); got != 100*ms {
			t.Errorf("the oldest was done at %v, want 100ms", got)
		}
		if n := len(times(events, 2, Token)); n <= 20 {
			t.Errorf("the newest emitted %d tokens: it did not start again", n)
		}
		only(t, events, 2, Done)
	})

	t.Run("LetsALoneRequestGoOn", func(t *testing.T) {
		m := one(Profile{A: .010, KV: Pool, PoolTokens: 10}, 4)
		m.Submit(0, Job{ID: 1, Model: "a", Prompt: 45, Output: 3})
		if got := only(t, drain(m), 1, Done); got != 30*ms {
			t.Errorf("done at %v, want 30ms", got)
		}
	})
}

func TestMemory(t *testing.T) {
	for _, c := range []struct {
		name  string
		kv    KV
		taken float64
		want  float64 // MiB, with one request of 200 tokens running in 2 slots
	}{
		{"preallocated", Preallocated, 0, 5000 + 2*4096*.125},
		{"pool", Pool, 0, 5000 + 16384*.125},
		{"dynamic", Dynamic, 0, 5000 + 200*.125},
		{"other programs", Dynamic, 1000, 6000 + 200*.125},
		{"never more than the card", Dynamic, 1e6, 24000},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := GPU()
			p.KV, p.PoolTokens = c.kv, 16384
			m := New(Config{Profile: p, Models: []Model{{"a", 2}}, Loaded: "a", Taken: c.taken})
			m.Submit(0, Job{ID: 1, Model: "a", Prompt: 199, Output: 2})
			m.Advance(50 * ms) // the prompt is read and the first token is out
			if got := m.Memory(); got != c.want {
				t.Errorf("memory = %v MiB, want %v", got, c.want)
			}
		})
	}
}

func TestSpill(t *testing.T) {
	p := Profile{A: .010, Memory: 1000, Weights: 900, MiBPerToken: 1, KV: Dynamic, Spill: 8}
	m := one(p, 1)
	m.Submit(0, Job{ID: 1, Model: "a", Prompt: 98, Output: 5})
	want := []time.Duration{10 * ms, 20 * ms, 30 * ms, 110 * ms, 190 * ms} // over full from the 101st token
	if got := times(drain(m), 1, Token); !slices.Equal(got, want) {
		t.Errorf("tokens at %v, want %v", got, want)
	}
}

func TestProfilesMatchTheirKnownRates(t *testing.T) {
	// Tokens per second of n streams that each generate 400 tokens from a short prompt.
	rate := func(p Profile, n int) float64 {
		m := one(p, n)
		for id := range n {
			m.Submit(0, Job{ID: uint64(id), Model: "a", Prompt: 1, Output: 400})
		}
		events := drain(m)
		return float64(n*400) / events[len(events)-1].At.Seconds()
	}
	for _, c := range []struct {
		p    Profile
		n    int
		want float64
	}{
		{GPU(), 1, 111}, {GPU(), 8, 635}, {Mac(), 1, 78}, {Mac(), 8, 327}, {Flat(), 1, 45}, {Flat(), 4, 46}, {Dip(), 5, 278}, {Dip(), 6, 258},
	} {
		if got := rate(c.p, c.n); math.Abs(got-c.want) > .03*c.want {
			t.Errorf("%s with %d streams: %.0f tok/s, want about %.0f", c.p.Name, c.n, got, c.want)
		}
	}
}
