package ui

import (
	"time"

	"carpool/app"
)

// Notice is what the desktop is told.
type Notice struct{ Title, Body string }

const (
	lostAfter   = 10 * time.Second // an engine that is away for less was only restarted
	noticeEvery = 5 * time.Minute  // of one kind
)

// noticeKind is what a notice is about.
type noticeKind int

const (
	engineLost noticeKind = iota
	engineBack
	makingWay
	historyPaused
)

// Notifier decides what the desktop is told: what has changed since the snapshot
// before, rarely, and as the settings want it. What is so at the start is not told.
// Its zero value is ready; it belongs to one goroutine.
type Notifier struct {
	started  bool
	engines  map[string]*watched
	yielding bool
	wrote    bool // the history, at some time
	paused   bool
	told     map[noticeKind]time.Time
}

// watched is an engine that has been up.
type watched struct {
	label string
	gone  time.Time // since when it does not answer; zero = it does
	told  bool      // that it is lost
}

// Next is what to tell after a snapshot.
func (n *Notifier) Next(s app.Snapshot) []Notice {
	if n.engines == nil {
		n.engines, n.told = map[string]*watched{}, map[noticeKind]time.Time{}
	}
	notices := n.ofEngines(s)
	n.wrote = n.wrote || s.History.OK
	yielding, paused := s.Yield.On && !s.Yield.Manual, n.wrote && !s.History.OK
	if yielding && !n.yielding && n.started && s.Config.Notify.Yield && n.may(makingWay, s.At) {
		notices = append(notices, Notice{tr("Carpool makes way"), sentenceOf(s.Yield.Reason)})
	}
	if paused && !n.paused && n.started && s.Config.Notify.History && n.may(historyPaused, s.At) {
		notices = append(notices, Notice{tr("The history is paused"), sentenceOf(s.History.Problem)})
	}
	n.yielding, n.paused, n.started = yielding, paused, true
	return notices
}

func (n *Notifier) ofEngines(s app.Snapshot) (notices []Notice) {
	up := map[string]bool{}
	for _, e := range s.Engines {
		if e.Simulated || e.Health != "up" {
			continue
		}
		up[e.Name] = true
		w := n.engines[e.Name]
		if w == nil {
			w = &watched{}
			n.engines[e.Name] = w
		}
		if w.told && s.Config.Notify.Engine && n.may(engineBack, s.At) {
			notices = append(notices, Notice{tr("%s is back", e.Label), tr("It takes requests again.")})
		}
		*w = watched{label: e.Label}
	}
	for name, w := range n.engines {
		switch {
		case up[name]:
		case stopped(s, name):
			delete(n.engines, name)
		case w.gone.IsZero():
			w.gone = s.At
		case !w.told && s.At.Sub(w.gone) >= lostAfter && s.Config.Notify.Engine:
			if n.may(engineLost, s.At) {
				w.told = true
				notices = append(notices, Notice{tr("%s does not answer", w.label), tr("Requests for its models are refused until it is back.")})
			} else {
				delete(n.engines, name) // and not told of at a time when it is no news
			}
		}
	}
	return notices
}

// may reports whether a notice of a kind may be given now, and takes it as given.
func (n *Notifier) may(kind noticeKind, now time.Time) bool {
	if last, ok := n.told[kind]; ok && now.Sub(last) < noticeEvery {
		return false
	}
	n.told[kind] = now
	return true
}

// stopped reports whether the user had Carpool stop an engine.
func stopped(s app.Snapshot, name string) bool {
	for _, l := range s.Launch {
		if l.Name == name && !l.Alive() {
			return true
		}
	}
	return false
}
