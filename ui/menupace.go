package ui

import "time"

const (
	menuEvery = 2 * time.Second
	menuStays = 10 * time.Second // while it is open, at the most
)

// MenuPace says when the tray's menu may be built again. A menu that is built gets
// new ids, and a click on an old one is lost, so it is built at most every 2 s, and
// not while it is open. Its zero value is ready.
type MenuPace struct{ built, opened time.Time }

// Build reports whether the menu may be built now, and takes it as built.
func (p *MenuPace) Build(now time.Time) bool {
	if now.Sub(p.built) < menuEvery || now.Sub(p.opened) < menuStays {
		return false
	}
	p.built = now
	return true
}

// Opened says that a panel shows the menu from now on.
func (p *MenuPace) Opened(now time.Time) { p.opened = now }

// Clicked says that something was chosen, which closes the menu.
func (p *MenuPace) Clicked() { p.opened = time.Time{} }
