package ui

import (
	"slices"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// trialSizes are the numbers at once that can be measured.
var trialSizes = []int{1, 2, 4, 8, 16, 32}

// trialLength is how much is sent for each number at once.
type trialLength struct {
	name, help     string
	rounds, tokens int
}

func trialLengths() []trialLength {
	return []trialLength{
		{tr("Quick"), tr("1 chat each, answers up to 64 tokens"), 1, 64},
		{tr("Usual"), tr("3 chats in a row, answers up to 128 tokens"), 3, 128},
		{tr("Long"), tr("6 chats in a row, answers up to 256 tokens"), 6, 256},
	}
}

const usualLength = 1

// trialSetup is what to measure, with the button that begins it, and how it goes.
type trialSetup struct {
	widget.BaseWidget
	engines, models   *drop
	sizes             *picks
	length            *segments
	sizeHelp, lenHelp *text
	start, cancel     *button
	bar               *bar
	says, problem     *text
	blocks            []setupBlock

	found   []app.EngineInfo // that can be measured
	engine  string           // the name of the one that is chosen; "" = there is none
	model   string
	slots   int  // that the engine has for the model; 0 = not known
	own     bool // the sizes are the user's
	lengths []trialLength
	running bool
	ending  bool // it was cancelled, and no snapshot says so yet
}

// newTrialSetup calls start with what to measure, and cancel while it goes on.
func newTrialSetup(start func(app.TrialWanted), cancel func(), changed func()) *trialSetup {
	t := &trialSetup{lengths: trialLengths(), bar: newBar(), says: newText("", textBody, colorMuted), problem: newParagraph("", colorMuted),
		sizeHelp: newParagraph("", colorMuted), lenHelp: newParagraph("", colorMuted)}
	t.engines = newDrop(nil)
	t.engines.OnChanged = func(string) {
		t.choose(t.found[t.engines.SelectedIndex()].Name, "")
		changed()
	}
	t.models = newDrop(nil)
	t.models.OnChanged = func(model string) {
		t.choose(t.engine, model)
		changed()
	}
	t.engines.PlaceHolder, t.models.PlaceHolder = "–", "–"
	names := make([]string, len(trialSizes))
	for i, n := range trialSizes {
		names[i] = strconv.Itoa(n)
	}
	t.sizes = newPicks(names, func() {
		t.own = true
		changed()
	})
	names = nil
	for _, l := range t.lengths {
		names = append(names, l.name)
	}
	t.length = newSegments(names, func(int) { changed() })
	t.length.set(usualLength)
	t.start = newStrongButton("", func() { start(t.wanted()) })
	t.cancel = newButton("", func() {
		t.ending = true
		cancel()
		changed()
	})
	name := func(s string) *text { return newBold(s, textBody, colorText) }
	t.blocks = []setupBlock{
		{name(tr("Engine")), t.engines, fieldHeight, nil},
		{name(tr("Model")), t.models, fieldHeight, nil},
		{name(tr("At once")), t.sizes, choiceBar, t.sizeHelp},
		{name(tr("Length")), t.length, choiceBar, t.lenHelp},
	}
	t.ExtendBaseWidget(t)
	return t
}

func (t *trialSetup) wanted() app.TrialWanted {
	l := t.lengths[t.length.chosen]
	return app.TrialWanted{Engine: t.engine, Model: t.model, Sizes: t.picked(), Rounds: l.rounds, Tokens: l.tokens}
}

func (t *trialSetup) picked() []int {
	var sizes []int
	for i, n := range trialSizes {
		if t.sizes.picked[i] {
			sizes = append(sizes, n)
		}
	}
	return sizes
}

// show shows what there is to measure and how far a benchmark is. failed is why none
// could be started, "" = it could.
func (t *trialSetup) show(s app.Snapshot, failed string) {
	t.found = slices.DeleteFunc(slices.Clone(s.Engines), func(e app.EngineInfo) bool {
		return e.Health != "up" || len(writers(e)) == 0
	})
	t.choose(t.engine, t.model)
	t.slots = s.SlotsOf(t.engine, t.model)
	if !t.own {
		t.sizes.set(within(t.slots))
	}
	t.sizeHelp.set(t.aboutSizes())
	t.lenHelp.set(t.lengths[t.length.chosen].help)
	t.running = s.Trial.Running
	t.ending = t.ending && t.running
	t.bar.set(float32(s.Trial.Done))
	t.says.set(trialStage(s.Trial))
	label, off := tr("Cancel"), false
	if t.ending {
		label, off = tr("Ending…"), true
	}
	t.cancel.set(label, off)
	t.start.set(tr("Start"), t.engine == "" || len(t.picked()) == 0)
	switch {
	case failed != "":
		t.problem.setColored(failed, colorVermilion)
	case !t.running && len(s.Trial.Trial.Rows) == 0 && s.Trial.Problem != "":
		t.problem.setColored(sentenceOf(s.Trial.Problem), colorVermilion)
	case t.engine == "":
		t.problem.setColored(tr("No engine with a model that writes is up. Start one, and it can be measured."), colorMuted)
	case t.simulated():
		t.problem.setColored(tr("This engine is simulated: it shows how a benchmark goes, and nothing of your GPU."), colorMuted)
	default:
		t.problem.setColored("", colorMuted)
	}
	t.Refresh()
}

func (t *trialSetup) simulated() bool {
	return slices.ContainsFunc(t.found, func(e app.EngineInfo) bool { return e.Name == t.engine && e.Simulated })
}

// choose takes an engine and a model, or the first ones if they are not there.
func (t *trialSetup) choose(engine, model string) {
	at := max(0, slices.IndexFunc(t.found, func(e app.EngineInfo) bool { return e.Name == engine }))
	var labels, models []string
	for _, e := range t.found {
		labels = append(labels, e.Label)
	}
	label := ""
	t.engine, t.model = "", ""
	if len(t.found) > 0 {
		label, t.engine, models = labels[at], t.found[at].Name, writers(t.found[at])
		t.model = models[max(0, slices.Index(models, model))]
	}
	fill(t.engines, labels, label)
	fill(t.models, models, t.model)
}

// fill changes what a list offers and has chosen, without a word to OnChanged.
func fill(s *drop, options []string, chosen string) {
	if slices.Equal(s.Options, options) && s.Selected == chosen {
		return
	}
	s.Options, s.Selected = options, chosen
	s.Refresh()
}

// writers are the models of an engine that write, those that are loaded first.
func writers(e app.EngineInfo) []string {
	var loaded, others []string
	for _, m := range e.Models {
		switch {
		case m.Embedding:
		case m.Loaded:
			loaded = append(loaded, m.Name)
		default:
			others = append(others, m.Name)
		}
	}
	return append(loaded, others...)
}

// within picks the sizes that an engine of so many slots can run at once.
func within(slots int) []bool {
	picked := make([]bool, len(trialSizes))
	for i, n := range trialSizes {
		picked[i] = slots < 1 || n <= slots
	}
	return picked
}

func (t *trialSetup) aboutSizes() string {
	most := 0
	for _, n := range t.picked() {
		most = max(most, n)
	}
	switch {
	case most == 0:
		return tr("choose at least one")
	case t.slots > 0 && most > t.slots:
		return tr("the engine runs %d; the rest waits inside it", t.slots)
	}
	return tr("batching off is measured too")
}

// trialStage says what a benchmark is at, and for how long.
func trialStage(s app.TrialState) string {
	what := tr("batching off")
	if s.Size > 0 {
		what = tr("%d at once", s.Size)
	}
	if s.Left <= 0 {
		return what
	}
	return what + " · " + tr("%s left", roughly(s.Left))
}

// roughly is a guessed time, in steps that do not flicker.
func roughly(left time.Duration) string {
	switch {
	case left < 10*time.Second:
		return tr("a few seconds")
	case left < 100*time.Second:
		return tr("about %d s", int(left.Round(10*time.Second).Seconds()))
	}
	return tr("about %d min", int(left.Round(time.Minute).Minutes()))
}

const (
	setupLabel = 22  // of a control, above it
	choiceBar  = 34  // the height of picks and segments
	setupTwo   = 520 // from here on the controls stand in two columns
)

// foot is the height of what stands below the controls.
func (t *trialSetup) foot(width float32) float32 {
	if t.problem.value == "" {
		return 1 + gap + buttonHeight
	}
	return 1 + gap + buttonHeight + gapSmall + t.problem.heightFor(width)
}

func (t *trialSetup) heightFor(width float32) float32 {
	rows, each := setupRows(t.blocks, width)
	h := t.foot(width)
	for _, row := range rows {
		h += rowOf(row, each) + gap
	}
	return h
}

// CreateRenderer implements fyne.Widget.
func (t *trialSetup) CreateRenderer() fyne.WidgetRenderer {
	t.ExtendBaseWidget(t)
	rule := canvas.NewRectangle(nil)
	r := &renderer{widget: t}
	for _, b := range t.blocks {
		r.objects = append(r.objects, b.name, b.control)
		if b.help != nil {
			r.objects = append(r.objects, b.help)
		}
	}
	r.objects = append(r.objects, rule, t.bar, t.says, t.start, t.cancel, t.problem)
	r.min = func() fyne.Size { return fyne.NewSize(240, t.heightFor(max(240, t.Size().Width))) }
	r.layout = func(size fyne.Size) {
		rows, each := setupRows(t.blocks, size.Width)
		y := float32(0)
		for _, row := range rows {
			for i, b := range row {
				x := float32(i) * (each + gapLarge)
				put(b.name, x, y, each, lineHeight(textBody))
				put(b.control, x, y+setupLabel, each, b.height)
				if b.help != nil {
					put(b.help, x, y+setupLabel+b.height+gapTiny, each, b.help.heightFor(each))
				}
			}
			y += rowOf(row, each) + gap
		}
		put(rule, 0, y, size.Width, 1)
		put(t.bar, 0, y-barHeight/2, size.Width, barHeight) // in the place of the rule
		y += 1 + gap
		put(t.start, 0, y, t.start.width(), buttonHeight)
		cancel := t.cancel.width()
		put(t.cancel, size.Width-cancel, y, cancel, buttonHeight)
		put(t.says, 0, y, size.Width-cancel-gapSmall, buttonHeight)
		put(t.problem, 0, y+buttonHeight+gapSmall, size.Width, t.problem.heightFor(size.Width))
	}
	r.paint = func() {
		rule.FillColor = theme.Color(colorLine)
		t.bar.Hidden, t.says.Hidden, t.cancel.Hidden = !t.running, !t.running, !t.running
		rule.Hidden, t.start.Hidden = t.running, t.running
		t.problem.Hidden = t.problem.value == ""
	}
	return r.start()
}
