package ui

import (
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// The settings that say what apps get of the GPU: lists of app=value.
const (
	keyPriorities = "apps.priorities"
	keyWeights    = "apps.weights"
)

// priorities are the choices, of which the one in the middle is the usual one.
var priorities = []string{"urgent", "normal", "background"}

const usualPriority = 1

// weights are the stops of the slider in hundredths, as a weight goes from 0.1 to 10.
var weights = []int{10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 500, 700, 1000}

const usualWeight = 100

// itemOf is the value of an app in a list; "" = it is not listed.
func itemOf(items []string, app string) string {
	value := ""
	for _, item := range items {
		if name, v, _ := strings.Cut(item, "="); name == app {
			value = v // of equal names the last counts
		}
	}
	return value
}

// withItem is the list with another value for an app, in its place if it has one;
// "" takes the app out.
func withItem(items []string, app, value string) []string {
	all := slices.Clone(items)
	first := slices.IndexFunc(all, func(item string) bool { return strings.HasPrefix(item, app+"=") })
	if first < 0 {
		first = len(all)
	}
	all = slices.DeleteFunc(all, func(item string) bool { return strings.HasPrefix(item, app+"=") })
	if value == "" {
		return all
	}
	return slices.Insert(all, first, app+"="+value)
}

// listable reports whether settings can name an app: in their lists a comma and an
// equals sign have a meaning of their own.
func listable(app string) bool {
	return app != "" && !strings.ContainsAny(app, ",=") && strings.TrimSpace(app) == app
}

// priorityAt is the choice for a value of a list.
func priorityAt(value string) int {
	if i := slices.Index(priorities, value); i >= 0 {
		return i
	}
	return usualPriority
}

// priorityName is a priority in the language of the window.
func priorityName(value string) string {
	switch value {
	case "urgent":
		return tr("urgent")
	case "normal":
		return tr("normal")
	case "background":
		return tr("background")
	}
	return value
}

// weightOf is a value of a list in hundredths.
func weightOf(value string) int {
	if w, err := strconv.ParseFloat(value, 64); err == nil {
		return int(w*100 + 0.5)
	}
	return usualWeight
}

// figureOf writes a weight that is in hundredths.
func figureOf(weight int) string { return strconv.FormatFloat(float64(weight)/100, 'f', -1, 64) }

// shareMark is what a list of apps says of one whose priority or weight is not the
// usual one; "" = both are.
func shareMark(priority, weight string) string {
	var parts []string
	if i := priorityAt(priority); i != usualPriority {
		parts = append(parts, priorityName(priorities[i]))
	}
	if w := weightOf(weight); w != usualWeight {
		parts = append(parts, "×"+figureOf(w))
	}
	return strings.Join(parts, " · ")
}

// share is what one app gets of the GPU: its priority and its weight.
type share struct {
	widget.BaseWidget
	priority     *segments
	priorityHelp *text
	weight       *dial
	note         *text // in their place
	changed      func(key, value string, final bool)
}

// newShare calls changed with the app's value in one of the lists, "" for the usual
// one.
func newShare(changed func(key, value string, final bool)) *share {
	s := &share{priorityHelp: newParagraph("", colorMuted), note: newParagraph("", colorMuted), changed: changed}
	s.priority = newSegments([]string{tr("Urgent"), tr("Normal"), tr("Background")}, func(i int) {
		s.explain()
		s.changed(keyPriorities, unless(i == usualPriority, priorities[i]), true)
	})
	s.weight = newDial(tr("Weight"), func(v int, final bool) {
		s.changed(keyWeights, unless(v == usualWeight, figureOf(v)), final)
	})
	s.weight.figure = figureOf
	s.weight.setStops(weights, "")
	s.weight.help.set(tr("an app with 2 gets twice as much of the GPU as one with 1"))
	s.ExtendBaseWidget(s)
	return s
}

func unless(is bool, otherwise string) string {
	if is {
		return ""
	}
	return otherwise
}

// show shows an app's values, or a note in place of the controls.
func (s *share) show(priority, weight, note string) {
	s.priority.set(priorityAt(priority))
	s.weight.set(weightOf(weight))
	s.explain()
	s.note.set(note)
	s.Refresh()
}

func (s *share) explain() { s.priorityHelp.set(priorityHelps()[s.priority.chosen]) }

func priorityHelps() []string {
	return []string{
		tr("goes before all others, such as a voice assistant"),
		tr("takes turns with others, unless a request names a priority of its own"),
		tr("runs only while no one else waits, such as an import"),
	}
}

func (s *share) heightFor(width float32) float32 {
	if s.note.value != "" {
		return s.note.heightFor(width)
	}
	return 34 + gapSmall + s.helpHeight(width) + gap + 1 + gap + s.weight.heightFor(width)
}

// helpHeight leaves room for the longest help, so that a choice moves nothing.
func (s *share) helpHeight(width float32) float32 {
	height := float32(0)
	for _, help := range priorityHelps() {
		height = max(height, newParagraph(help, colorMuted).heightFor(width))
	}
	return height
}

// CreateRenderer implements fyne.Widget.
func (s *share) CreateRenderer() fyne.WidgetRenderer {
	s.ExtendBaseWidget(s)
	rule := canvas.NewRectangle(nil)
	controls := []fyne.CanvasObject{s.priority, s.priorityHelp, rule, s.weight}
	r := &renderer{widget: s, objects: append(controls, s.note)}
	r.min = func() fyne.Size { return fyne.NewSize(240, s.heightFor(max(240, s.Size().Width))) }
	r.layout = func(size fyne.Size) {
		put(s.note, 0, 0, size.Width, s.note.heightFor(size.Width))
		put(s.priority, 0, 0, size.Width, 34)
		y := float32(34 + gapSmall)
		put(s.priorityHelp, 0, y, size.Width, s.helpHeight(size.Width))
		y += s.helpHeight(size.Width) + gap
		put(rule, 0, y, size.Width, 1)
		y += 1 + gap
		put(s.weight, 0, y, size.Width, s.weight.heightFor(size.Width))
	}
	r.paint = func() {
		rule.FillColor = theme.Color(colorLine)
		for _, o := range controls {
			if says := s.note.value != ""; says {
				o.Hide()
			} else {
				o.Show()
			}
		}
	}
	return r.start()
}
