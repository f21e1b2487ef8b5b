package ui

import (
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
	keyBatches = "batching.max_parallel_batches"
	keyTarget  = "adaptive.latency_target_ms"
	keyReserve = "gpu.reserve_mib"

	keyDemo       = "engine.demo"
	keyWelcome    = "window.welcome"
	keyExplainOff = "window.explain_off"
)

// Where sliders end; more can be set on the page Settings.
const (
	maxSlider  = 64
	maxBatches = 16
)

// Stops of sliders, as far as the setting's range goes.
var (
	waits    = []int{0, 1, 2, 5, 10, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000}
	targets  = []int{10, 15, 20, 25, 30, 40, 50, 60, 75, 100, 125, 150, 200, 250, 300, 400, 500, 750, 1000, 2000, 5000}
	reserves = []int{0, 128, 256, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384}
)

// mode is a choice in the segmented control.
type mode struct{ value, name, help string }

func tuneModes() []mode {
	return []mode{
		{"adaptive", tr("Adaptive"), tr("Finds by itself how many the engine and the GPU carry, and says why.")},
		{"fixed", tr("Fixed"), tr("A constant number run at once; a freed place is taken at once.")},
		{"static", tr("Static"), tr("Requests go in groups that start together: when full, or after the wait.")},
	}
}

// lever is a slider for one setting.
type lever struct {
	*dial
	key   string
	modes []string // in which it has a meaning; nil = in all
}

// tune is the content of the card of the same name. It calls change for what the
// user does.
type tune struct {
	widget.BaseWidget
	change func(key, value string, final bool)

	kinds    []mode
	modes    *segments
	modeHelp *text
	levers   []*lever
	size     *lever
	wait     *lever
	rules    []*canvas.Rectangle
	undo     *button
	defaults *button
}

func newTune(setting func(key string) (app.Setting, bool), change func(key, value string, final bool), undo, defaults func()) *tune {
	t := &tune{change: change, modeHelp: newParagraph("", colorMuted), kinds: tuneModes()}
	names := make([]string, len(t.kinds))
	for i, m := range t.kinds {
		names[i] = m.name
	}
	t.modes = newSegments(names, func(i int) { t.change(keyMode, t.kinds[i].value, true) })
	var sizes, batches []int
	for v := 1; v <= maxSlider; v++ {
		sizes = append(sizes, v)
	}
	for v := 1; v <= maxBatches; v++ {
		batches = append(batches, v)
	}
	t.size = t.add(setting, keySize, tr("Most at once"), "", sizes)
	t.wait = t.add(setting, keyWait, tr("Wait for company"), "ms", waits)
	t.add(setting, keyTarget, tr("Slowest stream"), tr("ms per token"), targets, "adaptive")
	t.add(setting, keyReserve, tr("Memory kept free"), "MiB", reserves, "adaptive")
	t.add(setting, keyBatches, tr("Batches at once"), "", batches, "static")
	t.undo, t.defaults = newLink(tr("Undo"), undo), newLink(tr("Defaults"), defaults)
	t.ExtendBaseWidget(t)
	return t
}

func (t *tune) add(setting func(key string) (app.Setting, bool), key, name, unit string, stops []int, modes ...string) *lever {
	l := &lever{key: key, modes: modes}
	l.dial = newDial(name, func(v int, final bool) { t.change(l.key, strconv.Itoa(v), final) })
	if s, ok := setting(key); ok {
		stops = slices.DeleteFunc(slices.Clone(stops), func(v int) bool { return v < s.Min || v > s.Max })
	}
	l.setStops(stops, unit)
	t.levers = append(t.levers, l)
	t.rules = append(t.rules, canvas.NewRectangle(nil))
	return l
}

// shown are the levers that mean something in the mode that is chosen.
func (t *tune) shown() []*lever {
	chosen := t.mode().value
	return slices.DeleteFunc(slices.Clone(t.levers), func(l *lever) bool {
		return len(l.modes) > 0 && !slices.Contains(l.modes, chosen)
	})
}

// mode is the one that is chosen; the zero value before the first snapshot.
func (t *tune) mode() mode {
	if t.modes.chosen < 0 {
		return mode{}
	}
	return t.kinds[t.modes.chosen]
}

// show takes from s what the user is not changing right now.
func (t *tune) show(s app.Snapshot, busy func(key string) bool) {
	if s.SizeKey != "" {
		t.size.key = s.SizeKey
	}
	if !busy(keyMode) {
		t.modes.set(slices.IndexFunc(t.kinds, func(m mode) bool { return m.value == s.Config.Batching.Mode }))
	}
	for _, l := range t.levers {
		if busy(l.key) {
			continue
		}
		if text, err := s.Config.Get(l.key); err == nil {
			if v, err := strconv.Atoi(text); err == nil {
				l.set(v)
			}
		}
	}
	t.explain(s)
}

// explain says what the controls do in the mode that is chosen, and in adaptive
// mode what was found and why.
func (t *tune) explain(s app.Snapshot) {
	help := t.mode().help
	switch {
	case !s.Config.Batching.Enabled && s.Config.Batching.OffMode == "passthrough":
		help = tr("Batching is off: everything goes straight to the engine.")
	case !s.Config.Batching.Enabled:
		help = tr("Batching is off: one request at a time.")
	}
	t.modeHelp.set(help)
	for _, l := range t.levers {
		l.help.set(t.leverHelp(l, s))
	}
	t.Refresh()
}

// leverHelp is what a slider does as it stands.
func (t *tune) leverHelp(l *lever, s app.Snapshot) string {
	mode := t.mode().value
	switch l.key {
	case keyWait:
		if mode == "static" {
			return tr("longest wait for a batch to fill")
		}
		return tr("only embeddings wait; a lone request never does")
	case keyTarget:
		if ms := l.shownValue(); ms > 0 {
			return tr("no stream falls below %d tokens per second", max(1, 1000/ms))
		}
	case keyReserve:
		return tr("never let requests fill the last of the GPU's memory")
	case keyBatches:
		return tr("groups of one model that run at the same time")
	}
	switch {
	case mode == "adaptive" && len(s.Tuning) > 0 && s.Config.Batching.Enabled:
		return tr("ceiling; now %d: %s", s.Tuning[0].Limit, s.Tuning[0].Reason)
	case mode == "adaptive":
		return tr("ceiling for each model; the size is found")
	case mode == "static":
		return tr("requests in a batch")
	}
	return tr("requests on the GPU for each model")
}

const (
	tuneHelpLines = 2
	tunePad       = 10 // around the rules
)

func (t *tune) heightFor(width float32) float32 {
	h := 34 + gapSmall + t.helpHeight(width) + tunePad
	for _, l := range t.shown() {
		h += 1 + 2*tunePad + l.heightFor(width)
	}
	return h + linkHeight
}

// helpHeight leaves room for the longest explanation, so that a change of mode
// moves nothing above the sliders.
func (t *tune) helpHeight(width float32) float32 {
	return max(t.modeHelp.heightFor(width), tuneHelpLines*lineHeight(textBody))
}

// CreateRenderer implements fyne.Widget.
func (t *tune) CreateRenderer() fyne.WidgetRenderer {
	t.ExtendBaseWidget(t)
	r := &renderer{widget: t}
	r.min = func() fyne.Size { return fyne.NewSize(240, t.heightFor(max(240, t.Size().Width))) }
	r.layout = func(size fyne.Size) {
		w := size.Width
		put(t.modes, 0, 0, w, 34)
		y := float32(34 + gapSmall)
		help := t.helpHeight(w)
		put(t.modeHelp, 0, y, w, help)
		y += help + tunePad
		for i, l := range t.shown() {
			put(t.rules[i], 0, y, w, 1)
			y += 1 + tunePad
			put(l.dial, 0, y, w, l.heightFor(w))
			y += l.heightFor(w) + tunePad
		}
		put(t.undo, -linkPad, y, t.undo.width(), linkHeight)
		put(t.defaults, w-t.defaults.width()+linkPad, y, t.defaults.width(), linkHeight)
	}
	r.paint = func() {
		r.objects = append(r.objects[:0], t.modes, t.modeHelp)
		for i, l := range t.shown() {
			t.rules[i].FillColor = theme.Color(colorLine)
			r.objects = append(r.objects, t.rules[i], l.dial)
		}
		r.objects = append(r.objects, t.undo, t.defaults)
	}
	return r.start()
}

// summary is the card's aside: what is in force.
func (t *tune) summary(s app.Snapshot) string {
	if n := s.Limits.InFlight(); n > 0 {
		return tr("limit %d now", n)
	}
	return tr("no limit now")
}
