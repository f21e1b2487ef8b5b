package batching_test

import (
	"cmp"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carpool/batching"
	"carpool/internal/clocktest"
)

// reference is the order of engines whose models fit together, written down as
// slow and plain as it can be: everything is a list that is searched from end to
// end. The core must choose as it does.
type reference struct {
	set      batching.Settings
	tokens   int                  // Limits.Tokens of every key
	sizes    map[batching.Key]int // of those with limits of their own
	apps     map[string]*refApp
	jobs     []*refJob // by arrival
	floor    float64
	turns    int
	ratio    map[batching.Key]float64
	finished map[batching.Key][]uint64
	guarded  map[string]bool // of each pool
	fronts   int
}

type refApp struct {
	weight, share float64
	since         time.Time
	turned        time.Time // the last turn that was answered
	turn          int       // tells turns of one moment apart
	outputs       map[batching.Key][]int
}

type refJob struct {
	ticket                 *batching.Ticket
	batching.Request       // what it asks
	app                    *refApp
	queued, released       time.Time
	running, leaving       bool
	freeAt                 time.Time
	output, prompt, cached int
	charged                float64
	generated, metered     int
	front                  int // when it was moved to the front; 0 = it was not
}

func newReference(set batching.Settings, tokens int) *reference {
	return &reference{set: set, tokens: tokens, apps: map[string]*refApp{}, ratio: map[batching.Key]float64{},
		sizes: map[batching.Key]int{}, finished: map[batching.Key][]uint64{}, guarded: map[string]bool{}}
}

// pool names what k shares its places with, nothing but itself without a group.
func (r *reference) pool(k batching.Key) string {
	if g := r.set.Groups[k.Engine]; g != "" {
		return g
	}
	return k.Engine + "/" + k.Model
}

// regroup takes over new groups. Who had the last turn is only known of keys that
// had their places to themselves and still do.
func (r *reference) regroup(groups map[string]string) {
	if maps.Equal(groups, r.set.Groups) {
		return
	}
	old := *r
	r.set.Groups = groups
	r.guarded = map[string]bool{}
	for _, j := range r.jobs {
		if alone := j.Key.Engine + "/" + j.Key.Model; old.pool(j.Key) == alone && r.pool(j.Key) == alone {
			r.guarded[alone] = old.guarded[alone]
		}
	}
}

func (r *reference) size(k batching.Key) int {
	if n := r.sizes[k]; n > 0 {
		return n
	}
	return r.set.Size
}

func (r *reference) of(accept func(*refJob) bool) (all []*refJob) {
	for _, j := range r.jobs {
		if accept(j) {
			all = append(all, j)
		}
	}
	return all
}

func (r *reference) waiting(pool string) []*refJob {
	return r.of(func(j *refJob) bool { return r.pool(j.Key) == pool && !j.running && !j.leaving })
}

func (r *reference) taken(pool string) []*refJob {
	return r.of(func(j *refJob) bool { return r.pool(j.Key) == pool && (j.running || j.leaving) })
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
	queued := now
	if s := t.Request.Since; !s.IsZero() && s.Before(now) {
		queued = s
	}
	r.turns++
	since := queued
	if since.Before(a.turned) {
		since = a.turned
	}
	if len(r.of(func(j *refJob) bool { return j.app == a && !j.running && !j.leaving })) == 0 || since.Before(a.since) {
		a.since, a.turn = since, r.turns
	}
	j := &refJob{ticket: t, Request: t.Request, app: a, queued: queued}
	j.output = r.expects(j)
	r.jobs = append(r.jobs, j)
	slices.SortStableFunc(r.jobs, func(a, b *refJob) int { return a.queued.Compare(b.queued) })
}

// answered notes a sign of life.
func (r *reference) answered(j *refJob) {
	if j.released.After(j.app.turned) {
		j.app.turned = j.released
	}
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
	for _, other := range r.of(func(other *refJob) bool { return other.running && other.app == j.app }) {
		r.meter(other)
	}
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
	if o != batching.Failed {
		r.answered(j)
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
	return f[max(0, len(f)-max(1, r.size(k)-len(r.inFlight(k)))):]
}

func class(p batching.Priority) int { return -int(p) }

// next is the one of a pool that leaves next; nil if none may.
func (r *reference) next(now time.Time, pool string) *refJob {
	waiting, running := r.waiting(pool), r.taken(pool)
	if len(waiting) == 0 {
		return nil
	}
	j := r.choose(now, pool, waiting, running)
	if j == nil || len(running) >= r.size(j.Key) {
		return nil
	}
	if r.tokens == 0 || len(running) == 0 {
		return j
	}
	sum := r.estimate(j.Key, j.PromptTokens) + r.expects(j)
	for _, x := range running {
		sum += x.prompt + x.generated + max(32, x.output-x.generated)
	}
	if sum > r.tokens {
		return nil
	}
	return j
}

func (r *reference) choose(now time.Time, pool string, waiting, running []*refJob) *refJob {
	urgent := slices.DeleteFunc(slices.Clone(waiting), func(j *refJob) bool { return j.Priority != batching.Urgent })
	others := slices.DeleteFunc(slices.Clone(running), func(j *refJob) bool { return j.Priority == batching.Urgent })
	j := r.inOrder(now, pool, waiting, urgent)
	if kept := min(r.set.ReservedUrgent, r.size(j.Key)-1); kept > 0 && len(others) >= r.size(j.Key)-kept {
		return cmp.Or(foremost(urgent), r.best(now, urgent))
	}
	return j
}

// foremost is the one that was moved to the front last; nil if none was.
func foremost(all []*refJob) (first *refJob) {
	for _, j := range all {
		if j.front > 0 && (first == nil || j.front > first.front) {
			first = j
		}
	}
	return first
}

func (r *reference) inOrder(now time.Time, pool string, waiting, urgent []*refJob) *refJob {
	if j := foremost(waiting); j != nil {
		return j
	}
	if r.set.Order == batching.Fair && (!r.guarded[pool] || len(urgent) == 0) {
		names := slices.SortedFunc(maps.Keys(r.apps), func(a, b string) int {
			return cmp.Or(r.apps[a].since.Compare(r.apps[b].since), cmp.Compare(r.apps[a].turn, r.apps[b].turn))
		})
		for _, name := range names {
			a := r.apps[name]
			own := r.of(func(j *refJob) bool { return j.app == a && !j.running && !j.leaving })
			if len(own) > 0 && r.pool(own[0].Key) == pool && now.Sub(a.since) >= r.set.Guard {
				return own[0]
			}
		}
	}
	return r.best(now, waiting)
}

// best is the first of what each key would send, by class, share and arrival.
func (r *reference) best(now time.Time, all []*refJob) *refJob {
	byKey := map[batching.Key][]*refJob{}
	for _, j := range all {
		byKey[j.Key] = append(byKey[j.Key], j)
	}
	var first *refJob
	for k, own := range byKey {
		highest := slices.MinFunc(own, func(a, b *refJob) int { return cmp.Compare(class(a.Priority), class(b.Priority)) })
		j := r.fairest(now, k, slices.DeleteFunc(own, func(j *refJob) bool { return j.Priority != highest.Priority }))
		if first == nil || cmp.Or(cmp.Compare(class(j.Priority), class(first.Priority)), r.byShare(j, first),
			cmp.Compare(slices.Index(r.jobs, j), slices.Index(r.jobs, first))) < 0 {
			first = j
		}
	}
	return first
}

// byShare is the order of accounts, which counts for nothing in Arrival order.
func (r *reference) byShare(a, b *refJob) int {
	if r.set.Order == batching.Arrival {
		return 0
	}
	return cmp.Compare(a.app.share, b.app.share)
}

// fairest chooses among those of one class.
func (r *reference) fairest(now time.Time, k batching.Key, all []*refJob) *refJob {
	if r.set.Order == batching.Arrival {
		return all[0]
	}
	byShare := r.byShare // then by arrival, as all is
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
	r.guarded[r.pool(j.Key)] = now.Sub(j.app.since) >= r.set.Guard && j.Priority != batching.Urgent
	j.prompt, j.output, j.cached = r.estimate(j.Key, j.PromptTokens), r.expects(j), 0
	if j.Prefix != 0 && slices.Contains(r.recent(j.Key), j.Prefix) {
		j.cached = min(r.estimate(j.Key, j.PrefixTokens), j.prompt)
	}
	j.charged = float64(j.prompt - j.cached)
	j.app.share += j.charged / j.app.weight
	j.running, j.released = true, now
	r.turns++
	j.app.since, j.app.turn = now, r.turns
}

// TestCoreChoosesLikeTheReference drives a core and the plain reference with the
// same random work for three apps on two models that fit together, and holds every
// choice and every account of the one against the other. A second core with the
// same input must do the same.
func TestCoreChoosesLikeTheReference(t *testing.T) { rapid.Check(t, choosesLikeTheReference) }

// FuzzScheduler does the same, led by what it has not reached yet in the core.
func FuzzScheduler(f *testing.F) {
	for seed := range byte(8) {
		work := make([]byte, 2<<10) // some fifty actions
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(work)
		f.Add(work)
	}
	f.Fuzz(rapid.MakeFuzz(choosesLikeTheReference))
}

func choosesLikeTheReference(t *rapid.T) {
	s := newSideBySide(t, drawn(t), key, key, other)
	t.Repeat(s.actions())
}

// TestGroupsChooseLikeTheReference does the same with three engines that share
// GPUs in changing groups, limits that differ, and requests that have waited
// elsewhere.
func TestGroupsChooseLikeTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := drawn(t)
		set.Groups = rapid.SampledFrom(groupings).Draw(t, "groups")
		set.Order = rapid.SampledFrom([]batching.Order{batching.Fair, batching.Fair, batching.Arrival}).Draw(t, "order")
		s := newSideBySide(t, set, key, other, studio, studioToo, cluster)
		s.moves = true
		actions := s.actions()
		actions["regroup"] = func(t *rapid.T) {
			groups := rapid.SampledFrom(groupings).Draw(t, "groups")
			s.ref.regroup(groups)
			s.core.Configure(s.ref.set)
			s.twin.Configure(s.ref.set)
			s.step(t, false)
		}
		actions["limit"] = func(t *rapid.T) {
			k := rapid.SampledFrom(s.keys).Draw(t, "key")
			l := s.ref.set.Limits
			l.Size = rapid.IntRange(1, 4).Draw(t, "size")
			s.ref.sizes[k] = l.Size
			s.core.SetLimits(k, l)
			s.twin.SetLimits(k, l)
			s.step(t, false)
		}
		actions["first token"] = func(t *rapid.T) {
			if j := s.job(t, func(j *refJob) bool { return j.running }); j != nil {
				s.core.FirstToken(s.now, j.ticket)
				s.twin.FirstToken(s.twinNow(), s.twins[j.ticket])
				s.ref.answered(j)
			}
			s.step(t, false)
		}
		t.Repeat(actions)
	})
}

// Keys of other engines than ollama, and ways to share GPUs.
var (
	studio    = batching.Key{Engine: "lmstudio", Model: "m"}
	studioToo = batching.Key{Engine: "lmstudio", Model: "n"}
	cluster   = batching.Key{Engine: "cluster", Model: "m"}

	groupings = []map[string]string{
		{"ollama": "gpu", "lmstudio": "gpu"},
		{"ollama": "gpu", "lmstudio": "gpu", "cluster": "gpu"},
		{"ollama": "one", "lmstudio": "two", "cluster": "two"},
		{"ollama": "gpu", "cluster": "gpu"},
	}
)

// drawn are random settings of fixed mode.
func drawn(t *rapid.T) batching.Settings {
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
	return set
}

// sideBySide is a core, its twin and the reference under the same work.
type sideBySide struct {
	keys       []batching.Key
	moves      bool // some requests have waited elsewhere
	now        time.Time
	set        time.Duration // by how much the twin's wall clock is wrong
	core, twin *batching.Core
	ref        *reference
	twins      map[*batching.Ticket]*batching.Ticket
	before     map[string]float64 // shares
}

func newSideBySide(t *rapid.T, set batching.Settings, keys ...batching.Key) *sideBySide {
	s := &sideBySide{keys: keys, now: time.Now(), ref: newReference(set, set.Tokens),
		core: batching.NewCore(set, batching.Options{}), twin: batching.NewCore(set, batching.Options{}),
		twins: map[*batching.Ticket]*batching.Ticket{}, before: map[string]float64{}}
	both := batching.EngineState{Loaded: []string{key.Model, other.Model}}
	for _, c := range []*batching.Core{s.core, s.twin} {
		for _, engine := range []string{key.Engine, studio.Engine, cluster.Engine} {
			c.SetEngine(s.now, engine, both)
		}
	}
	return s
}

// twinNow is the same moment by the twin's clock.
func (s *sideBySide) twinNow() time.Time { return clocktest.Set(s.now, s.set) }

// step lets go whatever may go, and holds it against the reference.
func (s *sideBySide) step(t *rapid.T, corrected bool) {
	ref, now := s.ref, s.now
	e, f := s.core.Step(now), s.twin.Step(s.twinNow())
	ref.jobs = slices.DeleteFunc(ref.jobs, func(j *refJob) bool { return j.leaving && !now.Before(j.freeAt) })
	if len(ref.of(func(j *refJob) bool { return !j.running && !j.leaving })) > 0 {
		for _, j := range ref.jobs {
			if j.running {
				ref.meter(j)
			}
		}
	}
	for i, ticket := range e.Released {
		if len(f.Released) <= i || s.twins[ticket] != f.Released[i] {
			t.Fatal("the same input, and another choice")
		}
		want := ref.next(now, ref.pool(ticket.Request.Key))
		if want == nil || want.ticket != ticket {
			t.Fatalf("released %+v, the reference %+v", ticket.Request, want)
		}
		ref.release(now, want)
	}
	for _, k := range s.keys {
		if left := ref.next(now, ref.pool(k)); left != nil {
			t.Fatalf("left %+v behind", left.Request)
		}
		if len(ref.of(func(j *refJob) bool { return ref.pool(j.Key) == ref.pool(k) })) == 0 {
			delete(ref.guarded, ref.pool(k))
		}
	}
	for name, a := range ref.apps {
		if got := s.core.Share(name); got != a.share {
			t.Fatalf("share of %s: %v, the reference %v", name, got, a.share)
		} else if !corrected && got < s.before[name] {
			t.Fatalf("share of %s fell from %v to %v", name, s.before[name], got)
		}
		s.before[name] = a.share
	}
}

// job draws one of those that accept takes; nil if there is none.
func (s *sideBySide) job(t *rapid.T, accept func(*refJob) bool) *refJob {
	if all := s.ref.of(accept); len(all) > 0 {
		return all[rapid.IntRange(0, len(all)-1).Draw(t, "which")]
	}
	return nil
}

// actions are what may happen.
func (s *sideBySide) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"arrive": func(t *rapid.T) {
			for range rapid.IntRange(1, 4).Draw(t, "n") {
				r := batching.Request{
					Key:          rapid.SampledFrom(s.keys).Draw(t, "key"),
					App:          rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "app"),
					Priority:     rapid.SampledFrom([]batching.Priority{-1, 0, 0, 0, 1}).Draw(t, "priority"),
					PromptTokens: rapid.IntRange(0, 400).Draw(t, "prompt"),
					MaxTokens:    rapid.SampledFrom([]int{0, 20, 100, 300}).Draw(t, "max"),
					Prefix:       uint64(rapid.IntRange(0, 3).Draw(t, "prefix")),
					PrefixTokens: rapid.IntRange(0, 200).Draw(t, "prefix tokens"),
				}
				if s.moves && rapid.IntRange(0, 3).Draw(t, "moves") == 0 {
					r.Since = s.now.Add(time.Duration(rapid.IntRange(-90, 5).Draw(t, "since")) * time.Second)
				}
				ticket, err := s.core.Arrive(s.now, r)
				if !r.Since.IsZero() {
					r.Since = clocktest.Set(r.Since, s.set)
				}
				same, _ := s.twin.Arrive(s.twinNow(), r)
				if err != nil {
					t.Fatal(err)
				}
				s.twins[ticket] = same
				s.ref.arrive(s.now, ticket)
			}
			s.step(t, false)
		},
		"generate": func(t *rapid.T) {
			if j := s.job(t, func(j *refJob) bool { return j.running }); j != nil {
				n := rapid.IntRange(1, 200).Draw(t, "n")
				j.generated += n
				j.ticket.Generated(n)
				s.twins[j.ticket].Generated(n)
			}
			s.step(t, false)
		},
		"end": func(t *rapid.T) {
			j := s.job(t, func(j *refJob) bool { return j.running })
			if j != nil {
				told := batching.Untold()
				if rapid.Bool().Draw(t, "tells") {
					told.PromptTokens = rapid.IntRange(0, 800).Draw(t, "read")
					told.CachedTokens = rapid.IntRange(-1, 300).Draw(t, "cached")
					told.OutputTokens = rapid.IntRange(-1, 300).Draw(t, "wrote")
				}
				o := rapid.SampledFrom([]batching.Outcome{batching.Served, batching.Served, batching.Canceled, batching.Overload, batching.Failed}).Draw(t, "outcome")
				s.core.End(s.now, j.ticket, o, told)
				s.twin.End(s.twinNow(), s.twins[j.ticket], o, told)
				s.ref.end(s.now, j, o, told)
			}
			s.step(t, j != nil)
		},
		"leave": func(t *rapid.T) {
			if j := s.job(t, func(j *refJob) bool { return !j.running && !j.leaving }); j != nil {
				if !s.core.Leave(j.ticket) || !s.twin.Leave(s.twins[j.ticket]) {
					t.Fatal("it does not wait")
				}
				s.ref.gone(j)
			}
			s.step(t, false)
		},
		"cancel": func(t *rapid.T) {
			if j := s.job(t, func(j *refJob) bool { return !j.running && !j.leaving }); j != nil {
				for c, ticket := range map[*batching.Core]*batching.Ticket{s.core: j.ticket, s.twin: s.twins[j.ticket]} {
					if err := c.Cancel(ticket.Number()); err != nil {
						t.Fatal(err)
					}
				}
				s.ref.gone(j)
			}
			s.step(t, false)
		},
		"front": func(t *rapid.T) {
			if j := s.job(t, func(j *refJob) bool { return !j.running && !j.leaving }); j != nil {
				if err := errors.Join(s.core.MoveToFront(s.now, j.ticket.Number()),
					s.twin.MoveToFront(s.twinNow(), s.twins[j.ticket].Number())); err != nil {
					t.Fatal(err)
				}
				s.ref.fronts++
				j.front = s.ref.fronts
			}
			s.step(t, false)
		},
		"wait": func(t *rapid.T) {
			s.now = s.now.Add(time.Duration(rapid.IntRange(1, 30_000).Draw(t, "ms")) * time.Millisecond)
			s.step(t, false)
		},
	}
}
