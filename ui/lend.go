package ui

import "carpool/app"

// clock is a time of day.
const clock = "15:04"

// The orders about who has the GPU: the user's other programs, or Carpool.
var (
	giveGPU = order{deed: lendGPU, label: "the GPU"}
	endRuns = order{deed: lendGPU, label: "the GPU", stop: true} // once it was given away
	takeGPU = order{deed: regainGPU, label: "the GPU"}
)

// lendAction is what the user can do about who has the GPU.
func lendAction(s app.Snapshot) action {
	if s.Yield.Manual {
		return action{takeGPU, "Take it back"}
	}
	return action{giveGPU, "Give me my GPU"}
}

// lendNotice says that other programs have the GPU; the zero value = they do not.
func lendNotice(s app.Snapshot) notice {
	y := s.Yield
	switch {
	case !y.On:
		return notice{}
	case !y.Manual:
		n := notice{lead: "Making way.", body: sentenceOf(y.Reason)}
		if y.Size > 0 {
			n.body += " At most " + plural(y.Size, "request runs", "requests run") + " at once until it is free."
		}
		return n
	}
	n := notice{lead: "The GPU is yours.", body: "Requests wait until you let Carpool use it again.", action: action{takeGPU, "Take it back"}}
	if !y.Until.IsZero() {
		n.body = "Requests wait until " + y.Until.Local().Format(clock) + "."
	}
	if running := s.Batching.InFlight; running > 0 {
		n.body += " " + plural(running, "is", "are") + " still ending."
		n.action = action{endRuns, "Stop now"}
	}
	return n
}

// GiveGPU holds what waits, lets what runs end, and has the models unloaded.
func (w *Window) GiveGPU() { w.obey(giveGPU) }

// TakeGPU ends what GiveGPU began.
func (w *Window) TakeGPU() { w.obey(takeGPU) }

// lendItem is the tray's line about who has the GPU.
func lendItem(s app.Snapshot) Item {
	if s.Yield.Manual {
		return Item{Label: "Let Carpool use the GPU again", Action: TakeGPU}
	}
	return Item{Label: "Give me my GPU now", Action: GiveGPU}
}

// lendStatus says in a line without figures that move that others have the GPU;
// "" = they do not.
func lendStatus(s app.Snapshot) string {
	switch y := s.Yield; {
	case !y.On:
		return ""
	case !y.Manual:
		return "Making way for other programs"
	case y.Until.IsZero():
		return "The GPU is given away"
	default:
		return "The GPU is given away until " + y.Until.Local().Format(clock)
	}
}
