package ui

import (
	"context"
	"strings"
	"time"

	"carpool/app"
)

// deed is what an order has done.
type deed int

const (
	nothing deed = iota
	startEngine
	stopEngine
	showGuide // to more slots
	showWhy   // an engine does not serve
	lendGPU   // to other programs
	regainGPU // from them
	cancelRequest
	advanceRequest // to the front of its queue
	changeSetting
)

// order is what a button asks of Carpool for one engine, request or setting.
type order struct {
	deed   deed
	name   string // of the engine; its kind for startEngine; the key of the setting
	label  string // for people
	why    string // for showWhy
	value  string // for changeSetting
	stop   bool   // for lendGPU: what runs does not end by itself
	ticket uint64 // of the request
}

// action is a button for an order; the zero value is none.
type action struct {
	order
	text string
}

// button is what the button says, and whether it does nothing, as its order is
// being done.
func (a action) button(doing map[order]bool) (text string, off bool) {
	if !doing[a.order] {
		return a.text, false
	}
	switch a.deed {
	case startEngine:
		return tr("Starting…"), true
	case stopEngine:
		return tr("Stopping…"), true
	case lendGPU:
		return tr("Giving…"), true
	case regainGPU:
		return tr("Taking…"), true
	}
	return a.text, true
}

// failure is why something that the user did came to nothing; the zero value =
// it did not fail.
type failure struct {
	lead, text string
	key        string // the setting that was not taken
	order      order  // that was not done
	at         time.Time
}

// failureShown is how long a failed order is told of.
const failureShown = 30 * time.Second

// over reports whether a failure is not to be told any more: a setting's stays
// until it is taken, one that Carpool tells of by itself goes at once.
func (f failure) over(s app.Snapshot, now time.Time) bool {
	if f.order == (order{}) {
		return false
	}
	return now.Sub(f.at) > failureShown || f.order.deed == startEngine && kept(s, f.order.name)
}

// kept reports whether an engine of a kind is being kept running.
func kept(s app.Snapshot, kind string) bool {
	for _, l := range s.Launch {
		if string(l.Kind) == kind && l.Alive() {
			return true
		}
	}
	return false
}

// obey does what a button asks for, and asks first where answers would be lost.
func (w *Window) obey(o order) {
	if w.doing[o] || w.asking {
		return
	}
	switch o.deed {
	case showWhy:
		w.explain(app.EngineCheck{Says: o.why, Guide: app.EngineGuide{Title: o.label}})
		return
	case changeSetting:
		w.change(o.name, o.value, true)
		return
	}
	question := ""
	if o.deed == stopEngine {
		question = stopQuestion(w.last, o.name)
	}
	if question == "" {
		w.carryOut(o)
		return
	}
	w.asking = true
	ask(w.canvas, tr("Stop %s?", o.label), question, tr("Stop"), tr("Keep running"), func(yes bool) {
		w.asking = false
		if yes {
			w.carryOut(o)
		}
	})
}

// stopQuestion says what would be lost with an engine that Carpool runs; "" =
// nothing.
func stopQuestion(s app.Snapshot, name string) string {
	running := 0
	for _, l := range s.Launch {
		for _, e := range s.Engines {
			for _, q := range s.Queues {
				if l.Name == name && l.URL == e.URL && q.Key.Engine == e.Name {
					running += len(q.Running)
				}
			}
		}
	}
	if running == 0 {
		return ""
	}
	return trn(running, "%d request is running there and will break off.", "%d requests are running there and will break off.")
}

// carryOut does an order off Fyne's goroutine.
func (w *Window) carryOut(o order) {
	w.doing[o] = true
	if w.failed.order != (order{}) {
		w.failed = failure{}
	}
	w.showOrders()
	w.errands.put(func(ctx context.Context) {
		var err error
		var checks []app.EngineCheck
		switch o.deed {
		case startEngine:
			_, err = w.carpool.StartEngine(ctx, app.EngineWanted{Kind: app.EngineKind(o.name)})
		case stopEngine:
			err = w.carpool.StopEngine(ctx, o.name)
		case showGuide:
			checks = w.carpool.CheckEngines()
		case lendGPU:
			err = w.carpool.Yield(ctx, app.YieldOrder{Stop: o.stop})
		case regainGPU:
			err = w.carpool.Resume(ctx)
		case cancelRequest:
			err = w.carpool.CancelRequest(o.ticket)
		case advanceRequest:
			err = w.carpool.MoveToFront(o.ticket)
		}
		w.do(func() { w.carriedOut(o, checks, err) })
	})
}

// carriedOut hears how an order went.
func (w *Window) carriedOut(o order, checks []app.EngineCheck, err error) {
	delete(w.doing, o)
	f := failure{order: o, at: time.Now()}
	switch {
	case err != nil && o.deed == startEngine:
		f.lead, f.text = tr("Not started."), strings.TrimPrefix(err.Error(), "start "+o.label+": ")
	case err != nil && o.deed == lendGPU:
		f.lead, f.text = tr("Not given away."), err.Error()
	case err != nil && o.deed == regainGPU:
		f.lead, f.text = tr("Not taken back."), err.Error()
	case err != nil && o.deed == cancelRequest:
		f.lead, f.text = tr("Not cancelled."), err.Error()
	case err != nil && o.deed == advanceRequest:
		f.lead, f.text = tr("Not moved."), err.Error()
	case err != nil:
		f.lead, f.text = tr("Not stopped."), err.Error()
	case o.deed == showGuide && !w.guideTo(o.name, checks):
		f.lead, f.text = tr("Nothing to show."), tr("%s does not run any more", o.label)
	}
	if f.text != "" {
		f.text = sentenceOf(f.text)
		w.failed = f
	}
	w.showOrders()
}

// showOrders draws what orders change.
func (w *Window) showOrders() {
	w.frame.page().show(w.last)
	w.notice()
}

// guideTo opens the guide of an engine, if that is among those that are up.
func (w *Window) guideTo(name string, checks []app.EngineCheck) bool {
	for _, c := range checks {
		if c.Name == name {
			w.explain(c)
			return true
		}
	}
	return false
}

func (w *Window) explain(c app.EngineCheck) {
	if w.guide == nil {
		w.guide = openGuide(w.canvas, c, func() { w.guide = nil })
	}
}
