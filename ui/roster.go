package ui

import (
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"fyne.io/fyne/v2"

	"carpool/app"
)

// maxModels is how many models a card lists at the most; the others are found by
// typing a part of their name.
const maxModels = 8

// engineSheet is what the card of an engine says.
type engineSheet struct {
	name, title, place string              // place is where it is, and its version
	mark               fyne.ThemeColorName // of its health
	ranks              bool                // it can be moved among the others
	preferred          bool
	facts              []engineLine
	models             []engineLine // with what they take of the GPU; loaded ones first
	reloads            []engineLine // of the last hour
	reloadAdvice       []engineLine
}

// lineKind is how a line of a card is drawn.
type lineKind int

const (
	ofFact    lineKind = iota // a label and a text
	ofHeading                 // of what follows
	ofModel
	ofNote // on the line above
	ofCommand
)

// engineLine is a line of the card of an engine.
type engineLine struct {
	kind   lineKind
	id     string // unique in its card
	name   string // of a fact its label, of a command what to type
	text   string
	detail string // at the right edge
	tone   fyne.ThemeColorName
	loaded bool
	action action
}

// engineSheets are the engines of a snapshot in the order in which they are
// preferred, then what could be started.
func engineSheets(s app.Snapshot, order []string) []engineSheet {
	var all []engineSheet
	shown := map[string]bool{}
	engines := ranked(s.Engines, order)
	ranks := len(rankable(engines)) > 1
	offers := startActions(s)
	for _, e := range engines {
		run := startedAt(s, e.URL)
		shown[run.Name] = true
		sheet := engineSheet{name: e.Name, title: e.Label, place: dotted(host(e.URL), e.Version),
			ranks: ranks && !e.Simulated, preferred: ranks && e.Active}
		sheet.tellHealth(s, e)
		if i := slices.IndexFunc(offers, func(a action) bool { return a.name == string(e.Kind) }); i >= 0 && e.Local() {
			sheet.facts[0].action = offers[i].named(tr("Start"))
			offers = slices.Delete(offers, i, i+1)
		}
		sheet.tellRun(s, run)
		sheet.tellSlots(s, e)
		if e.Group != "" {
			sheet.fact("gpu", tr("GPU"), tr("shares the group %s", e.Group))
		}
		if e.Health == "up" {
			sheet.listModels(s, e)
		}
		sheet.listReloads(s)
		all = append(all, sheet)
	}
	for _, l := range s.Launch {
		if l.Alive() && !shown[l.Name] {
			sheet := engineSheet{name: "started " + l.Name, title: l.Label, place: host(l.URL), mark: colorMuted}
			sheet.tellRun(s, l)
			all = append(all, sheet)
		}
	}
	for _, offer := range offers {
		sheet := engineSheet{name: "installed " + offer.name, title: offer.label, place: tr("installed"), mark: colorGrey}
		sheet.fact("state", tr("State"), tr("Does not run.")).action = offer.named(tr("Start"))
		all = append(all, sheet)
	}
	return all
}

func (e *engineSheet) fact(id, label, text string) *engineLine {
	e.facts = append(e.facts, engineLine{kind: ofFact, id: id, name: label, text: text, tone: colorText})
	return &e.facts[len(e.facts)-1]
}

// tellHealth says in words how the engine is, and for how long that holds.
func (e *engineSheet) tellHealth(s app.Snapshot, info app.EngineInfo) {
	last := ""
	if !info.Seen.IsZero() {
		last = tr("Last answered %s ago.", brief(s.At.Sub(info.Seen)))
	}
	switch {
	case info.Simulated:
		e.mark = colorAccent
		e.fact("state", tr("State"), tr("Simulated: answers are made up, for trying things out."))
	case info.Health == "up" && info.Problem == "":
		e.mark = colorAccent
		e.fact("state", tr("State"), strings.TrimSpace(tr("Up.")+" "+last))
	case info.Health == "up":
		e.mark = colorOrange
		f := e.fact("state", tr("State"), tr("Rests: %s.", without(info.Problem, info.Label)))
		f.tone, f.action = colorOrange, whyAction(info.Name, info.Label, info.Problem)
	case info.Health == "down":
		e.mark = colorVermilion
		problem := without(without(info.Problem, info.Label+" at "+info.URL), "the engine at "+info.URL)
		f := e.fact("state", tr("State"), strings.TrimSpace(tr("Not reached: %s.", strings.TrimSuffix(problem, "."))+" "+last))
		f.tone, f.action = colorVermilion, whyAction(info.Name, info.Label, info.Problem)
	default:
		e.mark = colorMuted
		e.fact("state", tr("State"), tr("Looked for."))
	}
}

// tellRun says how the engine fares if Carpool runs it.
func (e *engineSheet) tellRun(s app.Snapshot, run app.EngineState) {
	if !run.Alive() {
		return
	}
	text, tone := tr("Carpool, for %s", brief(s.At.Sub(run.Since))), colorText
	switch run.Status {
	case "running":
		text += " · " + trn(run.Restarts, "%d restart", "%d restarts")
	case "starting":
		text = tr("Carpool, starting")
	default:
		text, tone, e.mark = tr("Carpool, %s: %s.", string(run.Status), run.Reason), colorVermilion, colorVermilion
	}
	f := e.fact("run", tr("Run by"), text)
	f.tone, f.action = tone, action{order{deed: stopEngine, name: run.Name, label: run.Label}, tr("Stop")}
	for i, line := range run.Errors {
		label := ""
		if i == 0 {
			label = tr("Its log")
		}
		e.fact("log "+line, label, line).tone = colorMuted
	}
}

// tellSlots says how many requests the engine runs at once, and how that is known.
func (e *engineSheet) tellSlots(s app.Snapshot, info app.EngineInfo) {
	slots, by := info.Slots, "told"
	for _, t := range s.Tuning {
		if t.Engine == info.Name && t.Slots > 0 {
			slots, by = t.Slots, t.SlotsBy
			break
		}
	}
	text := tr("Not known yet: found while requests run.")
	if slots > 0 {
		text = tr("%d at once", slots)
		switch by {
		case "told":
			text += tr(", as it says")
		case "engine wait":
			text += tr(", found: more of them wait inside it")
		case "first tokens":
			text += tr(", found by when first tokens come")
		}
	}
	if info.Health != "up" && slots == 0 {
		return
	}
	f := e.fact("slots", tr("Slots"), text)
	if info.Health == "up" && !info.Simulated {
		f.action = action{order{deed: showGuide, name: info.Name, label: info.Label}, tr("More slots…")}
	}
}

// listModels lists the models, the loaded ones first, with what they take.
func (e *engineSheet) listModels(s app.Snapshot, info app.EngineInfo) {
	if len(info.Models) == 0 {
		e.models = []engineLine{{kind: ofNote, id: "no model", text: tr("No model yet; one that the engine pulls appears here."), tone: colorMuted}}
		return
	}
	models := slices.Clone(info.Models)
	slices.SortStableFunc(models, func(a, b app.EngineModel) int {
		switch {
		case a.Loaded && !b.Loaded:
			return -1
		case b.Loaded && !a.Loaded:
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	for _, m := range models {
		l := engineLine{kind: ofModel, id: "model " + m.Name, name: short(m.Name), loaded: m.Loaded, tone: colorMuted}
		if !info.Simulated { // the demo model is of no size
			l.text = dotted(m.Parameter, m.Quant)
		}
		if m.Context > 0 {
			l.text = dotted(l.text, tr("%s tokens", humanize.Comma(int64(m.Context))))
		}
		switch {
		case m.Loaded && m.VRAM > 0:
			l.detail = tr("%s of GPU", humanize.IBytes(uint64(m.VRAM)))
		case m.Size > 0:
			l.detail = tr("%s on disk", humanize.Bytes(uint64(m.Size)))
		}
		if m.Loaded {
			l.tone = colorText
		}
		e.models = append(e.models, l)
		for _, f := range s.Fits {
			if f.Engine != e.name || f.Model != m.Name {
				continue
			}
			note := engineLine{kind: ofNote, id: "fit " + m.Name, name: short(m.Name), text: sentenceOf(f.Reason()), tone: colorMuted}
			if f.Judged && !f.Fits {
				note.tone = colorOrange
			}
			e.models = append(e.models, note)
		}
	}
}

// listReloads says which models the engine loaded again, and why.
func (e *engineSheet) listReloads(s app.Snapshot) {
	for _, r := range s.Reloads.Last {
		if r.Engine == e.name {
			e.reloads = append(e.reloads, engineLine{kind: ofFact, id: "reload " + r.At.String() + r.Model,
				name: r.At.Local().Format("15:04"), text: tr("%s Took %s.", sentenceOf(r.Text), brief(r.Took)), tone: colorMuted})
		}
	}
	for _, a := range s.Reloads.Advice {
		if a.Engine != e.name {
			continue
		}
		id := "advice " + a.Model + a.Parameter
		e.reloadAdvice = append(e.reloadAdvice, engineLine{kind: ofNote, id: id, text: sentenceOf(a.Text), tone: colorText})
		if a.Command != "" {
			e.reloadAdvice = append(e.reloadAdvice, engineLine{kind: ofCommand, id: id + " command", name: a.Command})
		}
	}
}

// modelsMatching are the lines of models whose name contains a text, at most
// maxModels models of them, and how many models match in all.
func (e *engineSheet) modelsMatching(wanted string) (lines []engineLine, matching int) {
	wanted = strings.ToLower(strings.TrimSpace(wanted))
	for _, l := range e.models {
		if !strings.Contains(strings.ToLower(l.name), wanted) {
			continue
		}
		if l.kind == ofModel {
			matching++
		}
		if matching <= maxModels {
			lines = append(lines, l)
		}
	}
	return lines, matching
}

func (e *engineSheet) modelCount() (all, loaded int) {
	for _, l := range e.models {
		if l.kind == ofModel {
			all++
			if l.loaded {
				loaded++
			}
		}
	}
	return all, loaded
}

// dotted joins what there is of the parts.
func dotted(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " · ")
}

// startedAt is the engine that Carpool keeps running at a URL.
func startedAt(s app.Snapshot, url string) app.EngineState {
	for _, l := range s.Launch {
		if l.URL == url && l.Alive() {
			return l
		}
	}
	return app.EngineState{Status: "stopped"}
}

// whyAction shows in full why an engine does not serve.
func whyAction(name, label, problem string) action {
	return action{order{deed: showWhy, name: name, label: label, why: problem}, tr("Why…")}
}

// host is a URL without its scheme.
func host(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	return strings.TrimSuffix(rest, "/")
}

// without is a problem without the engine's name, which stands above it.
func without(problem, who string) string {
	return strings.TrimSpace(strings.TrimPrefix(problem, who))
}
