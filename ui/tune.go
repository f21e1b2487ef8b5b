package ui

import (
	"fmt"
	"slices"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// The settings that the window changes.
const (
	keyEnabled = "batching.enabled"
	keyOffMode = "batching.off_mode"
	keyMode    = "batching.mode"
	keySize    = "batching.max_batch_size"
	keyWait    = "batching.max_batch_wait_ms"

	keyDemo       = "engine.demo"
	keyWelcome    = "window.welcome"
	keyExplainOff = "window.explain_off"
)

// maxSlider is where the slider for the size ends; more can be set elsewhere.
const maxSlider = 64

// waits are the stops of the slider for the wait, in milliseconds, as far as
// the setting's range goes.
var waits = []int{0, 1, 2, 5, 10, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000}

// mode is a choice in the segmented control.
type mode struct{ value, name, help string }

var modes = []mode{
	{"adaptive", "Adaptive", "Finds by itself how many the engine and the GPU carry, and says why."},
	{"fixed", "Fixed", "A constant number run at once; a freed place is taken at once."},
	{"static", "Static", "Requests go in groups that start together: when full, or after the wait."},
}

// tune is the content of the card of the same name.
type tune struct {
	widget.BaseWidget
	change func(key, value string, final bool)

	modes      *segments
	modeHelp   *text
	size, wait *dial
	sizeKey    string
}

func newTune(setting func(key string) (app.Setting, bool), change func(key, value string, final bool)) *tune {
	t := &tune{change: change, modeHelp: newParagraph("", colorMuted), sizeKey: keySize}
	names := make([]string, len(modes))
	for i, m := range modes {
		names[i] = m.name
	}
	t.modes = newSegments(names, func(i int) { t.change(keyMode, modes[i].value, true) })
	t.size = newDial("Most at once", func(v int, final bool) { t.change(t.sizeKey, strconv.Itoa(v), final) })
	t.wait = newDial("Wait for company", func(v int, final bool) { t.change(keyWait, strconv.Itoa(v), final) })

	low, high := 1, maxSlider
	if s, ok := setting(keySize); ok {
		low, high = s.Min, min(s.Max, maxSlider)
	}
	var sizes []int
	for v := low; v <= high; v++ {
		sizes = append(sizes, v)
	}
	t.size.setStops(sizes, "")
	stops := waits
	if s, ok := setting(keyWait); ok {
		stops = slices.DeleteFunc(slices.Clone(waits), func(v int) bool { return v < s.Min || v > s.Max })
	}
	t.wait.setStops(stops, "ms")
	t.ExtendBaseWidget(t)
	return t
}

// show takes from s what the user is not changing right now.
func (t *tune) show(s app.Snapshot, busy func(key string) bool) {
	if s.SizeKey != "" {
		t.sizeKey = s.SizeKey
	}
	b := s.Config.Batching
	if !busy(keyMode) {
		t.modes.set(slices.IndexFunc(modes, func(m mode) bool { return m.value == b.Mode }))
	}
	if !busy(t.sizeKey) {
		if value, err := s.Config.Get(t.sizeKey); err == nil {
			if size, err := strconv.Atoi(value); err == nil {
				t.size.set(size)
			}
		}
	}
	if !busy(keyWait) {
		t.wait.set(b.MaxBatchWaitMS)
	}
	t.explain(s)
}

// explain says what the controls do in the mode that is chosen, and in adaptive
// mode what was found and why.
func (t *tune) explain(s app.Snapshot) {
	chosen := mode{}
	if t.modes.chosen >= 0 {
		chosen = modes[t.modes.chosen]
	}
	help := chosen.help
	switch {
	case !s.Config.Batching.Enabled && s.Config.Batching.OffMode == "passthrough":
		help = "Batching is off: everything goes straight to the engine."
	case !s.Config.Batching.Enabled:
		help = "Batching is off: one request at a time."
	}
	size, wait := "requests on the GPU for each model", "of embeddings, while one of their model runs"
	switch chosen.value {
	case "adaptive":
		size = "ceiling for each model; the size is found"
		if len(s.Tuning) > 0 && s.Config.Batching.Enabled {
			size = fmt.Sprintf("ceiling; now %d: %s", s.Tuning[0].Limit, s.Tuning[0].Reason)
		}
	case "static":
		size = "requests in a batch"
		wait = "longest wait for a batch to fill"
	}
	t.modeHelp.set(help)
	t.size.help.set(size)
	t.wait.help.set(wait)
}

const (
	tuneHelpLines = 2
	tunePad       = 10 // around the rules
)

func (t *tune) heightFor(width float32) float32 {
	return 34 + gapSmall + t.helpHeight(width) + 2*(2*tunePad+1) + t.size.heightFor(width) + t.wait.heightFor(width)
}

// helpHeight leaves room for the longest explanation, so that a change of mode
// moves nothing.
func (t *tune) helpHeight(width float32) float32 {
	return max(t.modeHelp.heightFor(width), tuneHelpLines*lineHeight(textBody))
}

// CreateRenderer implements fyne.Widget.
func (t *tune) CreateRenderer() fyne.WidgetRenderer {
	t.ExtendBaseWidget(t)
	rules := [2]*canvas.Rectangle{canvas.NewRectangle(nil), canvas.NewRectangle(nil)}
	r := &renderer{widget: t, objects: []fyne.CanvasObject{t.modes, t.modeHelp, rules[0], t.size, rules[1], t.wait}}
	r.min = func() fyne.Size { return fyne.NewSize(240, t.heightFor(max(240, t.Size().Width))) }
	r.layout = func(size fyne.Size) {
		w := size.Width
		put(t.modes, 0, 0, w, 34)
		y := float32(34 + gapSmall)
		help := t.helpHeight(w)
		put(t.modeHelp, 0, y, w, help)
		y += help + tunePad
		for i, d := range []*dial{t.size, t.wait} {
			put(rules[i], 0, y, w, 1)
			y += 1 + tunePad
			put(d, 0, y, w, d.heightFor(w))
			y += d.heightFor(w) + tunePad
		}
	}
	r.paint = func() {
		for _, rule := range rules {
			rule.FillColor = theme.Color(colorLine)
		}
	}
	return r.start()
}

// summary is the card's aside: what is in force.
func (t *tune) summary(s app.Snapshot) string {
	if n := s.Limits.InFlight(); n > 0 {
		return fmt.Sprintf("limit %d now", n)
	}
	return "no limit now"
}
