package ui

import (
	"reflect"
	"strings"
	"testing"

	"carpool/app"
	"carpool/assets"
)

func TestTrayOf_Sign(t *testing.T) {
	off := idle()
	off.Config.Batching.Enabled = false
	offBusy := busy()
	offBusy.Config.Batching.Enabled = false
	for name, tt := range map[string]struct {
		snapshot app.Snapshot
		want     assets.Sign
	}{
		"on":                      {idle(), assets.On},
		"off":                     {off, assets.Off},
		"off with work":           {offBusy, assets.Off},
		"busy":                    {busy(), assets.Busy(4)},
		"making way":              {yielding(), assets.Yielding},
		"given away":              {lent(1), assets.Yielding},
		"trouble goes first":      {inTrouble(), assets.Trouble},
		"simulated is no trouble": {simulated(), assets.On},
	} {
		if got := TrayOf(tt.snapshot).Sign; got != tt.want {
			t.Errorf("%s: the sign is %q, want %q", name, got, tt.want)
		}
	}
}

func TestTrayOf_MenuStandsStillWhileFiguresMove(t *testing.T) {
	a := busy()
	b := busy()
	b.Sentence, b.TokensPS = "3 running, 90 tokens per second", 90
	b.Batching.InFlight, b.Batching.QueueDepth = 3, 0
	if !reflect.DeepEqual(TrayOf(a).Items, TrayOf(b).Items) {
		t.Error("the menu changes with the figures")
	}
	if TrayOf(a).Tooltip == TrayOf(b).Tooltip {
		t.Error("the tooltip does not change with the figures")
	}
}

func TestTrayOf_ChecksBatching(t *testing.T) {
	for _, on := range []bool{true, false} {
		s := idle()
		s.Config.Batching.Enabled = on
		item := TrayOf(s).Items[0]
		if item.Label != "Batching" || item.Checked != on || item.Action != ToggleBatching {
			t.Errorf("batching %v: %+v", on, item)
		}
	}
}

func TestTrayOf_TellsTheWorstProblemBriefly(t *testing.T) {
	s := inTrouble()
	s.Problems[0] = strings.Repeat("long words ", 30)
	status := TrayOf(s).Items[4]
	if len([]rune(status.Label)) > 60 || !strings.HasPrefix(status.Label, "Long words") || status.Action != NoAction {
		t.Errorf("status is %+v", status)
	}
	if got := TrayOf(idle()).Items[4].Label; got != "Ollama 0.17.4" {
		t.Errorf("status is %q", got)
	}
}

func TestTrayOf_GivesTheGPUAwayAndTakesItBack(t *testing.T) {
	for name, tt := range map[string]struct {
		snapshot app.Snapshot
		item     Item
		status   string
	}{
		"ours":       {busy(), Item{Label: "Give me my GPU now", Action: GiveGPU}, "Ollama 0.17.4"},
		"making way": {yielding(), Item{Label: "Give me my GPU now", Action: GiveGPU}, "Making way for other programs"},
		"given away": {lent(0), Item{Label: "Let Carpool use the GPU again", Action: TakeGPU}, "The GPU is given away until 15:30"},
	} {
		items := TrayOf(tt.snapshot).Items
		if !reflect.DeepEqual(items[2], tt.item) || items[4].Label != tt.status {
			t.Errorf("%s: %+v, %q", name, items[2], items[4].Label)
		}
	}
}

func TestTrayOf_ChecksTheMode(t *testing.T) {
	s := idle()
	s.Config.Batching.Mode = "static"
	want := []Item{{Label: "Adaptive", Action: SetAdaptive}, {Label: "Fixed", Action: SetFixed}, {Label: "Static", Action: SetStatic, Checked: true}}
	if got := TrayOf(s).Items[1].Items; !reflect.DeepEqual(got, want) {
		t.Errorf("the modes are %+v", got)
	}
}

func TestTrayOf_TellsThatOthersMayComeIn(t *testing.T) {
	s := idle()
	closed := TrayOf(s)
	s.LAN = app.LAN{Address: "0.0.0.0:11436", Listening: true}
	open := TrayOf(s)
	if len(open.Items) != len(closed.Items)+1 || !reflect.DeepEqual(open.Items[6], Item{Label: "Open to the network at 0.0.0.0:11436"}) {
		t.Errorf("the menu is %+v", open.Items)
	}
	if want := s.Sentence + " · Open to the network"; open.Tooltip != want || closed.Tooltip != s.Sentence {
		t.Errorf("the tooltips are %q and %q", open.Tooltip, closed.Tooltip)
	}
	s.LAN = app.LAN{Address: "0.0.0.0:11436", Problem: "taken"}
	if got := TrayOf(s); len(got.Items) != len(closed.Items) {
		t.Errorf("it is told to be open, and is not: %+v", got.Items)
	}
}
