package ui

import (
	"slices"
	"testing"
	"time"

	"carpool/app"
	"carpool/backends"
	"carpool/backends/launch"
)

// days is a Notifier with a clock.
type days struct {
	n  Notifier
	at time.Time
}

// after is what it tells of a scene, some time after the scene before.
func (d *days) after(wait time.Duration, s app.Snapshot) []string {
	d.at = d.at.Add(wait)
	s.At = d.at
	var titles []string
	for _, n := range d.n.Next(s) {
		titles = append(titles, n.Title)
	}
	return titles
}

func (d *days) want(t *testing.T, wait time.Duration, s app.Snapshot, titles ...string) {
	t.Helper()
	if got := d.after(wait, s); !slices.Equal(got, titles) {
		t.Errorf("tells %q, want %q", got, titles)
	}
}

func away() app.Snapshot {
	s := idle()
	s.Engines[0].Health = backends.Down
	return s
}

func paused() app.Snapshot {
	s := idle()
	s.History.OK, s.History.Problem = false, "history paused: disk full"
	return s
}

const lost, back = "Ollama does not answer", "Ollama is back"

func TestNotifier_TellsOfAnEngineThatIsLostAndBack(t *testing.T) {
	d := days{at: now}
	d.want(t, 0, idle())
	d.want(t, time.Second, away())
	d.want(t, lostAfter-time.Second, away())
	d.want(t, time.Second, away(), lost)
	d.want(t, time.Hour, away())
	d.want(t, time.Second, idle(), back)
	d.want(t, time.Second, idle())
}

func TestNotifier_IsSilentOfWhatEnds(t *testing.T) {
	d := days{at: now}
	d.want(t, 0, idle())
	d.want(t, time.Second, away())
	d.want(t, lostAfter/2, away())
	d.want(t, lostAfter/2-time.Second, idle())
	d.want(t, time.Hour, idle())
}

func TestNotifier_IsSilentOfTheStart(t *testing.T) {
	for name, s := range map[string]app.Snapshot{"no engine": away(), "making way": yielding(), "history paused": paused()} {
		d := days{at: now}
		for range 30 {
			if got := d.after(time.Second, s); len(got) > 0 {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
}

func TestNotifier_TellsOfOneKindOnceInFiveMinutes(t *testing.T) {
	d := days{at: now}
	goes := func() []string {
		d.after(time.Second, idle())
		d.after(time.Second, away())
		return d.after(lostAfter, away())
	}
	if got := goes(); !slices.Equal(got, []string{lost}) {
		t.Fatalf("tells %q", got)
	}
	if got := goes(); got != nil {
		t.Errorf("tells again at once: %q", got)
	}
	d.after(time.Second, idle())
	d.after(noticeEvery, idle())
	if got := goes(); !slices.Equal(got, []string{lost}) {
		t.Errorf("tells %q after five minutes", got)
	}
}

func TestNotifier_IsSilentOfAReturnFromAnUntoldLoss(t *testing.T) {
	d := days{at: now}
	d.want(t, 0, idle())
	d.want(t, time.Second, away())
	d.want(t, lostAfter, away(), lost)
	d.want(t, time.Second, idle(), back)
	d.want(t, time.Minute, away())
	d.want(t, lostAfter, away()) // too soon after the other
	d.want(t, noticeEvery, idle())
}

func TestNotifier_TellsOfMakingWayAndThePause(t *testing.T) {
	d := days{at: now}
	d.want(t, 0, idle())
	d.want(t, time.Second, yielding(), "Carpool makes way")
	d.want(t, time.Second, yielding())
	d.want(t, time.Second, paused(), "The history is paused")
	d.want(t, time.Second, lent(0)) // the user did that
}

func TestNotifier_TellsWhatTheSettingsWant(t *testing.T) {
	quiet := func(s app.Snapshot) app.Snapshot {
		s.Config.Notify.Engine, s.Config.Notify.Yield, s.Config.Notify.History = false, false, false
		return s
	}
	d := days{at: now}
	d.want(t, 0, quiet(idle()))
	d.want(t, time.Second, quiet(yielding()))
	d.want(t, time.Second, quiet(paused()))
	d.want(t, time.Second, quiet(away()))
	d.want(t, time.Hour, quiet(away()))
}

func TestNotifier_IsSilentOfAnEngineThatWasStopped(t *testing.T) {
	s := away()
	s.Launch = []app.EngineState{{Name: "ollama", Kind: "ollama", Status: launch.Stopped}}
	d := days{at: now}
	d.want(t, 0, idle())
	d.want(t, time.Second, s)
	d.want(t, time.Hour, s)
}

func TestNotifier_TellsNoPauseOfAHistoryThatWasNeverWritten(t *testing.T) {
	d := days{at: now}
	off := idle()
	off.Config.History.Enabled = false
	off.History.OK, off.History.Problem = false, "history is off (history.enabled)"
	d.want(t, 0, off)
	off.Config.History.Enabled = true // from the next start on
	d.want(t, time.Second, off)
}
