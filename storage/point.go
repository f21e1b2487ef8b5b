package storage

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"
)

// Points are a chart's worth of a range, oldest first. Spans in which nothing was
// sampled have no point.
type Points struct {
	Step   time.Duration `json:"step_ns"`
	Points []Point       `json:"points"`
}

// Point is one span of a chart. Means are over the seconds that were sampled.
type Point struct {
	At      time.Time `json:"at"`      // its beginning in UTC, a multiple of Step since 1970
	Seconds int       `json:"seconds"` // that were sampled; at least 1

	Running, Waiting                                  float64 // means
	MostRunning                                       int
	MostWaiting                                       int
	Limit                                             float64  // mean of the seconds with a bound; 0 = none had one
	TokensOut, TokensIn                               float64  // per second: means
	FirstTokens                                       int      // requests with a first token that began in the span
	FirstP50, FirstP95                                *float64 // seconds, 1 % off at most; nil without FirstTokens
	MemoryUsed, MemoryTotal, MemoryOurs, MemoryOthers *float64 // bytes: means
	Utilization, Power                                *float64 // means
}

const (
	// mostPoints is how many points a chart may ask for.
	mostPoints = 10_000
	// mostSpans is how many spans of a roll-up are read for a chart, and as many of
	// first tokens: 10,000 rows.
	mostSpans = 5_000
)

// chartSteps are the lengths, in seconds, that a chart's points may have; beyond
// them whole multiples of the last.
var chartSteps = []int64{
	second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second,
	minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute,
	hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day,
}

// tiers are the roll-ups of samples, the finest first.
var tiers = [...]int64{second, minute, hour, day}

// reach tells from where and to where each tier has samples, in seconds since 1970;
// zero where it has none.
type reach [len(tiers)]struct{ from, to int64 }

// plan is what is read for a chart.
type plan struct {
	tier, step int64 // seconds; step is a multiple of tier
	from, to   int64 // multiples of step
}

// choose finds the shortest step with at most most points for [from, to) and the
// roll-up to read them from: one that reaches back as far as there is any, or as
// the range, with few enough rows.
func (r reach) choose(from, to int64, most int) plan {
	last := len(tiers) - 1
	if r[last].to == r[last].from {
		return plan{tier: second, step: second}
	}
	begin := r[last].from
	for i := last - 1; i >= 0 && r[i].to > r[i].from && r[i].from < begin+tiers[i+1]; i-- {
		begin = r[i].from // it lost nothing that the coarser one has
	}
	from = max(from, begin)
	for _, t := range r {
		if t.to > t.from {
			to = min(to, t.to)
			break
		}
	}
	most = max(2, min(most, mostPoints))
	for _, step := range chartSteps {
		t := last
		for step%tiers[t] != 0 {
			t--
		}
		p := plan{tier: tiers[t], step: step, from: floor(from, step), to: ceil(to, step)}
		if (p.to-p.from)/step <= int64(most) && (p.to-p.from)/p.tier <= mostSpans && r[t].to > r[t].from && r[t].from <= from {
			return p
		}
	}
	// One point more than the length has steps, as its ends may lie within one.
	step := day * max(1, ceil(to-from, day*int64(most-1))/(day*int64(most-1)))
	return plan{day, step, floor(from, step), ceil(to, step)}
}

const selectReach = `SELECT
	(SELECT min(at) FROM sample), (SELECT max(at) + 1 FROM sample),
	(SELECT min(at) FROM span WHERE step = 60), (SELECT max(at) + 60 FROM span WHERE step = 60),
	(SELECT min(at) FROM span WHERE step = 3600), (SELECT max(at) + 3600 FROM span WHERE step = 3600),
	(SELECT min(at) FROM span WHERE step = 86400), (SELECT max(at) + 86400 FROM span WHERE step = 86400)`

const spanColumns = `seconds, running, waiting, most_running, most_waiting, limited, in_flight_limit, tokens_out, tokens_in,
	memory_used_n, memory_used, memory_total_n, memory_total, memory_ours_n, memory_ours,
	memory_others_n, memory_others, utilization_n, utilization, power_n, power`

const selectSpans = `SELECT at, ` + spanColumns + ` FROM span
	WHERE step = ? AND at >= ? AND at < ? ORDER BY at LIMIT ?`

// selectSeconds has the samples as spans of a second.
const selectSeconds = `SELECT at, 1, running, waiting, running, waiting, in_flight_limit > 0, in_flight_limit, tokens_out, tokens_in,
	memory_used IS NOT NULL, coalesce(memory_used, 0), memory_total IS NOT NULL, coalesce(memory_total, 0),
	memory_ours IS NOT NULL, coalesce(memory_ours, 0), memory_others IS NOT NULL, coalesce(memory_others, 0),
	utilization IS NOT NULL, coalesce(utilization, 0), power IS NOT NULL, coalesce(power, 0)
	FROM sample WHERE ? AND at >= ? AND at < ? ORDER BY at LIMIT ?`

const selectFirsts = `SELECT at, sketch FROM first_token
	WHERE step = ? AND at >= ? AND at < ? ORDER BY at LIMIT ?`

// Points reads a range for a chart of at most most points, which is from 2 to
// 10,000, with the shortest step that has so few. It reads no more than 10,000 rows.
// A step is a second, a minute, an hour, a day, or a multiple; the first and the
// last point are whole ones too, so they may reach beyond the range. q.Limit is
// ignored.
func (s *Store) Points(ctx context.Context, q Query, most int) (Points, error) {
	var points Points
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		r, err := readReach(ctx, tx)
		if err != nil {
			return err
		}
		from, to := q.bounds()
		p := r.choose(floor(from, 1000)/1000, ceil(to, 1000)/1000, most)
		points.Step = time.Duration(p.step) * time.Second
		points.Points, err = p.read(ctx, tx)
		return err
	})
	if err != nil {
		return Points{}, fmt.Errorf("read points: %w", err)
	}
	return points, nil
}

func readReach(ctx context.Context, tx *sql.Tx) (r reach, err error) {
	bounds := make([]any, 0, 2*len(tiers))
	var at [2 * len(tiers)]sql.NullInt64
	for i := range at {
		bounds = append(bounds, &at[i])
	}
	err = tx.QueryRowContext(ctx, selectReach).Scan(bounds...)
	for i := range r {
		r[i].from, r[i].to = at[2*i].Int64, at[2*i+1].Int64
	}
	return r, err
}

// read adds up the spans of each step.
func (p plan) read(ctx context.Context, tx *sql.Tx) ([]Point, error) {
	query := selectSpans
	if p.tier == second {
		query = selectSeconds
	}
	var groups []*group
	byStart := map[int64]*group{}
	if _, err := collect(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
		at, a, err := scanSpan(rows)
		at = floor(at, p.step)
		g := byStart[at]
		if g == nil {
			g = &group{at: at}
			byStart[at], groups = g, append(groups, g)
		}
		g.merge(&a)
		return struct{}{}, err
	}, query, p.tier, p.from, p.to, mostSpans); err != nil {
		return nil, err
	}
	if _, err := collect(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
		var at int64
		var blob []byte
		err := rows.Scan(&at, &blob)
		if g := byStart[floor(at, p.step)]; g != nil && err == nil {
			g.firsts = append(g.firsts, blob)
		}
		return struct{}{}, err
	}, selectFirsts, p.tier, p.from, p.to, mostSpans); err != nil {
		return nil, err
	}
	points := make([]Point, len(groups))
	firsts := newSketch()
	for i, g := range groups {
		firsts.Clear()
		for _, blob := range g.firsts {
			if err := firsts.DecodeAndMergeWith(blob); err != nil {
				return nil, err
			}
		}
		points[i] = g.point(firsts)
	}
	return points, nil
}

// group is one point in the making.
type group struct {
	span
	at     int64
	firsts [][]byte // sketches
}

func scanSpan(rows *sql.Rows) (at int64, a span, err error) {
	err = rows.Scan(&at, &a.seconds, &a.running, &a.waiting, &a.mostRunning, &a.mostWaiting, &a.limited, &a.limit,
		&a.tokensOut, &a.tokensIn, &a.memoryUsed.n, &a.memoryUsed.sum, &a.memoryTotal.n, &a.memoryTotal.sum,
		&a.memoryOurs.n, &a.memoryOurs.sum, &a.memoryOthers.n, &a.memoryOthers.sum,
		&a.utilization.n, &a.utilization.sum, &a.power.n, &a.power.sum)
	return at, a, err
}

func (a *span) merge(o *span) {
	a.seconds += o.seconds
	a.running += o.running
	a.waiting += o.waiting
	a.mostRunning = max(a.mostRunning, o.mostRunning)
	a.mostWaiting = max(a.mostWaiting, o.mostWaiting)
	a.limited += o.limited
	a.limit += o.limit
	a.tokensOut += o.tokensOut
	a.tokensIn += o.tokensIn
	a.memoryUsed.merge(o.memoryUsed)
	a.memoryTotal.merge(o.memoryTotal)
	a.memoryOurs.merge(o.memoryOurs)
	a.memoryOthers.merge(o.memoryOthers)
	a.utilization.merge(o.utilization)
	a.power.merge(o.power)
}

func (g *group) point(firsts sketch) Point {
	n := float64(g.seconds)
	p := Point{
		At:          time.Unix(g.at, 0).UTC(),
		Seconds:     int(g.seconds),
		Running:     float64(g.running) / n,
		Waiting:     float64(g.waiting) / n,
		MostRunning: int(g.mostRunning),
		MostWaiting: int(g.mostWaiting),
		TokensOut:   float64(g.tokensOut) / n,
		TokensIn:    float64(g.tokensIn) / n,
		FirstTokens: int(math.Round(firsts.GetCount())),
		FirstP50:    firsts.percentile(0.5),
		FirstP95:    firsts.percentile(0.95),
		MemoryUsed:  g.memoryUsed.mean(), MemoryTotal: g.memoryTotal.mean(),
		MemoryOurs: g.memoryOurs.mean(), MemoryOthers: g.memoryOthers.mean(),
		Utilization: g.utilization.mean(), Power: g.power.mean(),
	}
	if g.limited > 0 {
		p.Limit = float64(g.limit) / float64(g.limited)
	}
	return p
}
