package ui

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

// maxShares is how many apps have a slider on the page Tune; the page Apps has all.
const maxShares = 4

// tunePage is where batching is tuned by eye: sliders that act at once, what so many
// at once gave so far, and advice.
type tunePage struct {
	w    *Window
	tune *tune
	undo undo

	aside  *text
	curve  *curveCard
	legend *curveAside
	shares *shares
	advice []*adviceCard
	calm   *text // in the place of advice

	tuneCard, curveCard, sharesCard *card
	adviceCards                     []*card
	adviceShown                     int
	scroll                          *container.Scroll
	width                           float32
	lastShape                       [4]float32

	seen      []app.CurvePoint
	trials    []app.Trial
	apps      []string  // that used the GPU in the last day
	of        [2]string // the engine and model of seen
	chosen    [2]string // by the user; zero = the one used last
	reading   bool
	asked     time.Time
	dismissed map[string]bool // kinds of advice, until the program ends
}

func newTunePage(w *Window) *tunePage {
	p := &tunePage{w: w, aside: newAside(""), dismissed: map[string]bool{}}
	p.tune = newTune(w.carpool.Setting, p.change, p.back, p.reset)
	p.curve = newCurveCard(func() { w.Open(pageBenchmark) })
	p.legend = newCurveAside(p.curve.tokens.Legend(), p.another)
	p.shares = newShares(p.share)
	p.calm = newParagraph(tr("Nothing to improve as things stand. Advice appears here with the figures that it comes from."), colorMuted)
	p.tuneCard = newCard(tr("Batching"), p.aside, p.tune)
	p.curveCard = newCard("", p.legend, p.curve)
	p.sharesCard = newCard(tr("Shares of apps"), newAside(tr("twice the weight, twice the GPU")), p.shares)
	objects := []fyne.CanvasObject{p.tuneCard, p.curveCard}
	for range maxAdvice {
		a := newAdviceCard(p.follow, p.dismiss)
		c := newCard("", nil, a)
		p.advice, p.adviceCards = append(p.advice, a), append(p.adviceCards, c)
		objects = append(objects, c)
	}
	p.scroll = container.NewVScroll(container.New(tuneLayout{p}, append(objects, p.calm, p.sharesCard)...))
	return p
}

// maxAdvice is how many cards of advice there are at the most.
const maxAdvice = 3

func (p *tunePage) content() fyne.CanvasObject { return p.scroll }

func (p *tunePage) heading(app.Snapshot) (title, basis string) {
	return tr("Tune"), tr("Changes act at once. Requests on the GPU are never touched.")
}

func (p *tunePage) show(s app.Snapshot) {
	p.tune.show(s, p.w.busy)
	p.tune.undo.set(tr("Undo"), len(p.undo.steps) == 0)
	p.aside.set(p.tune.summary(s))
	engine, model := p.model(s)
	if of := [2]string{engine, model}; !p.reading && (of != p.of || s.At.Sub(p.asked) >= curveEvery) {
		p.ask(of, s.At)
	}
	p.showCurve(s)
	p.showAdvice(s)
	p.shares.show(p.apps, s.Config.Apps.Weights, func() bool { return p.w.busy(keyWeights) })
}

// model is the engine and model whose curve is shown.
func (p *tunePage) model(s app.Snapshot) (engine, model string) {
	for _, t := range s.Tuning {
		if p.chosen == [2]string{t.Engine, t.Model} {
			return t.Engine, t.Model
		}
	}
	if len(s.Tuning) > 0 {
		return s.Tuning[0].Engine, s.Tuning[0].Model
	}
	for _, e := range s.Engines {
		for _, m := range e.Models {
			if m.Loaded {
				return e.Name, m.Name
			}
		}
	}
	return "", ""
}

// another turns to the next engine and model that were used.
func (p *tunePage) another() {
	s := p.w.last
	engine, model := p.model(s)
	for i, t := range s.Tuning {
		if t.Engine == engine && t.Model == model {
			next := s.Tuning[(i+1)%len(s.Tuning)]
			p.chosen = [2]string{next.Engine, next.Model}
			break
		}
	}
	p.w.showPage(s)
}

// ask has what the page shows of the history read off Fyne's goroutine.
func (p *tunePage) ask(of [2]string, now time.Time) {
	p.reading, p.asked = true, now
	p.w.errands.put(func(ctx context.Context) {
		// What cannot be read is not there yet, or the history is off: the page says
		// how a curve comes about.
		seen, _ := p.w.carpool.Curve(ctx, of[0], of[1])
		trials, _ := p.w.carpool.Trials(ctx)
		uses, _ := p.w.carpool.AppUse(ctx, app.Range{Since: now.Add(-24 * time.Hour)})
		p.w.do(func() {
			p.reading = false
			p.of, p.seen, p.trials, p.apps = of, seen, trials, nil
			for _, u := range uses {
				if listable(u.App) && len(p.apps) < maxShares {
					p.apps = append(p.apps, u.App)
				}
			}
			if p.w.frame.page() == page(p) {
				p.w.showPage(p.w.last)
				p.reshape()
			}
		})
	})
}

func (p *tunePage) showCurve(s app.Snapshot) {
	engine, model := p.model(s)
	now := 0
	for _, t := range s.Tuning {
		if t.Engine == engine && t.Model == model {
			now = t.Limit
		}
	}
	title, from := tr("What size does"), ""
	k := curve{}
	if engine != "" {
		title = tr("What size does for %s on %s", short(model), labelOf(s, engine))
		if p.of == [2]string{engine, model} {
			k = newCurve(p.seen, p.trials, engine, model)
		}
		if len(k.points) > 0 {
			from = k.from
		}
	}
	k.note = curveNote(s)
	most := maxSlider
	if text, err := s.Config.Get(s.SizeKey); err == nil {
		if v, err := strconv.Atoi(text); err == nil {
			most = v
		}
	}
	p.curveCard.title.set(title)
	p.curve.show(k, now, most, whatIf(s, engine, model))
	p.legend.show(from, len(s.Tuning) > 1)
	p.curveCard.Refresh()
}

func (p *tunePage) showAdvice(s app.Snapshot) {
	all := slices.DeleteFunc(slices.Clone(s.Advice), func(a app.Advice) bool { return p.dismissed[a.Kind] })
	p.adviceShown = min(len(all), len(p.advice))
	for i, a := range all[:p.adviceShown] {
		p.advice[i].set(a)
		p.adviceCards[i].title.set(a.Title)
		p.adviceCards[i].Refresh()
	}
}

// follow does what advice says.
func (p *tunePage) follow(a app.Advice) {
	if a.Key != "" {
		p.change(a.Key, a.Value, true)
		return
	}
	p.w.obey(order{deed: showGuide, name: a.Engine, label: labelOf(p.w.last, a.Engine)})
}

func (p *tunePage) dismiss(a app.Advice) {
	p.dismissed[a.Kind] = true
	p.w.showPage(p.w.last)
	p.reshape()
}

// change sets a setting, and remembers what it was.
func (p *tunePage) change(key, value string, final bool) {
	made := value
	if next, err := p.w.last.Config.With(key, value); err == nil {
		made, _ = next.Get(key) // as it will be told of
	}
	p.undo.note(key, p.w.value(key), made, final)
	p.w.change(key, value, final)
	p.tune.undo.set(tr("Undo"), len(p.undo.steps) == 0)
	p.reshape()
}

// share sets an app's weight.
func (p *tunePage) share(name, value string, final bool) {
	var items []string
	if weights := p.w.value(keyWeights); weights != "" {
		items = strings.Split(weights, ", ") // as settings write it, and change below
	}
	p.change(keyWeights, strings.Join(withItem(items, name, value), ", "), final)
}

// like takes over what the user did on another page of the kind.
func (p *tunePage) like(other *tunePage) {
	p.undo, p.chosen, p.dismissed = other.undo, other.chosen, other.dismissed
}

// back undoes the last change that was made on this page and is still in force.
func (p *tunePage) back() {
	if s, ok := p.undo.back(p.w.value); ok {
		p.w.change(s.key, s.value, true)
	}
	p.tune.undo.set(tr("Undo"), len(p.undo.steps) == 0)
}

// reset sets what the card shows to what it is in a new installation.
func (p *tunePage) reset() {
	keys := []string{keyMode}
	for _, l := range p.tune.levers {
		keys = append(keys, l.key)
	}
	for _, key := range keys {
		setting, ok := p.w.carpool.Setting(key)
		if now := p.w.value(key); ok && now != setting.Default {
			p.change(key, setting.Default, true)
		}
	}
}

func (p *tunePage) reshape() {
	for i, c := range p.adviceCards {
		c.Hidden = i >= p.adviceShown
	}
	shape := [4]float32{p.tune.heightFor(p.width), p.shares.heightFor(p.width), float32(p.adviceShown), p.adviceHeight(p.width)}
	if shape != p.lastShape {
		p.lastShape = shape
		p.scroll.Content.Refresh()
		p.scroll.Refresh()
	}
}
