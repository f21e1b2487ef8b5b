package gpu

import (
	"context"
	"errors"
	"time"
)

// partLimit is how long one of several readers may take: less than the Sampler
// waits for all, so that one that hangs does not hide the others.
const partLimit = readLimit * 3 / 4

// several reads with all its readers at once and gives their GPUs one after the
// other, with indexes of its own. A GPU that is there but cannot be read now
// (lost, asleep, its driver hangs) keeps its place and says why; a reader that
// finds none of its GPUs is heard only where nothing else was found.
//
// A reader that hangs holds up one Read by partLimit; later ones do not wait for
// it, and it is asked again once it came back. Close waits for it: who must not
// wait closes in a goroutine, as the Sampler does.
type several struct {
	parts []*part
	why   func(reasons []string) string // when there is no GPU at all
}

func newSeveral(why func([]string) string, readers ...Reader) *several {
	s := &several{why: why}
	for _, r := range readers {
		s.parts = append(s.parts, &part{reader: r})
	}
	return s
}

func (s *several) Read(ctx context.Context) []Reading {
	ctx, cancel := context.WithTimeout(ctx, partLimit)
	defer cancel()
	for _, p := range s.parts {
		p.begin(ctx)
	}
	var cards []Reading
	var reasons []string
	for _, p := range s.parts {
		for _, r := range p.end(ctx) {
			if r.Available || r.Name != "" {
				r.Index = len(cards)
				cards = append(cards, r)
			} else {
				reasons = append(reasons, r.Reason)
			}
		}
	}
	if len(cards) == 0 {
		return unavailable(time.Now(), s.why(reasons))
	}
	return cards
}

// Idle is until when none of the readers has anything new to tell.
func (s *several) Idle() time.Time {
	var first time.Time
	for _, p := range s.parts {
		r, ok := p.reader.(idler)
		if !ok || p.due {
			return time.Time{}
		}
		until := r.Idle()
		if until.IsZero() || first.IsZero() || until.Before(first) {
			first = until
		}
		if first.IsZero() {
			return first
		}
	}
	return first
}

func (s *several) Close() error {
	for _, p := range s.parts {
		p.release()
	}
	var errs []error
	for _, p := range s.parts {
		errs = append(errs, <-p.closed)
	}
	return errors.Join(errs...)
}

// part is one reader and the goroutine that alone uses it, from its first Read
// until it is closed.
type part struct {
	reader  Reader
	ask     chan context.Context // nil: not asked yet
	answers chan []Reading       // holds one
	closed  chan error           // holds one
	due     bool                 // an answer is still to come
	late    bool                 // it was due before this Read
	cards   []Reading            // the GPUs of the last answer that had any
}

func (p *part) start() {
	p.ask, p.answers, p.closed = make(chan context.Context), make(chan []Reading, 1), make(chan error, 1)
	go func() {
		for ctx := range p.ask {
			p.answers <- p.reader.Read(ctx)
		}
		p.closed <- p.reader.Close()
	}()
}

func (p *part) begin(ctx context.Context) {
	if p.ask == nil {
		p.start()
	}
	if p.due {
		select {
		case <-p.answers: // too old to be told
			p.due = false
		default:
		}
	}
	p.late = p.due
	if !p.due {
		p.due = true
		p.ask <- ctx
	}
}

func (p *part) end(ctx context.Context) []Reading {
	if p.late {
		return p.lost(hung, false)
	}
	select { // an answer counts, though another reader used up the time
	case answer := <-p.answers:
		return p.heard(answer)
	default:
	}
	select {
	case answer := <-p.answers:
		return p.heard(answer)
	case <-ctx.Done():
		return p.lost(hung, false)
	}
}

// heard keeps which GPUs there are, as a driver in trouble does not tell.
func (p *part) heard(answer []Reading) []Reading {
	p.due = false
	if first := answer[0]; !first.Available && first.Name == "" && !absent(first.Reason) {
		return p.lost(first.Reason, first.Lost)
	}
	p.cards = answer
	return answer
}

// lost gives the reason for each GPU that is known, and whether no program can use it.
func (p *part) lost(reason string, barred bool) []Reading {
	now := time.Now()
	var all []Reading
	for _, r := range p.cards {
		if r.Name != "" {
			all = append(all, Reading{At: now, Reason: reason, Lost: barred, UUID: r.UUID, Name: r.Name, Driver: r.Driver, Source: r.Source, Unified: r.Unified})
		}
	}
	if all == nil {
		all = unavailable(now, reason)
		all[0].Lost = barred
	}
	return all
}

func (p *part) release() {
	if p.ask == nil {
		p.start()
	}
	close(p.ask)
}
