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
		return action{takeGPU, tr("Take it back")}
	}
	return action{giveGPU, tr("Give me my GPU")}
}

// lendNotice says that other programs have the GPU; the zero value = they do not.
func lendNotice(s app.Snapshot) notice {
	y := s.Yield
	switch {
	case !y.On:
		return notice{}
	case !y.Manual:
		n := notice{lead: tr("Making way."), body: sentenceOf(y.Reason)}
		if y.Size > 0 {
			n.body += " " + trn(y.Size, "At most %d request runs at once until it is free.", "At most %d requests run at once until it is free.")
		}
		return n
	}
	n := notice{lead: tr("The GPU is yours."), body: tr("Requests wait until you let Carpool use it again."), action: action{takeGPU, tr("Take it back")}}
	if !y.Until.IsZero() {
		n.body = tr("Requests wait until %s.", y.Until.Local().Format(clock))
	}
	if running := s.Batching.InFlight; running > 0 {
		n.body += " " + trn(running, "%d is still ending.", "%d are still ending.")
		n.action = action{endRuns, tr("Stop now")}
	}
	return n
}

// SetMode puts a mode of batching in force: one of its setting's values.
func (w *Window) SetMode(mode string) { w.setter.put(keyMode, mode, 0) }

// GiveGPU holds what waits, lets what runs end, and has the models unloaded.
func (w *Window) GiveGPU() { w.obey(giveGPU) }

// TakeGPU ends what GiveGPU began.
func (w *Window) TakeGPU() { w.obey(takeGPU) }

// lendItem is the tray's line about who has the GPU.
func lendItem(s app.Snapshot) Item {
	if s.Yield.Manual {
		return Item{Label: tr("Let Carpool use the GPU again"), Action: TakeGPU}
	}
	return Item{Label: tr("Give me my GPU now"), Action: GiveGPU}
}

// lendStatus says in a line without figures that move that others have the GPU;
// "" = they do not.
func lendStatus(s app.Snapshot) string {
	switch y := s.Yield; {
	case !y.On:
		return ""
	case !y.Manual:
		return tr("Making way for other programs")
	case y.Until.IsZero():
		return tr("The GPU is given away")
	default:
		return tr("The GPU is given away until %s", y.Until.Local().Format(clock))
	}
}
