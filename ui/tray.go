package ui

import (
	"strings"

	"carpool/app"
	"carpool/assets"
)

// Action is what choosing a tray item does.
type Action int

// The actions. NoAction is an item that only tells something.
const (
	NoAction Action = iota
	ToggleBatching
	SetAdaptive
	SetFixed
	SetStatic
	GiveGPU
	TakeGPU
	CopyEndpoint
	OpenBenchmark
	OpenWindow
	QuitCarpool
)

// Item is a line of the tray's menu.
type Item struct {
	Label     string
	Action    Action
	Checked   bool
	Separator bool
	Items     []Item // of a menu below this one
}

// Tray is what the tray shows: a value, so that a menu is only built again when
// it says something else. What changes each second stands in the tooltip.
type Tray struct {
	Sign    assets.Sign
	Tooltip string
	Items   []Item
}

// TrayOf is the tray for a snapshot.
func TrayOf(s app.Snapshot) Tray {
	return Tray{
		Sign:    signOf(s),
		Tooltip: tooltipOf(s),
		Items: append([]Item{
			{Label: tr("Batching"), Action: ToggleBatching, Checked: s.Config.Batching.Enabled},
			{Label: tr("Mode"), Items: modeItems(s.Config.Batching.Mode)},
			lendItem(s),
			{Separator: true},
			{Label: statusOf(s)},
			{Label: tr("Copy %s", s.Endpoint), Action: CopyEndpoint},
		}, append(networkItems(s.LAN), []Item{
			{Separator: true},
			{Label: tr("Benchmark"), Action: OpenBenchmark},
			{Label: tr("Open Carpool"), Action: OpenWindow},
			{Separator: true},
			{Label: tr("Quit"), Action: QuitCarpool},
		}...)...),
	}
}

// tooltipOf is what moves, and that others may come in.
func tooltipOf(s app.Snapshot) string {
	if s.LAN.Listening {
		return s.Sentence + " · " + tr("Open to the network")
	}
	return s.Sentence
}

// networkItems tell that other computers may come in.
func networkItems(l app.LAN) []Item {
	if !l.Listening {
		return nil
	}
	return []Item{{Label: tr("Open to the network at %s", l.Address)}}
}

func modeItems(chosen string) []Item {
	var items []Item
	for i, m := range tuneModes() {
		items = append(items, Item{Label: valueName(m.value), Action: SetAdaptive + Action(i), Checked: m.value == chosen})
	}
	return items
}

func signOf(s app.Snapshot) assets.Sign {
	switch {
	case len(s.Problems) > 0:
		return assets.Trouble
	case s.Yield.On:
		return assets.Yielding
	case !s.Config.Batching.Enabled:
		return assets.Off
	}
	return assets.Busy(s.Batching.InFlight)
}

// statusOf is a line without figures that move.
func statusOf(s app.Snapshot) string {
	if len(s.Problems) > 0 {
		return shorten(sentenceOf(s.Problems[0]))
	}
	if lent := lendStatus(s); lent != "" {
		return lent
	}
	for _, e := range s.Engines {
		if e.Active {
			return strings.TrimSpace(e.Label + " " + e.Version)
		}
	}
	return tr("No engine")
}

// shorten keeps a menu from growing wider than a screen.
func shorten(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		return strings.TrimRight(string(runes[:most-1]), " ") + "…"
	}
	return s
}
