package batching_test

import (
	"cmp"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carpool/batching"
)

// reference is the order of one engine whose models fit together, written down as
// slow and plain as it can be: everything is a list that is searched from end to
// end. The core must choose as it does.
type reference struct {
	set      batching.Settings
	tokens   int // Limits.Tokens of every key
	apps     map[string]*refApp
	jobs     []*refJob // by arrival
	floor    float64
	turns    int
	ratio    map[batching.Key]float64
	finished map[batching.Key][]uint64
	guarded  map[batching.Key]bool
}

type refApp struct {
	weight, share float64
	since         time.Time
	turn          int // tells turns of one moment apart
	outputs       map[batching.Key][]int
}

type refJob struct {
	ticket                 *batching.Ticket
	batching.Request       // what it asks
	app                    *refApp
	queued                 time.Time
	running, leaving       bool
	freeAt                 time.Time
	output, prompt, cached int
	charged                float64
	generated, metered     int
}

func newReference(set batching.Settings, tokens int) *reference {
	return &reference{set: set, tokens: tokens, apps: map[string]*refApp{}, ratio: map[batching.Key]float64{},
		finished: map[batching.Key][]uint64{}, guarded: map[batching.Key]bool{}}
}

func (r *reference) of(accept func(*refJob) bool) (all []*refJob) {
	for _, j := range r.jobs {
		if accept(j) {
			all = append(all, j)
		}
	}
	return all
}

func (r *reference) waiting(k batching.Key) []*refJob {
	return r.of(func(j *refJob) bool { return j.Key == k && !j.running && !j.leaving })
}

func (r *reference) inFlight(k batching.Key) []*refJob {
	return r.of(func(j *refJob) bool { return j.Key == k && (j.running || j.leaving) })
}

func (r *reference) active(a *refApp) bool {
	return len(r.of(func(j *refJob) bool { return j.app == a && !j.leaving })) > 0
}

func (r *reference) app(name string) *refApp {
	if r.apps[name] == nil {
		w := r.set.Weights[name]
		if w == 0 {
			w = 1
		}
		r.apps[name] = &refApp{weight: w, outputs: map[batching.Key][]int{}}
	}
	return r.apps[name]
}

func (r *reference) estimate(k batching.Key, n int) int {
	ratio := r.ratio[k]
	if ratio == 0 {
		ratio = 1
	}
	return int(float64(n) * ratio)
}

func (r *reference) expects(j *refJob) int {
	n := 512
	if o := j.app.outputs[j.Key]; len(o) >= 5 {
		o = slices.Sorted(slices.Values(o[max(0, len(o)-64):]))
		n = o[(9*len(o)+9)/10-1]
	}
	if j.MaxTokens > 0 {
		n = min(n, j.MaxTokens)
	}
	return n
}

func (r *reference) arrive(now time.Time, t *batching.Ticket) {
	a := r.app(t.Request.App)
	if !r.active(a) {
		least := r.floor
		first := true
		for _, other := range r.apps {
			if r.active(other) && (first || other.share < least) {
				least, first = other.share, false
			}
		}
		a.share = max(a.share, least)
	}
	r.turns++
	if len(r.of(func(j *refJob) bool { return j.app == a && !j.running && !j.leaving })) == 0 {
		a.since, a.turn = now, r.turns
	}
	j := &refJob{ticket: t, Request: t.Request, app: a, queued: now}
	j.output = r.expects(j)
	r.jobs = append(r.jobs, j)
}

func (r *reference) gone(j *refJob) {
	a := j.app
	r.jobs = slices.DeleteFunc(r.jobs, func(x *refJob) bool { return x == j })
	r.rest(a)
}

// rest notes the last app that became idle.
func (r *reference) rest(a *refApp) {
	for _, other := range r.apps {
		if r.active(other) {
			return
		}
	}
	r.floor = a.share
}

func (r *reference) meter(j *refJob) {
	j.app.share += float64(2*(j.generated-j.metered)) / j.app.weight
	j.metered = j.generated
}

func (r *reference) end(now time.Time, j *refJob, o batching.Outcome, told batching.Report) {
	r.meter(j)
	wrote := j.metered
	if told.OutputTokens >= 0 {
		j.app.share += float64(2*(told.OutputTokens-wrote)) / j.app.weight
		wrote = told.OutputTokens
	}
	if o == batching.Served {
		j.app.outputs[j.Key] = append(j.app.outputs[j.Key], wrote)
	}
	if told.PromptTokens >= 0 {
		cached := j.cached
		if told.CachedTokens >= 0 {
			cached = told.CachedTokens
		}
		j.app.share += (float64(max(0, told.PromptTokens-cached)) - j.charged) / j.app.weight
		if j.PromptTokens > 0 && told.PromptTokens > 0 {
			ratio := r.ratio[j.Key]
			if ratio == 0 {
				ratio = 1
			}
			ratio += .2 * (min(max(float64(told.PromptTokens)/float64(j.PromptTokens), 1./16), 16) - ratio)
			r.ratio[j.Key] = ratio
		}
	}
	r.finished[j.Key] = append(r.finished[j.Key], j.Prefix)
	j.running = false
	if o == batching.Canceled && r.set.CancelGrace > 0 {
		j.leaving, j.freeAt = true, now.Add(r.set.CancelGrace)
		r.rest(j.app)
		return
	}
	r.gone(j)
}

// recent are the prefixes that may still be in the engine.
func (r *reference) recent(k batching.Key) []uint64 {
	f := r.finished[k]
	f = f[max(0, len(f)-32):]
	return f[max(0, len(f)-max(1, r.set.Size-len(r.inFlight(k)))):]
}

func class(p batching.Priority) int { return -int(p) }

// next is the one that leaves next; nil if none may.
func (r *reference) next(now time.Time, k batching.Key) *refJob {
	waiting, running := r.waiting(k), r.inFlight(k)
	if len(running) >= r.set.Size || len(waiting) == 0 {
		return nil
	}
	j := r.choose(now, k, waiting, running)
	if j == nil || r.tokens == 0 || len(running) == 0 {
		return j
	}
	sum := r.estimate(k, j.PromptTokens) + r.expects(j)
	for _, x := range running {
		sum += x.prompt + x.generated + max(32, x.output-x.generated)
	}
	if sum > r.tokens {
		return nil
	}
	return j
}

func (r *reference) choose(now time.Time, k batching.Key, waiting, running []*refJob) *refJob {
	urgent := slices.DeleteFunc(slices.Clone(waiting), func(j *refJob) bool { return j.Priority != batching.Urgent })
	others := slices.DeleteFunc(slices.Clone(running), func(j *refJob) bool { return j.Priority == batching.Urgent })
	if kept := min(r.set.ReservedUrgent, r.set.Size-1); kept > 0 && len(others) >= r.set.Size-kept {
		return r.fairest(now, k, urgent)
	}
	if !r.guarded[k] || len(urgent) == 0 {
		names := slices.SortedFunc(maps.Keys(r.apps), func(a, b string) int {
			return cmp.Or(r.apps[a].since.Compare(r.apps[b].since), cmp.Compare(r.apps[a].turn, r.apps[b].turn))
		})
		for _, name := range names {
			a := r.apps[name]
			own := r.of(func(j *refJob) bool { return j.app == a && !j.running && !j.leaving })
			if len(own) > 0 && own[0].Key == k && now.Sub(a.since) >= r.set.Guard {
				return own[0]
			}
		}
	}
	best := slices.MinFunc(waiting, func(a, b *refJob) int { return cmp.Compare(class(a.Priority), class(b.Priority)) })
	return r.fairest(now, k, slices.DeleteFunc(slices.Clone(waiting), func(j *refJob) bool { return j.Priority != best.Priority }))
}

// fairest chooses among those of one class.
func (r *reference) fairest(now time.Time, k batching.Key, all []*refJob) *refJob {
	if len(all) == 0 {
		return nil
	}
	byShare := func(a, b *refJob) int { return cmp.Compare(a.app.share, b.app.share) } // then by arrival, as all is
	least := slices.MinFunc(all, byShare)
	if r.set.PrefixCredit > 0 {
		warm := slices.DeleteFunc(slices.Clone(all), func(j *refJob) bool {
			return j.Prefix == 0 || !slices.Contains(r.recent(k), j.Prefix) || j.app.share > least.app.share+r.set.PrefixCredit
		})
		if len(warm) > 0 {
			return slices.MinFunc(warm, byShare)
		}
	}
	own := slices.DeleteFunc(slices.Clone(all), func(j *refJob) bool { return j.app != least.app })
	if r.set.ShortestFirst && now.Sub(own[0].queued) <= time.Minute {
		return slices.MinFunc(own, func(a, b *refJob) int { return cmp.Compare(a.output, b.output) })
	}
	return own[0]
}

func (r *reference) release(now time.Time, j *refJob) {
	r.guarded[j.Key] = now.Sub(j.app.since) >= r.set.Guard && j.Priority != batching.Urgent
	j.prompt, j.output, j.cached = r.estimate(j.Key, j.PromptTokens), r.expects(j), 0
	if j.Prefix != 0 && slices.Contains(r.recent(j.Key), j.Prefix) {
		j.cached = min(r.estimate(j.Key, j.PrefixTokens), j.prompt)
	}
	j.charged = float64(j.prompt - j.cached)
	j.app.share += j.charged / j.app.weight
	j.running = true
	r.turns++
	j.app.since, j.app.turn = now, r.turns
}

// TestCoreChoosesLikeTheReference drives a core and the plain reference with the
// same random work for three apps on two models that fit together, and holds every
// choice and every account of the one against the other. A second core with the
// same input must do the same.
func TestCoreChoosesLikeTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := batching.Settings{
			Limits:         batching.Limits{Mode: batching.Fixed, Size: rapid.IntRange(1, 4).Draw(t, "size")},
			MaxWaiting:     1000,
			Weights:        map[string]float64{"b": 2, "c": .5}, // powers of 2, so that sums are exact in any order
			ReservedUrgent: rapid.IntRange(0, 2).Draw(t, "reserved"),
			Guard:          time.Duration(rapid.IntRange(1, 60).Draw(t, "guard")) * time.Second,
			PrefixCredit:   float64(rapid.IntRange(0, 500).Draw(t, "credit")),
			ShortestFirst:  rapid.Bool().Draw(t, "shortest"),
			CancelGrace:    time.Duration(rapid.IntRange(0, 2).Draw(t, "grace")) * time.Second,
		}
		set.Tokens = rapid.SampledFrom([]int{0, 0, 700, 1500}).Draw(t, "tokens")
		now := start
		core, twin, ref := roomy(set), roomy(set), newReference(set, set.Tokens)
		twins := map[*batching.Ticket]*batching.Ticket{}
		before := map[string]float64{}
		step := func(corrected bool) {
			e, f := core.Step(now), twin.Step(now)
			ref.jobs = slices.DeleteFunc(ref.jobs, func(j *refJob) bool { return j.leaving && !now.Before(j.freeAt) })
			if len(ref.waiting(key))+len(ref.waiting(other)) > 0 {
				for _, j := range ref.jobs {
					if j.running {
						ref.meter(j)
					}
				}
			}
			for i, ticket := range e.Released {
				if len(f.Released) <= i || twins[ticket] != f.Released[i] {
					t.Fatal("the same input, and another choice")
				}
				want := ref.next(now, ticket.Request.Key)
				if want == nil || want.ticket != ticket {
					t.Fatalf("released %+v, the reference %+v", ticket.Request, want)
				}
				ref.release(now, want)
			}
			for _, k := range []batching.Key{key, other} {
				if left := ref.next(now, k); left != nil {
					t.Fatalf("left %+v behind", left.Request)
				}
			}
			for name, a := range ref.apps {
				if got := core.Share(name); got != a.share {
					t.Fatalf("share of %s: %v, the reference %v", name, got, a.share)
				} else if !corrected && got < before[name] {
					t.Fatalf("share of %s fell from %v to %v", name, before[name], got)
				}
				before[name] = a.share
			}
		}
		job := func(accept func(*refJob) bool) *refJob {
			if all := ref.of(accept); len(all) > 0 {
				return all[rapid.IntRange(0, len(all)-1).Draw(t, "which")]
			}
			return nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				for range rapid.IntRange(1, 4).Draw(t, "n") {
					r := batching.Request{
						Key:          rapid.SampledFrom([]batching.Key{key, key, other}).Draw(t, "key"),
						App:          rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "app"),
						Priority:     rapid.SampledFrom([]batching.Priority{-1, 0, 0, 0, 1}).Draw(t, "priority"),
						PromptTokens: rapid.IntRange(0, 400).Draw(t, "prompt"),
						MaxTokens:    rapid.SampledFrom([]int{0, 20, 100, 300}).Draw(t, "max"),
						Prefix:       uint64(rapid.IntRange(0, 3).Draw(t, "prefix")),
						PrefixTokens: rapid.IntRange(0, 200).Draw(t, "prefix tokens"),
					}
					ticket, err := core.Arrive(now, r)
					same, _ := twin.Arrive(now, r)
					if err != nil {
						t.Fatal(err)
					}
					twins[ticket] = same
					ref.arrive(now, ticket)
				}
				step(false)
			},
			"generate": func(t *rapid.T) {
				if j := job(func(j *refJob) bool { return j.running }); j != nil {
					n := rapid.IntRange(1, 200).Draw(t, "n")
					j.generated += n
					j.ticket.Generated(n)
					twins[j.ticket].Generated(n)
				}
				step(false)
			},
			"end": func(t *rapid.T) {
				j := job(func(j *refJob) bool { return j.running })
				if j != nil {
					told := batching.Untold()
					if rapid.Bool().Draw(t, "tells") {
						told.PromptTokens = rapid.IntRange(0, 800).Draw(t, "read")
						told.CachedTokens = rapid.IntRange(-1, 300).Draw(t, "cached")
						told.OutputTokens = rapid.IntRange(-1, 300).Draw(t, "wrote")
					}
					o := rapid.SampledFrom([]batching.Outcome{batching.Served, batching.Served, batching.Canceled, batching.Overload, batching.Failed}).Draw(t, "outcome")
					core.End(now, j.ticket, o, told)
					twin.End(now, twins[j.ticket], o, told)
					ref.end(now, j, o, told)
				}
				step(j != nil)
			},
			"leave": func(t *rapid.T) {
				if j := job(func(j *refJob) bool { return !j.running && !j.leaving }); j != nil {
					if !core.Leave(j.ticket) || !twin.Leave(twins[j.ticket]) {
						t.Fatal("it does not wait")
					}
					ref.gone(j)
				}
				step(false)
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 30_000).Draw(t, "ms")) * time.Millisecond)
				step(false)
			},
		})
	})
}
