package ui

import (
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"fyne.io/fyne/v2"

	"carpool/app"
)

// maxModels is how many models of an engine the card lists at the most.
const maxModels = 6

// engineKind is what a line of the card "Engine" is about.
type engineKind int

const (
	ofEngine engineKind = iota
	ofDetail            // of the engine above
	ofModel
	ofRest // what is left out, or why there is nothing
)

// engineLine is a line of the card "Engine".
type engineLine struct {
	kind         engineKind
	id           string // unique among the lines
	name, detail string
	aside        string              // of an engine: where it is, and its version
	mark         fyne.ThemeColorName // of an engine; "" = no dot
	loaded       bool
	short        bool // a detail is cut after its first line
	warns        bool // a detail tells of what slows answers
	action       action
}

// engineBlock is an engine with what is known of it.
type engineBlock struct {
	head   engineLine
	detail engineLine // name "" = nothing to say
	keep   bool       // the detail, longer than others: it tells of trouble
	memory engineLine // what the model that matters takes of the GPU; name "" = nothing to say
	models []engineLine
	loaded int // of them, the first ones
}

// engineBlocks are the engines of a snapshot, the preferred one first, then what
// could be started beside the strip's offer.
func engineBlocks(s app.Snapshot) []engineBlock {
	var all []engineBlock
	real := 0
	for _, e := range s.Engines {
		if !e.Simulated {
			real++
		}
	}
	shown := map[string]bool{}
	for i, e := range s.Engines {
		l := startedAt(s, e.URL)
		shown[l.Name] = true
		b := engineBlock{head: engineLine{id: e.Name, name: e.Label, aside: whereabouts(e.URL, e.Version, e.Active && real > 1)}}
		var remarks []string
		if maker, named := strings.CutSuffix(e.Label, " ("+e.Name+")"); named { // by the settings
			b.head.name, remarks = e.Name, []string{maker}
		}
		if e.Group != "" {
			remarks = append(remarks, "GPU group "+e.Group)
		}
		switch {
		case e.Health == "up" && e.Problem == "":
			b.head.mark = colorAccent
			b.head.action = slotsAction(s, i)
		case e.Health == "up":
			b.head.mark, b.head.action = colorOrange, whyAction("rests", e.Name, e.Label, e.Problem)
			remarks = append(remarks, without(e.Problem, e.Label))
		case e.Health == "down":
			b.head.mark, b.head.action = colorVermilion, whyAction("not reached", e.Name, e.Label, e.Problem)
			remarks = append(remarks, without(without(e.Problem, e.Label+" at "+e.URL), "the engine at "+e.URL))
		default:
			b.head.mark, b.head.detail = colorMuted, "looked for"
		}
		b.keep = e.Health != "up" || e.Problem != ""
		b.describe(remarks, l)
		if e.Health == "up" {
			b.listModels(s, i)
			b.weigh(s, e.Name)
		}
		all = append(all, b)
	}
	for _, l := range s.Launch {
		if l.Alive() && !shown[l.Name] {
			b := engineBlock{head: engineLine{id: "started " + l.Name, name: l.Label, aside: host(l.URL), mark: colorMuted}}
			b.describe(nil, l)
			all = append(all, b)
		}
	}
	if offers := startActions(s); len(offers) > 1 {
		for _, offer := range offers[1:] {
			offer.text = "Start"
			all = append(all, engineBlock{head: engineLine{id: "installed " + offer.name, name: offer.label, aside: "installed", action: offer}})
		}
	}
	return all
}

// whereabouts are where an engine is, whether it goes before others, and its
// version: the end may be cut off.
func whereabouts(url, version string, preferred bool) string {
	if preferred {
		return dotted(host(url), "preferred", version)
	}
	return dotted(host(url), version)
}

// describe says what is remarkable of an engine: how it fares if Carpool runs it,
// and its own remarks.
func (b *engineBlock) describe(own []string, l app.EngineState) {
	var all []string
	if l.Alive() {
		switch l.Status {
		case "running":
			all = append(all, "run by Carpool", plural(l.Restarts, "restart", "restarts"))
		case "starting":
			b.head.mark, b.head.detail, b.head.action = colorMuted, "starting", action{}
			all, own = []string{"run by Carpool"}, nil
		default:
			b.head.mark, b.head.action = colorVermilion, whyAction(string(l.Status), l.Name, l.Label, l.Reason)
			all, own, b.keep = []string{"run by Carpool: " + l.Reason}, nil, true
		}
		b.detail.action = action{order{deed: stopEngine, name: l.Name, label: l.Label}, "Stop"}
	}
	b.detail.kind, b.detail.id = ofDetail, b.head.id+" detail"
	b.detail.name = dotted(append(all, own...)...)
}

// dotted joins what there is of the parts.
func dotted(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " · ")
}

// listModels lists the models of engine i that are loaded, and of the preferred
// one the others, too.
func (b *engineBlock) listModels(s app.Snapshot, i int) {
	e := s.Engines[i]
	for _, loaded := range []bool{true, false} {
		for _, m := range e.Models {
			if m.Loaded != loaded || !loaded && !e.Active {
				continue
			}
			size := ""
			if m.Size > 0 {
				size = humanize.Bytes(uint64(m.Size))
			}
			b.models = append(b.models, engineLine{kind: ofModel, id: e.Name + " model " + m.Name, name: short(m.Name), detail: size, loaded: m.Loaded})
		}
		if loaded {
			b.loaded = len(b.models)
		}
	}
	if len(e.Models) == 0 && e.Active {
		b.models = []engineLine{{kind: ofRest, id: "no model", name: "No model yet; one that the engine pulls appears here."}}
		b.loaded = 1
	}
}

// weigh says what a model of the engine takes of the GPU: one that does not fit,
// else the first that is loaded, else the one used last.
func (b *engineBlock) weigh(s app.Snapshot, engine string) {
	var last string
	for _, t := range s.Tuning {
		if t.Engine == engine {
			last = t.Model
			break
		}
	}
	var shown *app.ModelFit
	rank := 0
	for i, f := range s.Fits {
		if f.Engine != engine {
			continue
		}
		of := 0
		switch {
		case f.Loaded && f.Judged && !f.Fits:
			of = 3
		case f.Loaded:
			of = 2
		case f.Model == last:
			of = 1
		}
		if of > rank {
			shown, rank = &s.Fits[i], of
		}
	}
	if shown != nil {
		b.memory = engineLine{kind: ofDetail, id: b.head.id + " memory", name: short(shown.Model) + ": " + shown.Reason(), warns: shown.Judged && !shown.Fits}
	}
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
func whyAction(state, name, label, problem string) action {
	return action{order{deed: showWhy, name: name, label: label, why: problem}, state + "…"}
}

// slotsAction opens the guide to more slots of engine i of a snapshot.
func slotsAction(s app.Snapshot, i int) action {
	e := s.Engines[i]
	if e.Simulated {
		return action{}
	}
	a := action{order{deed: showGuide, name: e.Name, label: e.Label}, "slots…"}
	slots := e.Slots
	for _, t := range s.Tuning {
		if t.Engine == e.Name && t.Slots > 0 {
			slots = t.Slots
			break
		}
	}
	if slots > 0 {
		a.text = plural(slots, "slot…", "slots…")
	}
	return a
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
