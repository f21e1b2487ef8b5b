package ui

import (
	"slices"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"carpool/app"
)

// trialSizes are the numbers at once to choose from; half of them is the usual
// choice on an engine of four slots.
var trialSizes = []int{1, 2, 4, 8, 16, 32}

// trialLength is how much is measured for each size.
type trialLength struct{ rounds, tokens int }

var trialLengths = []trialLength{{1, 48}, {3, 128}, {5, 256}}

const usualLength = 1

// trialPlan is what a benchmark is to measure, and how far one is.
type trialPlan struct {
	widget.BaseWidget
	model  *widget.Select
	sizes  []*button
	chosen map[int]bool // sizes
	length *segments
	start  *button
	bar    *bar
	status *text
	names  [3]*text

	targets []trialTarget
	running bool
	touched bool // the user chose sizes
}

// trialTarget is a model that can be measured.
type trialTarget struct{ engine, model, label string }

func newTrialPlan(start func(app.TrialWanted), cancel func()) *trialPlan {
	p := &trialPlan{chosen: map[int]bool{}, bar: newBar(), status: newParagraph("", colorMuted)}
	for i, name := range []string{tr("Model"), tr("Requests at once"), tr("Length")} {
		p.names[i] = newBold(name, textBody, colorText)
	}
	p.model = widget.NewSelect(nil, func(string) {})
	for _, n := range trialSizes {
		p.chosen[n] = n <= 8
		p.sizes = append(p.sizes, newButton(strconv.Itoa(n), func() { p.pick(n) }))
	}
	p.length = newSegments([]string{tr("Short"), tr("Usual"), tr("Long")}, func(int) {})
	p.length.set(usualLength)
	p.start = newStrongButton(tr("Start"), func() {
		if p.running {
			cancel()
			return
		}
		start(p.wanted())
	})
	p.mark()
	p.ExtendBaseWidget(p)
	return p
}

// pick takes a size in or out; one always stays.
func (p *trialPlan) pick(n int) {
	p.touched = true
	p.chosen[n] = !p.chosen[n]
	if len(p.wanted().Sizes) == 0 {
		p.chosen[n] = true
	}
	p.mark()
}

// mark shows which sizes are chosen.
func (p *trialPlan) mark() {
	for i, n := range trialSizes {
		p.sizes[i].look = raised
		if p.chosen[n] {
			p.sizes[i].look = strong
		}
		p.sizes[i].Refresh()
	}
}

// wanted is what is chosen.
func (p *trialPlan) wanted() app.TrialWanted {
	var w app.TrialWanted
	if i := p.model.SelectedIndex(); i >= 0 && i < len(p.targets) {
		w.Engine, w.Model = p.targets[i].engine, p.targets[i].model
	}
	for _, n := range trialSizes {
		if p.chosen[n] {
			w.Sizes = append(w.Sizes, n)
		}
	}
	l := trialLengths[max(0, p.length.chosen)]
	w.Rounds, w.Tokens = l.rounds, l.tokens
	return w
}

// trialTargets are the models that write, of the engines that are up, the loaded ones
// first.
func trialTargets(s app.Snapshot) []trialTarget {
	var loaded, others []trialTarget
	for _, e := range s.Engines {
		if e.Health != "up" {
			continue
		}
		for _, m := range e.Models {
			if m.Embedding {
				continue
			}
			t := trialTarget{e.Name, m.Name, short(m.Name) + " · " + e.Label}
			if m.Loaded {
				loaded = append(loaded, t)
			} else {
				others = append(others, t)
			}
		}
	}
	return append(loaded, others...)
}

func (p *trialPlan) show(s app.Snapshot) {
	if targets := trialTargets(s); !slices.Equal(targets, p.targets) {
		before := p.model.Selected
		p.targets = targets
		labels := make([]string, len(targets))
		for i, t := range targets {
			labels[i] = t.label
		}
		p.model.SetOptions(labels)
		switch {
		case slices.Contains(labels, before):
			p.model.SetSelected(before)
		case len(labels) > 0:
			p.model.SetSelectedIndex(0)
		default:
			p.model.ClearSelected()
		}
	}
	if slots := s.Limits.InFlight(); !p.touched && slots > 0 {
		for _, n := range trialSizes {
			p.chosen[n] = n <= max(4, slots)
		}
		p.mark()
	}
	p.running = s.Trial.Running
	switch {
	case p.running:
		p.start.set(tr("Cancel"), false)
	case len(p.targets) == 0:
		p.start.set(tr("Start"), true)
	default:
		p.start.set(tr("Start"), false)
	}
	p.bar.set(float32(s.Trial.Done))
	p.status.set(trialStatus(s, len(p.targets) > 0))
	p.Refresh()
}

// trialStatus says how far the benchmark is, or why there is none to start.
func trialStatus(s app.Snapshot, any bool) string {
	t := s.Trial
	switch {
	case t.Running && t.Size == 0:
		return tr("Measuring batching off%s.", trialLeft(t.Left))
	case t.Running:
		return tr("Measuring %d at once%s.", t.Size, trialLeft(t.Left))
	case !any:
		return tr("No engine with a model is up. Start one on the page Engines.")
	case t.Problem != "":
		return sentenceOf(t.Problem)
	case t.Trial.Cancelled:
		return tr("Cancelled. What was measured is shown.")
	}
	return tr("A minute or two on most machines. It can be cancelled at any time.")
}

func trialLeft(left time.Duration) string {
	if left <= 0 {
		return ""
	}
	return tr(", %s left", brief(left+time.Second))
}

const selectHeight = 36

func (p *trialPlan) heightFor(width float32) float32 {
	line := lineHeight(textBody)
	return 3*(line+gapSmall) + selectHeight + gap + buttonHeight + gap + 34 + gap + buttonHeight + gapSmall + p.statusHeight(width)
}

// statusHeight leaves room for two lines, so that progress moves nothing.
func (p *trialPlan) statusHeight(width float32) float32 {
	return max(2*lineHeight(textBody), p.status.heightFor(width))
}

// CreateRenderer implements fyne.Widget.
func (p *trialPlan) CreateRenderer() fyne.WidgetRenderer {
	p.ExtendBaseWidget(p)
	r := &renderer{widget: p, objects: []fyne.CanvasObject{p.names[0], p.model, p.names[1]}}
	for _, b := range p.sizes {
		r.objects = append(r.objects, b)
	}
	r.objects = append(r.objects, p.names[2], p.length, p.start, p.bar, p.status)
	r.min = func() fyne.Size { return fyne.NewSize(260, p.heightFor(max(260, p.Size().Width))) }
	r.layout = func(size fyne.Size) {
		w, line := size.Width, lineHeight(textBody)
		y := float32(0)
		name := func(i int) {
			put(p.names[i], 0, y, w, line)
			y += line + gapSmall
		}
		name(0)
		put(p.model, 0, y, w, selectHeight)
		y += selectHeight + gap
		name(1)
		each := (w - float32(len(p.sizes)-1)*gapSmall) / float32(len(p.sizes))
		for i, b := range p.sizes {
			put(b, float32(i)*(each+gapSmall), y, each, buttonHeight)
		}
		y += buttonHeight + gap
		name(2)
		put(p.length, 0, y, w, 34)
		y += 34 + gap
		button := p.start.width()
		put(p.start, 0, y, button, buttonHeight)
		put(p.bar, button+gap, y, w-button-gap, buttonHeight)
		y += buttonHeight + gapSmall
		put(p.status, 0, y, w, p.statusHeight(w))
	}
	r.paint = func() {
		p.bar.Hidden = !p.running
		p.start.look = strong
		if p.running {
			p.start.look = raised
		}
		p.start.Refresh()
	}
	return r.start()
}
