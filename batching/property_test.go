package batching_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"carpool/batching"
)

// model is what the laws say of a Core, kept beside it.
type model struct {
	t         *rapid.T
	core      *batching.Core
	now       time.Time
	set       batching.Settings
	waits     map[*batching.Ticket]bool
	runs      map[*batching.Ticket]bool
	leaving   map[*batching.Ticket]time.Time
	arrived   map[*batching.Ticket]int // the order of arrival
	holds     holds
	moved     map[*batching.Ticket]bool // to the front
	foremost  *batching.Ticket          // the last of them
	told      map[*batching.Ticket]bool // running ones that were cancelled
	cancelled []*batching.Ticket        // since the last step
	count     struct{ arrived, released, ended, left, expired, batches int }
}

// TestCoreKeepsItsLaws drives a core with random arrivals, ends, cancels,
// changes of every setting and steps of time, and checks after each that the
// limits hold, the order holds, and nobody is lost or served twice.
func TestCoreKeepsItsLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{t: t, now: start, waits: map[*batching.Ticket]bool{},
			runs: map[*batching.Ticket]bool{}, leaving: map[*batching.Ticket]time.Time{}, arrived: map[*batching.Ticket]int{}, moved: map[*batching.Ticket]bool{}, told: map[*batching.Ticket]bool{}}
		m.set = settings(t)
		m.core = batching.NewCore(m.set, batching.Options{})
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				r := batching.Request{
					Key:      rapid.SampledFrom([]batching.Key{key, other}).Draw(t, "key"),
					App:      rapid.SampledFrom([]string{"a", "b"}).Draw(t, "app"),
					Priority: rapid.SampledFrom([]batching.Priority{-1, 0, 1}).Draw(t, "priority"),
				}
				ticket, err := m.core.Arrive(m.now, r)
				if full := len(m.waits) >= m.set.MaxWaiting; full != errors.Is(err, batching.ErrQueueFull) {
					t.Fatalf("%d of %d wait, error %v", len(m.waits), m.set.MaxWaiting, err)
				}
				if err == nil {
					m.waits[ticket] = true
					m.count.arrived++
					m.arrived[ticket] = m.count.arrived
				}
				m.step()
			},
			"end": func(t *rapid.T) {
				if ticket := pick(t, m.runs); ticket != nil {
					o := rapid.SampledFrom([]batching.Outcome{batching.Served, batching.Canceled, batching.Overload}).Draw(t, "outcome")
					m.core.End(m.now, ticket, o, batching.Untold())
					m.core.End(m.now, ticket, o, batching.Untold()) // the second call must not count
					delete(m.runs, ticket)
					m.count.ended++
					if o == batching.Canceled && m.set.CancelGrace > 0 {
						m.leaving[ticket] = m.now.Add(m.set.CancelGrace)
					}
				}
				m.step()
			},
			"leave": func(t *rapid.T) {
				if ticket := pick(t, m.waits); ticket != nil {
					if !m.core.Leave(ticket) || m.core.Leave(ticket) {
						t.Fatal("a waiting ticket leaves exactly once")
					}
					delete(m.waits, ticket)
					m.count.left++
				}
				m.step()
			},
			"cancel": func(t *rapid.T) {
				if ticket := pick(t, m.waits); ticket != nil {
					if err := m.core.Cancel(ticket.Number()); err != nil {
						t.Fatal(err)
					}
					if err := m.core.Cancel(ticket.Number()); !errors.Is(err, batching.ErrGone) {
						t.Fatalf("cancelled twice: %v", err)
					}
					delete(m.waits, ticket)
					m.count.left++
					m.cancelled = append(m.cancelled, ticket)
				}
				if ticket := pick(t, m.runs); ticket != nil && rapid.Bool().Draw(t, "running too") {
					if err := m.core.Cancel(ticket.Number()); err != nil {
						t.Fatal(err)
					}
					if !m.told[ticket] {
						m.told[ticket] = true
						m.cancelled = append(m.cancelled, ticket)
					}
				}
				m.step()
			},
			"front": func(t *rapid.T) {
				if ticket := pick(t, m.runs); ticket != nil {
					if err := m.core.MoveToFront(m.now, ticket.Number()); !errors.Is(err, batching.ErrRunning) {
						t.Fatalf("moved what runs: %v", err)
					}
				}
				if ticket := pick(t, m.waits); ticket != nil {
					if err := m.core.MoveToFront(m.now, ticket.Number()); err != nil {
						t.Fatal(err)
					}
					m.moved[ticket] = true
					m.foremost = ticket
				}
				m.step()
			},
			"configure": func(t *rapid.T) {
				m.set = settings(t)
				m.core.Configure(m.set)
				m.step()
			},
			"hold": func(t *rapid.T) {
				m.holds = drawHolds(t)
				m.core.Hold(m.now, m.holds)
				m.step()
			},
			"wait": func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
				m.step()
			},
			"": m.check,
		})
		m.drain()
	})
}

func settings(t *rapid.T) batching.Settings {
	return batching.Settings{
		Limits: batching.Limits{
			Mode:     rapid.SampledFrom([]batching.Mode{batching.Fixed, batching.Static, batching.Serial, batching.Passthrough}).Draw(t, "mode"),
			Size:     rapid.IntRange(1, 5).Draw(t, "size"),
			Wait:     time.Duration(rapid.IntRange(0, 100).Draw(t, "wait")) * time.Millisecond,
			Parallel: rapid.IntRange(1, 3).Draw(t, "parallel"),
		},
		MaxWaiting:     rapid.IntRange(1, 40).Draw(t, "max waiting"),
		ReservedOthers: rapid.IntRange(0, 8).Draw(t, "reserved"),
		MaxWait:        time.Duration(rapid.SampledFrom([]int{0, 700, 5000}).Draw(t, "max wait")) * time.Millisecond,
		Order:          rapid.SampledFrom([]batching.Order{batching.Fair, batching.Arrival}).Draw(t, "order"),
		CancelGrace:    time.Duration(rapid.SampledFrom([]int{0, 500}).Draw(t, "grace")) * time.Millisecond,
	}
}

// pick draws one ticket of a set in an order that a replay repeats.
func pick(t *rapid.T, set map[*batching.Ticket]bool) *batching.Ticket {
	if len(set) == 0 {
		return nil
	}
	var oldest *batching.Ticket
	n := rapid.IntRange(0, 3).Draw(t, "which")
	for ; n >= 0; n-- {
		var next *batching.Ticket
		for c := range set {
			if (oldest == nil || c.Queued.After(oldest.Queued)) && (next == nil || c.Queued.Before(next.Queued)) {
				next = c
			}
		}
		if next == nil {
			break
		}
		oldest = next
	}
	return oldest
}

func (m *model) step() {
	for ticket, free := range m.leaving {
		if !m.now.Before(free) {
			delete(m.leaving, ticket)
		}
	}
	before := m.inFlight()
	e := m.core.Step(m.now)
	if !slices.Equal(e.Cancelled, m.cancelled) {
		m.t.Fatalf("told of %d cancelled ones, not of %d", len(e.Cancelled), len(m.cancelled))
	}
	m.cancelled = nil
	if f := m.foremost; f != nil && m.waits[f] && !m.holds.keep(f) && !slices.Contains(e.Expired, f) && len(e.Released) > 0 && e.Released[0] != f {
		sameLine := m.set.Mode == batching.Serial || m.set.Order == batching.Fair || e.Released[0].Request.Key == f.Request.Key
		if sameLine && m.set.Mode != batching.Passthrough {
			m.t.Fatal("overtook the one that was moved to the front last")
		}
	}
	if m.set.Order == batching.Fair && m.set.Mode != batching.Passthrough {
		for _, ticket := range e.Released {
			for k, n := range before {
				if n > 0 && k != ticket.Request.Key {
					m.t.Fatalf("sent %v while %v was answering", ticket.Request.Key, k)
				}
			}
			if ticket.Request.Key != e.Released[0].Request.Key {
				m.t.Fatal("sent two models at once that may drive each other out")
			}
		}
	}
	for _, ticket := range e.Expired {
		if !m.waits[ticket] || m.set.MaxWait == 0 || m.now.Sub(ticket.Queued) < m.set.MaxWait {
			m.t.Fatal("expired a ticket that does not wait or has not waited long enough")
		}
		delete(m.waits, ticket)
		m.count.expired++
	}
	for w := range m.waits {
		if m.set.MaxWait > 0 && m.now.Sub(w.Queued) >= m.set.MaxWait && !slices.Contains(e.Released, w) {
			m.t.Fatal("kept a ticket beyond the longest wait")
		}
	}
	for _, ticket := range e.Released {
		if !m.waits[ticket] {
			m.t.Fatal("released a ticket that does not wait")
		}
		if m.holds.keep(ticket) {
			m.t.Fatalf("released %+v, which is held", ticket.Request)
		}
		delete(m.waits, ticket)
		m.runs[ticket] = true
		m.count.released++
		// Those released after it, and those left behind, had to wait for it.
		for w := range m.waits {
			if m.holds.keep(w) || m.moved[ticket] || m.set.Order != batching.Arrival || m.set.Mode != batching.Serial && w.Request.Key != ticket.Request.Key {
				continue
			}
			if w.Request.Priority > ticket.Request.Priority {
				m.t.Fatal("overtook a waiting request of a higher class")
			}
			if w.Request.Priority == ticket.Request.Priority && m.arrived[w] < m.arrived[ticket] {
				m.t.Fatal("overtook an earlier request of the same class")
			}
		}
	}
	for _, ticket := range e.Released {
		if after := m.inFlight()[ticket.Request.Key]; !m.within(after) && after > before[ticket.Request.Key] {
			m.t.Fatalf("released up to %d in flight with %+v", after, m.set.Limits)
		}
	}
	for _, b := range e.Ended {
		m.count.batches++
		if b.Released < 1 || b.Running < b.Released || b.Duration < 0 || b.MaxWait < b.MeanWait {
			m.t.Fatalf("impossible batch %+v", b)
		}
	}
	if !e.Wake.IsZero() && !e.Wake.After(m.now) {
		m.t.Fatal("wants to be woken in the past")
	}
}

func (m *model) within(n int) bool {
	limit := m.set.InFlight()
	return limit == 0 || n <= limit
}

func (m *model) inFlight() map[batching.Key]int {
	n := map[batching.Key]int{}
	for ticket := range m.runs {
		n[ticket.Request.Key]++
	}
	for ticket := range m.leaving {
		n[ticket.Request.Key]++
	}
	return n
}

func (m *model) check(t *rapid.T) {
	got := m.core.Totals()
	if got.QueueDepth != len(m.waits) || got.InFlight != len(m.runs)+len(m.leaving) || got.Requests != uint64(m.count.released) {
		t.Fatalf("totals %+v, model waits %d, runs %d, leaving %d, released %d", got, len(m.waits), len(m.runs), len(m.leaving), m.count.released)
	}
	for w := range m.waits {
		if got.InFlight == 0 && !m.holds.keep(w) && (m.set.Mode != batching.Static || m.now.Sub(w.Queued) >= m.set.Wait && !m.keepsCompany(w)) {
			t.Fatal("a request waits before an idle engine")
		}
	}
}

// keepsCompany tells whether a request of the other model waits for company, so
// that the engine may stay with that model.
func (m *model) keepsCompany(w *batching.Ticket) bool {
	for other := range m.waits {
		if !m.holds.keep(other) && m.set.Order == batching.Fair && other.Request.Key != w.Request.Key && m.now.Sub(other.Queued) < m.set.Wait {
			return true
		}
	}
	return false
}

// drain ends everything and proves that nobody is left behind.
func (m *model) drain() {
	m.holds = nil
	m.core.Hold(m.now, nil)
	m.step()
	for rounds := 0; len(m.waits)+len(m.runs)+len(m.leaving) > 0; rounds++ {
		if rounds > 1000 {
			m.t.Fatalf("%d wait for ever", len(m.waits))
		}
		for ticket := range m.runs {
			m.core.End(m.now, ticket, batching.Served, batching.Untold())
			delete(m.runs, ticket)
			m.count.ended++
		}
		m.now = m.now.Add(time.Second)
		m.step()
	}
	m.core.Step(m.now)
	if c := m.count; c.arrived != c.released+c.left+c.expired || c.released != c.ended || uint64(c.batches) != m.core.Totals().Batches {
		m.t.Fatalf("%+v, totals %+v", c, m.core.Totals())
	}
	if len(m.core.Snapshot(m.now)) != 0 {
		m.t.Fatal("an idle core still holds queues")
	}
}
