package ui

import (
	"fyne.io/fyne/v2"

	"carpool/app"
)

// AskQuit quits, or asks first in parent while requests run or wait.
func (w *Window) AskQuit(parent fyne.Window, quit func()) {
	question := quitQuestion(w.last)
	if question == "" {
		quit()
		return
	}
	parent.Show()
	parent.RequestFocus()
	if w.asking {
		return
	}
	w.asking = true
	ask(parent.Canvas(), tr("Quit Carpool?"), question, tr("Quit"), tr("Keep running"), func(yes bool) {
		w.asking = false
		if yes {
			quit()
		}
	})
}

// quitQuestion says what would be lost; "" = nothing.
func quitQuestion(s app.Snapshot) string {
	running, waiting := s.Batching.InFlight, s.Batching.QueueDepth
	if running+waiting == 0 {
		return ""
	}
	question := ""
	if running > 0 {
		question = trn(running, "%d request is running.", "%d requests are running.") + " " +
			trn(s.Config.Gateway.DrainTimeoutS, "They may take up to %d second to end.", "They may take up to %d seconds to end.")
	}
	if waiting > 0 {
		if question != "" {
			question += " "
		}
		question += trn(waiting, "%d request waits and will be refused.", "%d requests wait and will be refused.")
	}
	return question
}
