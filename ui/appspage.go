package ui

import (
	"context"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

// usesEvery is how often the open page reads the history again.
const usesEvery = 10 * time.Second

// useRange is a range to choose; all end now.
type useRange struct {
	title string
	when  string // completes "4 apps …"
	back  time.Duration
}

func useRanges() []useRange {
	const day = 24 * time.Hour
	return []useRange{
		{tr("15 min"), tr("in the last 15 minutes"), 15 * time.Minute},
		{tr("1 h"), tr("in the last hour"), time.Hour},
		{tr("24 h"), tr("in the last 24 hours"), day},
		{tr("7 d"), tr("in the last 7 days"), 7 * day},
		{tr("30 d"), tr("in the last 30 days"), 30 * day},
		{tr("All"), tr("since the history began"), 0},
	}
}

const usualRange = 2

// appsPage is who used the GPU, what each app gets of it, and how apps come here.
type appsPage struct {
	w       *Window
	ranges  []useRange
	picker  *segments
	table   *useTable
	aside   *listAside
	share   *share
	connect *connect

	tableCard, shareCard, connectCard *card
	scroll                            *container.Scroll
	width                             float32 // of what scrolls
	lastShape                         [3]float32

	uses    []app.AppUse
	failed  error // of reading them
	read    bool  // uses are of the range that is chosen
	reading bool
	asked   time.Time // for uses, as snapshots count
	chosen  string    // the app whose share is shown; "" = the first
	// sent are lists of the settings as the user's last change left them: until a
	// snapshot has it, the next change builds on it.
	sent map[string][]string
}

func newAppsPage(w *Window) *appsPage {
	p := &appsPage{w: w, ranges: useRanges(), sent: map[string][]string{}}
	var titles []string
	for _, r := range p.ranges {
		titles = append(titles, r.title)
	}
	p.picker = newSegments(titles, func(int) {
		p.read = false
		w.showPage(w.last)
	})
	p.picker.set(usualRange)
	reveal := func(o fyne.CanvasObject) { reveal(p.scroll, o) }
	p.table = newUseTable(p.mark, p.choose, p.arrange, reveal)
	p.aside = newListAside(p.arrange)
	p.share = newShare(p.change)
	p.connect = newConnect(reveal, p.reshape)
	p.tableCard = newCard(tr("Who used the GPU"), p.aside, p.table)
	p.shareCard = newCard("", newAside(tr("acts at once")), p.share)
	p.connectCard = newCard(tr("How to connect"), nil, p.connect)
	p.scroll = container.NewVScroll(container.New(appsLayout{p}, p.picker, p.tableCard, p.shareCard, p.connectCard))
	return p
}

func (p *appsPage) content() fyne.CanvasObject { return p.scroll }

func (p *appsPage) heading(app.Snapshot) (title, basis string) {
	basis = tr("Who used the GPU, and how much each app gets of it.")
	if p.read && len(p.uses) > 0 {
		basis = usesBasis(p.uses, p.ranges[p.picker.chosen].when)
	}
	return tr("Apps"), basis
}

func (p *appsPage) show(s app.Snapshot) {
	if !p.reading && (!p.read || s.At.Sub(p.asked) >= usesEvery) {
		p.ask(s.At)
	}
	price, currency, _ := s.Config.Energy.PerKWh()
	p.table.setColumns(useColumns(currency, price))
	p.connect.setEndpoint(s.Endpoint)
	p.connect.settle(time.Now())
	p.arrange()
}

// ask has the uses read off Fyne's goroutine.
func (p *appsPage) ask(now time.Time) {
	p.reading, p.asked = true, now
	chosen := p.picker.chosen
	var q app.Range
	if back := p.ranges[chosen].back; back > 0 {
		q.Since = now.Add(-back)
	}
	p.w.errands.put(func(ctx context.Context) {
		uses, err := p.w.carpool.AppUse(ctx, q)
		guides := p.w.carpool.ConnectGuides()
		p.w.do(func() {
			p.reading = false
			if chosen == p.picker.chosen {
				p.uses, p.failed, p.read = uses, err, true
			}
			p.connect.setGuides(guides)
			if p.w.frame.page() == page(p) {
				p.w.showPage(p.w.last)
			}
		})
	})
}

// arrange shows what was read, sorted, and the share of the app that is chosen.
func (p *appsPage) arrange() {
	if !slices.ContainsFunc(p.uses, func(u app.AppUse) bool { return u.App == p.chosen }) {
		p.chosen = ""
		if len(p.uses) > 0 {
			p.chosen = p.uses[0].App
		}
	}
	most := maxRows
	if p.aside.all {
		most = len(p.uses)
	}
	usual := ""
	if len(p.uses) > 0 {
		usual = tr("choose one to set its share")
	}
	p.aside.show(len(p.uses), usual)
	p.table.show(p.uses, p.chosen, p.note(), most)
	p.showShare()
	p.reshape()
}

// note says why the table has no lines; "" = it has some.
func (p *appsPage) note() string {
	switch {
	case p.failed != nil:
		return sentenceOf(p.failed.Error())
	case len(p.uses) > 0 || !p.read:
		return ""
	case !p.w.last.Config.History.Enabled:
		return tr("The history is off, so nothing is added up. Turn it on in Settings.")
	}
	return tr("No app used the GPU %s. Point one at %s, and it appears here: below is how.", p.ranges[p.picker.chosen].when, p.w.last.Endpoint)
}

func (p *appsPage) showShare() {
	note := ""
	switch {
	case p.chosen == "":
		note = tr("Each app that was here can be given a priority and a weight.")
	case !listable(p.chosen):
		note = tr("Settings cannot name this app, as its name has a comma, an equals sign or a space at its end. Give it another by the header X-Carpool-App.")
	}
	title := p.chosen
	if title == "" {
		title = tr("Share of the GPU")
	}
	p.shareCard.title.set(title)
	p.shareCard.Refresh()
	p.share.show(itemOf(p.list(keyPriorities), p.chosen), itemOf(p.list(keyWeights), p.chosen), note)
}

func (p *appsPage) choose(app string) {
	p.chosen = app
	p.arrange()
}

// mark is what the table says of an app's share.
func (p *appsPage) mark(app string) string {
	return shareMark(itemOf(p.list(keyPriorities), app), itemOf(p.list(keyWeights), app))
}

// list is the list of a setting, with what the user changed and no snapshot has yet.
func (p *appsPage) list(key string) []string {
	if sent, ok := p.sent[key]; ok && p.w.busy(key) {
		return sent
	}
	if key == keyPriorities {
		return p.w.last.Config.Apps.Priorities
	}
	return p.w.last.Config.Apps.Weights
}

// change sets the chosen app's value in a list.
func (p *appsPage) change(key, value string, final bool) {
	items := withItem(p.list(key), p.chosen, value)
	p.sent[key] = items
	p.w.change(key, strings.Join(items, ", "), final)
	p.arrange()
}

func (p *appsPage) reshape() {
	shape := [3]float32{p.table.heightFor(p.width), p.connect.heightFor(p.width), p.share.heightFor(p.width)}
	if shape != p.lastShape {
		p.lastShape = shape
		p.scroll.Content.Refresh()
		p.scroll.Refresh()
	}
}

const (
	pickerWidth = 432
	shareWidth  = 352 // where it stands beside the guides
)

// appsLayout places the cards.
type appsLayout struct{ p *appsPage }

// place puts the parts at a width, and returns the height of all.
func (l appsLayout) place(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	p := l.p
	const left = gapLarge
	inside := width - 2*gapLarge
	y := float32(aboveCards)
	picker := p.picker.MinSize().Height
	put(p.picker, left, y, min(pickerWidth, inside), picker)
	y += picker + gap
	table := heightAround(p.table.heightFor(widthInside(inside)))
	put(p.tableCard, left, y, inside, table)
	y += table + gap
	if inside < wideLists {
		share := heightAround(p.share.heightFor(widthInside(inside)))
		put(p.shareCard, left, y, inside, share)
		y += share + gap
		connect := heightAround(p.connect.heightFor(widthInside(inside)))
		put(p.connectCard, left, y, inside, connect)
		return y + connect + gapLarge
	}
	rest := inside - shareWidth - gap
	share := heightAround(p.share.heightFor(widthInside(shareWidth)))
	connect := heightAround(p.connect.heightFor(widthInside(rest)))
	put(p.shareCard, left, y, shareWidth, share)
	put(p.connectCard, left+shareWidth+gap, y, rest, connect)
	return y + max(share, connect) + gapLarge
}

// MinSize implements fyne.Layout.
func (l appsLayout) MinSize([]fyne.CanvasObject) fyne.Size { return pageSize(l.p.scroll, l.place) }

// Layout implements fyne.Layout.
func (l appsLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	l.p.width = size.Width
	l.place(size.Width, put)
}
