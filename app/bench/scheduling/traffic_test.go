package scheduling

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func rng(i int) *rand.Rand { return rand.New(rand.NewPCG(1, uint64(i))) }

func TestMixHasItsMeans(t *testing.T) {
	for _, c := range []struct {
		name   string
		mix    Mix
		output float64 // mean
	}{
		{"standard", standard, 195}, {"long", long, .3*60 + .7*500}, {"light", lightMix, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			const n = 200_000
			s := sizes{mix: c.mix, rng: rng(0)}
			var output float64
			below := 0
			for range n {
				d := s.draw()
				output += float64(d.output) / n
				if float64(d.prompt) < c.mix.Prompt {
					below++
				}
				if d.prompt < 20 || d.prompt > 6000 || d.output < 1 || d.told != 2048 {
					t.Fatalf("drew %+v", d)
				}
			}
			if math.Abs(output-c.output) > .02*c.output {
				t.Errorf("mean output = %.1f, want %.1f", output, c.output)
			}
			if share := float64(below) / n; math.Abs(share-.5) > .01 {
				t.Errorf("%.3f of the prompts are below the median", share)
			}
		})
	}
}

func TestForesight(t *testing.T) {
	m := lightMix
	m.Foresight = Exact
	if d := (sizes{mix: m, rng: rng(0)}).draw(); d.told != d.output {
		t.Errorf("told %d of an answer of %d", d.told, d.output)
	}
	m.Foresight = Rough
	s, ratios := sizes{mix: m, rng: rng(0)}, 0.
	for range 10_000 {
		d := s.draw()
		ratios += math.Log(float64(d.told)/float64(d.output)) / 10_000
	}
	if math.Abs(ratios) > .05 {
		t.Errorf("mean log ratio = %v, want 0", ratios)
	}
}

func TestArrivals(t *testing.T) {
	one := func(a Arrivals, from time.Duration) pace {
		return a.senders(Traffic{From: from, Mix: lightMix, Arrivals: a}, rng)[0].pace
	}

	t.Run("Closed", func(t *testing.T) {
		c := Closed{16, .5}
		all := c.senders(Traffic{Mix: lightMix}, rng)
		if len(all) != 16 {
			t.Fatalf("%d clients", len(all))
		}
		var first, think float64
		for _, s := range all {
			if at := s.pace.first(); at < 0 || at > 500*time.Millisecond {
				t.Errorf("first request at %v", at)
			}
			if s.pace.sent(time.Second) != never {
				t.Error("a client sends before it was answered")
			}
			for range 5000 {
				think += (s.pace.answered(time.Minute) - time.Minute).Seconds() / 5000 / 16
			}
		}
		if _ = first; math.Abs(think-.5) > .01 {
			t.Errorf("thinks %.3f s, want .5", think)
		}
	})

	t.Run("Poisson", func(t *testing.T) {
		p := one(Poisson{1.05}, 30*time.Second)
		at, n := p.first(), 0
		if at < 30*time.Second {
			t.Errorf("first request at %v, before its time", at)
		}
		for at < 30_030*time.Second {
			n++
			if next := p.sent(at); next <= at {
				t.Fatal("time stands still")
			} else {
				at = next
			}
		}
		if rate := float64(n) / 30_000; math.Abs(rate-1.05) > .02 {
			t.Errorf("rate = %.3f, want 1.05", rate)
		}
		if p.answered(at) != never {
			t.Error("an open loop hears answers")
		}
	})

	t.Run("Burst", func(t *testing.T) {
		p := one(Burst{3, 45 * time.Second}, 5*time.Second)
		at := p.first()
		for i, want := range []time.Duration{5, 5, 5, 50, 50, 50, 95} {
			if at != want*time.Second {
				t.Fatalf("request %d at %v, want %v", i, at, want*time.Second)
			}
			at = p.sent(at)
		}
		p = one(Burst{Requests: 2}, 0)
		if p.sent(p.first()) != 0 || p.sent(0) != never {
			t.Error("a flood does not end")
		}
	})

	t.Run("Agents", func(t *testing.T) {
		a := Agents{12, 2, .2}
		all := a.senders(Traffic{App: "agent", Mix: Mix{ShortShare: 1, Short: 150, Prompt: 3300, Prefix: 3000}}, rng)
		apps := map[string]uint64{}
		for _, s := range all {
			d := s.sizes.draw()
			if d.prompt != 3300 || d.prefixTokens != 3000 || d.prefix == 0 {
				t.Fatalf("drew %+v", d)
			}
			if known, ok := apps[s.app]; ok && known != d.prefix {
				t.Errorf("%s has two prefixes", s.app)
			}
			apps[s.app] = d.prefix
		}
		if len(all) != 24 || len(apps) != 12 {
			t.Errorf("%d senders of %d apps, want 24 of 12", len(all), len(apps))
		}
	})
}

func TestHistogram(t *testing.T) {
	var h histogram
	if h.quantile(.95) != 0 {
		t.Error("an empty histogram has a quantile")
	}
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	for _, q := range []float64{.5, .95, 1} {
		want := q * 1000
		if got := h.quantile(q).Seconds() * 1000; got > want || got < .992*want-1e-6 {
			t.Errorf("quantile %v = %v ms, want %v", q, got, want)
		}
	}
}
