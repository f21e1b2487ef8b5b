package storage

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// past is random history around the ends of hours and days: seconds with gaps,
// requests that come late and in any order, batches, joules.
type past struct {
	samples  []Sample
	requests []Request
	batches  map[uint64]Batch
	curve    []CurveSecond
}

var midnight = time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)

func anyTime(t *rapid.T) time.Time {
	// Close together, for rows to share spans, or a few days apart.
	around := midnight.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "hours off")) * 12 * time.Hour)
	return around.Add(time.Duration(rapid.Int64Range(-4000_000, 4000_000).Draw(t, "milliseconds off")) * time.Millisecond)
}

func maybe[T any](t *rapid.T, g *rapid.Generator[T], label string) *T {
	if rapid.Bool().Draw(t, label+" known") {
		return ptr(g.Draw(t, label))
	}
	return nil
}

// add makes a row and adds it to the store; what it becomes is kept in p.
func (p *past) add(t *rapid.T, s *Store) {
	count := rapid.IntRange(0, 40)
	switch rapid.SampledFrom([]string{"sample", "sample", "request", "request", "request", "batch", "energy", "curve"}).Draw(t, "row") {
	case "sample":
		for range rapid.IntRange(1, 20).Draw(t, "seconds") {
			r := Sample{
				At: anyTime(t).Truncate(time.Second), Running: count.Draw(t, "running"), Waiting: count.Draw(t, "waiting"),
				Limit: rapid.IntRange(0, 3).Draw(t, "limit"), TokensOut: int64(count.Draw(t, "out")), TokensIn: int64(count.Draw(t, "in")),
				MemoryUsed: maybe(t, rapid.Int64Range(0, 1<<37), "used"), MemoryTotal: maybe(t, rapid.Int64Range(0, 1<<37), "total"),
				MemoryOurs: maybe(t, rapid.Int64Range(0, 1<<37), "ours"), MemoryOthers: maybe(t, rapid.Int64Range(0, 1<<37), "others"),
				Utilization: maybe(t, rapid.Float64Range(0, 1), "utilization"), Power: maybe(t, rapid.Float64Range(0, 500), "power"),
			}
			s.AddSample(r)
			if !slices.ContainsFunc(p.samples, func(o Sample) bool { return o.At.Equal(r.At) }) {
				p.samples = append(p.samples, r)
			}
		}
	case "request":
		queue := rapid.Float64Range(0, 5000).Draw(t, "queue")
		r := Request{
			ID: fmt.Sprint(len(p.requests)), Started: anyTime(t),
			Batch: maybe(t, rapid.Uint64Range(1, 6), "batch"),
			App:   rapid.SampledFrom([]string{"editor", "chat", ""}).Draw(t, "app"), Engine: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "engine"),
			Model: rapid.SampledFrom([]string{"m", "n"}).Draw(t, "model"), Outcome: rapid.SampledFrom([]string{"ok", "error", "cancelled", "rejected"}).Draw(t, "outcome"),
			PromptTokens: maybe(t, rapid.Int64Range(0, 9000), "prompt"), OutputTokens: maybe(t, rapid.Int64Range(0, 9000), "output"),
			QueueMS: queue, TotalMS: queue + rapid.Float64Range(0, 9000).Draw(t, "run"),
			FirstTokenMS: maybe(t, rapid.Float64Range(0.1, 20_000), "first"), EnergyJ: maybe(t, rapid.Float64Range(0, 100), "joules"),
		}
		s.AddRequest(r)
		p.requests = append(p.requests, r)
	case "batch":
		id := rapid.Uint64Range(1, 6).Draw(t, "batch")
		b := Batch{ID: id, Started: anyTime(t), Engine: "a", Model: "m", Running: rapid.IntRange(1, 3).Draw(t, "running"), Released: 1}
		s.AddBatch(b)
		if _, there := p.batches[id]; !there {
			p.batches[id] = b
		}
	case "energy":
		for i, r := range p.requests {
			if r.EnergyJ == nil && r.Batch != nil {
				p.requests[i].EnergyJ = ptr(rapid.Float64Range(0, 100).Draw(t, "late joules"))
				s.AddEnergy(*r.Batch, r.ID, *p.requests[i].EnergyJ)
				break
			}
		}
	case "curve":
		c := CurveSecond{At: anyTime(t), Engine: "a", Model: "m", Running: rapid.IntRange(1, 3).Draw(t, "running"), Tokens: int64(count.Draw(t, "tokens"))}
		s.AddCurve(c)
		p.curve = append(p.curve, c)
	}
}

func percentile(values []float64, share float64) float64 {
	slices.Sort(values)
	return values[int(share*float64(len(values)-1))]
}

func near(got, want, relative float64) bool {
	return math.Abs(got-want) <= relative*math.Abs(want)+1e-9
}

// sameTime is to the microsecond.
func sameTime(got time.Duration, ms float64) bool {
	return math.Abs(got.Seconds()*1000-ms) < 1e-3
}

func samePercentiles(p50, p95 *float64, ms []float64) bool {
	if len(ms) == 0 {
		return p50 == nil && p95 == nil
	}
	return p50 != nil && p95 != nil &&
		near(*p50, percentile(ms, 0.5)/1000, 1.001*sketchError) && near(*p95, percentile(ms, 0.95)/1000, 1.001*sketchError)
}

func sameMean(got *float64, known []float64) bool {
	if len(known) == 0 {
		return got == nil
	}
	var sum float64
	for _, v := range known {
		sum += v
	}
	return got != nil && near(*got, sum/float64(len(known)), 1e-9)
}

// checkPoints compares every point with what its samples and requests come to.
func (p *past) checkPoints(t *rapid.T, s *Store, q Query, most int) {
	points, err := s.Points(t.Context(), q, most)
	if err != nil {
		t.Fatal(err)
	}
	if len(points.Points) > most {
		t.Fatalf("%d points, want %d at most", len(points.Points), most)
	}
	var seconds int
	for i, point := range points.Points {
		if point.At.Unix()%int64(points.Step.Seconds()) != 0 || i > 0 && !point.At.After(points.Points[i-1].At) {
			t.Fatalf("point %d at %v after %v, steps of %v", i, point.At, points.Points[max(0, i-1)].At, points.Step)
		}
		within := func(at time.Time) bool { return !at.Before(point.At) && at.Before(point.At.Add(points.Step)) }
		var want Point
		var used, total, ours, others, utilization, power, firsts []float64
		var limited int
		note := func(into *[]float64, v *int64) {
			if v != nil {
				*into = append(*into, float64(*v))
			}
		}
		for _, r := range p.samples {
			if !within(r.At) {
				continue
			}
			want.Seconds++
			want.Running += float64(r.Running)
			want.Waiting += float64(r.Waiting)
			want.MostRunning, want.MostWaiting = max(want.MostRunning, r.Running), max(want.MostWaiting, r.Waiting)
			if r.Limit > 0 {
				limited++
				want.Limit += float64(r.Limit)
			}
			want.TokensOut += float64(r.TokensOut)
			want.TokensIn += float64(r.TokensIn)
			note(&used, r.MemoryUsed)
			note(&total, r.MemoryTotal)
			note(&ours, r.MemoryOurs)
			note(&others, r.MemoryOthers)
			if r.Utilization != nil {
				utilization = append(utilization, *r.Utilization)
			}
			if r.Power != nil {
				power = append(power, *r.Power)
			}
		}
		for _, r := range p.requests {
			if within(r.Started) && r.FirstTokenMS != nil {
				firsts = append(firsts, *r.FirstTokenMS)
			}
		}
		n := float64(want.Seconds)
		if point.Seconds != want.Seconds || point.Seconds == 0 ||
			!near(point.Running, want.Running/n, 1e-12) || !near(point.Waiting, want.Waiting/n, 1e-12) ||
			point.MostRunning != want.MostRunning || point.MostWaiting != want.MostWaiting ||
			!near(point.Limit, want.Limit/float64(max(1, limited)), 1e-12) ||
			!near(point.TokensOut, want.TokensOut/n, 1e-12) || !near(point.TokensIn, want.TokensIn/n, 1e-12) ||
			!sameMean(point.MemoryUsed, used) || !sameMean(point.MemoryTotal, total) ||
			!sameMean(point.MemoryOurs, ours) || !sameMean(point.MemoryOthers, others) ||
			!sameMean(point.Utilization, utilization) || !sameMean(point.Power, power) ||
			point.FirstTokens != len(firsts) || !samePercentiles(point.FirstP50, point.FirstP95, firsts) {
			t.Fatalf("steps of %v: got %+v\nwant sums %+v, first tokens %v", points.Step, point, want, firsts)
		}
		seconds += point.Seconds
	}
	var want int
	for _, r := range p.samples {
		if (q.Since.IsZero() || !r.At.Before(q.Since)) && (q.Until.IsZero() || r.At.Before(q.Until)) {
			want++
		}
	}
	if seconds < want {
		t.Fatalf("%d seconds in the points, want %d at least", seconds, want)
	}
}

// checkUse compares AppUse, Names and the filters with what the requests come to.
func (p *past) checkUse(t *rapid.T, s *Store, q Query) {
	within := func(r Request) bool {
		return (q.Since.IsZero() || !r.Started.Before(q.Since)) && (q.Until.IsZero() || r.Started.Before(q.Until))
	}
	uses, err := s.AppUse(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, got := range uses {
		var want AppUse
		var run, wait, longest float64
		var firsts []float64
		var joules *float64
		for _, r := range p.requests {
			if r.App != got.App || !within(r) {
				continue
			}
			want.Requests++
			switch r.Outcome {
			case "error", "rejected":
				want.Failed++
			case "cancelled":
				want.Cancelled++
			}
			if r.PromptTokens != nil {
				want.PromptTokens += *r.PromptTokens
			}
			if r.OutputTokens != nil {
				want.OutputTokens += *r.OutputTokens
			}
			if r.Batch != nil {
				run += r.TotalMS - r.QueueMS
			}
			wait, longest = wait+r.QueueMS, max(longest, r.QueueMS)
			if r.FirstTokenMS != nil {
				firsts = append(firsts, *r.FirstTokenMS)
			}
			if r.EnergyJ != nil {
				if joules == nil {
					joules = ptr(0.0)
				}
				*joules += *r.EnergyJ
			}
			if r.Started.After(want.Last) {
				want.Last = r.Started
			}
		}
		total += want.Requests
		if got.Requests != want.Requests || got.Failed != want.Failed || got.Cancelled != want.Cancelled ||
			got.PromptTokens != want.PromptTokens || got.OutputTokens != want.OutputTokens || !got.Last.Equal(want.Last) ||
			!sameTime(got.Run, run) || !sameTime(got.Wait, wait) || !sameTime(got.LongestWait, longest) || !samePercentiles(got.FirstP50, got.FirstP95, firsts) ||
			(got.Joules == nil) != (joules == nil) || joules != nil && !near(*got.Joules, *joules, 1e-9) {
			t.Fatalf("%+v: got %+v\nwant %+v, run %v, wait %v, longest %v, first %v, joules %v", q, got, want, run, wait, longest, firsts, joules)
		}
	}
	f := Filter{Query: q, App: rapid.SampledFrom([]string{"", "chat"}).Draw(t, "app wanted"),
		Engine: rapid.SampledFrom([]string{"", "a"}).Draw(t, "engine wanted"), Outcome: rapid.SampledFrom([]string{"", "ok"}).Draw(t, "outcome wanted")}
	f.Sort, f.Ascending = rapid.SampledFrom([]string{"", "total_ms"}).Draw(t, "sort"), rapid.Bool().Draw(t, "ascending")
	f.Limit, f.Offset = rapid.SampledFrom([]int{0, 1, 3}).Draw(t, "limit"), rapid.IntRange(0, 3).Draw(t, "offset")
	rows, n, err := s.FindRequests(t.Context(), f)
	var all int64
	var found []Request
	outcomes := []string{}
	for _, r := range p.requests {
		if !within(r) {
			continue
		}
		all++
		outcomes = append(outcomes, r.Outcome)
		if (f.App == "" || f.App == r.App) && (f.Engine == "" || f.Engine == r.Engine) && (f.Outcome == "" || f.Outcome == r.Outcome) {
			found = append(found, r)
		}
	}
	if err != nil || n != int64(len(found)) || total != all {
		t.Fatalf("%+v: %d in all, %v, want %d; %d by app, want %d", f, n, err, len(found), total, all)
	}
	if got, want := ids(rows), ids(f.page(found)); !slices.Equal(got, want) {
		t.Fatalf("%+v: got %v, want %v", f, got, want)
	}
	slices.Sort(outcomes)
	names, err := s.Names(t.Context(), q)
	if err != nil || !slices.Equal(names.Outcomes, slices.Compact(outcomes)) {
		t.Fatalf("names %+v, %v", names, err)
	}
}

// page sorts requests, which are in the order in which they came, and cuts the page out.
func (f Filter) page(all []Request) []Request {
	slices.SortStableFunc(all, func(a, b Request) int {
		if f.Sort == "total_ms" {
			return cmp.Compare(a.TotalMS, b.TotalMS)
		}
		return a.Started.Compare(b.Started)
	})
	if !f.Ascending {
		slices.Reverse(all)
	}
	all = all[min(f.Offset, len(all)):]
	return all[:min(f.limit(), len(all))]
}

func (p *past) checkCurve(t *rapid.T, s *Store) {
	points, err := s.Curve(t.Context(), "a", "m", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var seconds, firstTokens int
	for _, got := range points {
		var n int
		var tokens int64
		var firsts []float64
		for _, c := range p.curve {
			if c.Running == got.Running {
				n++
				tokens += c.Tokens
			}
		}
		for _, r := range p.requests {
			if r.Batch != nil && r.FirstTokenMS != nil && p.batches[*r.Batch].Running == got.Running {
				firsts = append(firsts, *r.FirstTokenMS)
			}
		}
		if got.Seconds != n || !near(got.TokensPS, float64(tokens)/float64(max(1, n)), 1e-12) || !samePercentiles(got.FirstP50, got.FirstP95, firsts) {
			t.Fatalf("got %+v, want %d seconds, %d tokens, first %v", got, n, tokens, firsts)
		}
		seconds, firstTokens = seconds+n, firstTokens+len(firsts)
	}
	if seconds != len(p.curve) {
		t.Fatalf("%d seconds in the curve, want %d", seconds, len(p.curve))
	}
}

func anyQuery(t *rapid.T) (q Query) {
	if rapid.Bool().Draw(t, "bounded") {
		q.Since, q.Until = anyTime(t), anyTime(t)
		if q.Until.Before(q.Since) {
			q.Since, q.Until = q.Until, q.Since
		}
		if rapid.Bool().Draw(t, "to the end") {
			q.Until = time.Time{}
		}
	}
	return q
}

func TestRollUps(t *testing.T) {
	t.Run("AreWhatTheRowsComeTo", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		s, err := Open(t.Context(), Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close(t.Context()) }()
		rapid.Check(t, func(t *rapid.T) {
			if err := s.Wipe(t.Context()); err != nil {
				t.Fatal(err)
			}
			p := past{batches: map[uint64]Batch{}}
			for range rapid.IntRange(1, 40).Draw(t, "rows") {
				p.add(t, s)
				if rapid.IntRange(0, 9).Draw(t, "flush") == 0 {
					if err := s.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if rapid.IntRange(0, 19).Draw(t, "restart") == 0 {
					if err := s.Close(t.Context()); err != nil {
						t.Fatal(err)
					}
					if s, err = Open(t.Context(), Options{Path: path}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				q := anyQuery(t)
				p.checkPoints(t, s, q, rapid.SampledFrom([]int{2, 20, 300, 10_000}).Draw(t, "most"))
				p.checkUse(t, s, q)
			}
			p.checkCurve(t, s)
		})
	})
}
