package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"carpool/app"
)

const (
	indexWidth  = 164
	mostMatches = 20 // settings that a search shows
)

// settingsPage is every setting there is, by group or as a search finds them. The
// rows of a group are made when it is first shown.
type settingsPage struct {
	w      *Window
	all    []app.Setting
	search *field
	groups *choices
	list   *pile
	card   *card
	scroll *container.Scroll
	whole  *fyne.Container

	group   int // that is chosen, or was before a search
	rows    map[string]*settingRow
	shown   []*settingRow
	intro   *lines
	history *historyCare
	about   *about
	login   *loginRow
	width   float32 // of the card
	last    float32 // its height
}

func newSettingsPage(w *Window) *settingsPage {
	p := &settingsPage{w: w, all: w.carpool.Settings(), list: newPile(), rows: map[string]*settingRow{}, intro: newLines()}
	p.search = newField(tr("Search the settings"), func() {})
	p.search.OnChanged = func(string) { p.turn() }
	names := make([]string, len(settingGroups))
	for i, g := range settingGroups {
		names[i] = tr(g.name)
	}
	p.groups = newChoices(indexLook, p.choose)
	p.groups.setNames(names)
	p.history, p.about, p.login = newHistoryCare(w), newAbout(), newLoginRow(w)
	p.login.onOff.gained = func() { p.reveal(p.login) }
	for _, b := range []*button{p.history.compact, p.history.wipe} {
		b.gained = func() { p.reveal(p.history) }
	}
	for _, b := range p.about.copies {
		b.gained = func() { p.reveal(p.about) }
	}
	p.card = newCard("", nil, p.list)
	p.scroll = container.NewVScroll(container.New(settingsList{p}, p.card))
	p.whole = container.New(settingsLayout{p}, p.search, container.NewVScroll(p.groups), p.scroll)
	return p
}

func (p *settingsPage) content() fyne.CanvasObject { return p.whole }

func (p *settingsPage) heading(app.Snapshot) (title, basis string) {
	return tr("Settings"), tr("Changes act at once, if not said otherwise.")
}

func (p *settingsPage) show(s app.Snapshot) {
	if p.shown == nil {
		p.turn()
		return
	}
	for _, r := range p.shown {
		p.fill(r, s)
	}
	p.about.show(s)
	p.history.show(s)
}

func (p *settingsPage) fill(r *settingRow, s app.Snapshot) {
	if p.w.busy(r.setting.Key) {
		return
	}
	if value, err := s.Config.Get(r.setting.Key); err == nil {
		r.set(value)
	}
}

// like takes over what another page of the settings shows.
func (p *settingsPage) like(other *settingsPage) {
	p.group = other.group
	p.search.SetText(other.search.Text)
}

// choose is a click on a group: it ends a search.
func (p *settingsPage) choose(group int) {
	p.group = group
	if p.search.Text != "" {
		p.search.SetText("") // turns
		return
	}
	p.turn()
}

// turn shows the group that is chosen, or what the search finds.
func (p *settingsPage) turn() {
	query := strings.TrimSpace(p.search.Text)
	p.groups.set(p.group)
	if query != "" {
		p.groups.set(-1)
	}
	var found []app.Setting
	for _, s := range p.all {
		if query != "" && matches(s, query) || query == "" && groupOf(s.Key) == p.group {
			found = append(found, s)
		}
	}
	var parts []tall
	if query == "" {
		parts = p.dress(settingGroups[p.group], p.build(found))
	} else {
		parts = p.results(found)
	}
	p.list.set(parts)
	p.scroll.ScrollToTop()
	p.reshape()
	p.show(p.w.last)
}

// build makes the rows that are shown from now on.
func (p *settingsPage) build(found []app.Setting) []tall {
	p.shown = []*settingRow{}
	var parts []tall
	for _, s := range found {
		r := p.rows[s.Key]
		if r == nil {
			r = newSettingRow(s, func(key, value string) { p.w.setter.put(key, value, 0) })
			r.onGained(func() { p.reveal(r) })
			p.rows[s.Key] = r
		}
		r.call("")
		p.shown = append(p.shown, r)
		p.fill(r, p.w.last)
		parts = append(parts, r)
	}
	return parts
}

// dress adds to a group's rows what else belongs to it.
func (p *settingsPage) dress(g settingGroup, rows []tall) []tall {
	p.card.title.set(tr(g.name))
	var parts []tall
	if g.intro != "" {
		p.intro.set(tr(g.intro))
		parts = append(parts, p.intro)
	}
	parts = append(parts, rows...)
	switch g.name {
	case groupWindow:
		p.login.look()
		parts = append(parts, p.login)
	case groupHistory:
		p.history.measure()
		parts = append(parts, p.history)
	case groupAbout:
		parts = append(parts, p.about)
	}
	return parts
}

func (p *settingsPage) results(found []app.Setting) []tall {
	p.card.title.set(trn(len(found), "%d setting found", "%d settings found"))
	shown := found[:min(len(found), mostMatches)]
	parts := p.build(shown)
	for _, r := range p.shown {
		r.call(tr(settingGroups[groupOf(r.setting.Key)].name))
	}
	switch {
	case len(found) == 0:
		p.intro.set(tr("Nothing is called that. Try a single word, such as memory, wait or key."))
		parts = append(parts, p.intro)
	case len(found) > len(shown):
		p.intro.set(trn(len(found)-len(shown), "and %d more; another word narrows it", "and %d more; another word narrows them"))
		parts = append(parts, p.intro)
	}
	return parts
}

// told hears how a setting went; it reports whether the user sees it here.
func (p *settingsPage) told(key string, err error) bool {
	for _, r := range p.shown {
		if r.setting.Key != key {
			continue
		}
		why := ""
		if err != nil {
			why = err.Error()
		}
		r.tell(why)
		p.reshape()
		return true
	}
	return false
}

// reveal scrolls to a part of the list in which a control got the focus.
func (p *settingsPage) reveal(part fyne.CanvasObject) {
	top := cardHeader + part.Position().Y
	bottom := top + part.Size().Height + pilePad
	offset := min(max(p.scroll.Offset.Y, bottom-p.scroll.Size().Height), top)
	if offset != p.scroll.Offset.Y {
		p.scroll.ScrollToOffset(fyne.NewPos(0, offset))
	}
}

func (p *settingsPage) cardHeight(width float32) float32 {
	return heightAround(p.list.heightFor(widthInside(width)))
}

func (p *settingsPage) reshape() {
	if h := p.cardHeight(p.width); h != p.last {
		p.last = h
		p.list.Refresh()
		p.scroll.Content.Refresh()
		p.scroll.Refresh()
	}
}

// settingsLayout places the search and the groups at the left, and the settings
// beside them.
type settingsLayout struct{ p *settingsPage }

// MinSize implements fyne.Layout.
func (settingsLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(minInside, 240) }

// Layout implements fyne.Layout.
func (l settingsLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	left := float32(gapLarge)
	put(objects[0], left, aboveCards, indexWidth, fieldHeight)
	put(objects[1], left, aboveCards+fieldHeight+gap, indexWidth, size.Height-aboveCards-fieldHeight-gap)
	// The list reaches the window's edge, so that its scroll bar does too, and begins
	// before the card, whose outline would be cut otherwise.
	left += indexWidth
	put(objects[2], left, 0, size.Width-left, size.Height)
}

// settingsList places the card within what scrolls.
type settingsList struct{ p *settingsPage }

// MinSize implements fyne.Layout.
func (l settingsList) MinSize([]fyne.CanvasObject) fyne.Size {
	width := max(400, l.p.scroll.Size().Width-2*gapLarge)
	return fyne.NewSize(400+2*gapLarge, aboveCards+l.p.cardHeight(width)+gapLarge)
}

// Layout implements fyne.Layout.
func (l settingsList) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.p.width = size.Width - 2*gapLarge
	put(objects[0], gapLarge, aboveCards, l.p.width, l.p.cardHeight(l.p.width))
}
