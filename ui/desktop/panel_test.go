//go:build desktop && linux && !headless

package desktop_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

// panel is a desktop's panel as far as a tray icon knows it.
type panel struct {
	*session
	item dbus.BusObject
	menu dbus.BusObject
}

// watcher is the part of org.kde.StatusNotifierWatcher that icons call.
type watcher struct{ registered chan dbus.Sender }

func (w watcher) RegisterStatusNotifierItem(_ string, from dbus.Sender) *dbus.Error {
	select {
	case w.registered <- from:
	default:
	}
	return nil
}

// newPanel shows tray icons on the session's bus.
func (s *session) newPanel() watcher {
	s.t.Helper()
	w := watcher{make(chan dbus.Sender, 1)}
	const name = "org.kde.StatusNotifierWatcher"
	if err := s.bus.Export(w, "/StatusNotifierWatcher", name); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.bus.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
		s.t.Fatal(err)
	}
	return w
}

// icon waits for the icon that registers.
func (s *session) icon(w watcher) *panel {
	s.t.Helper()
	select {
	case from := <-w.registered:
		p := &panel{session: s, item: s.bus.Object(string(from), "/StatusNotifierItem")}
		var path dbus.ObjectPath
		p.property("Menu", &path)
		p.menu = s.bus.Object(string(from), path)
		return p
	case <-time.After(patience):
		s.t.Fatal("no tray icon")
		return nil
	}
}

func (p *panel) property(name string, into any) {
	p.t.Helper()
	v, err := p.item.GetProperty("org.kde.StatusNotifierItem." + name)
	if err == nil {
		err = v.Store(into)
	}
	if err != nil {
		p.t.Fatalf("tray property %s: %v", name, err)
	}
}

// picture identifies the icon.
func (p *panel) picture() string {
	var pixmaps []struct {
		W, H int32
		Data []byte
	}
	p.property("IconPixmap", &pixmaps)
	return fmt.Sprint(pixmaps)
}

func (p *panel) tooltip() string {
	var t struct {
		Icon    string
		Pixmaps []struct {
			W, H int32
			Data []byte
		}
		Title, Text string
	}
	p.property("ToolTip", &t)
	return t.Title
}

// line is an entry of the menu.
type line struct {
	id       int32
	label    string
	checked  bool
	disabled bool
	items    []line
}

// node is a part of com.canonical.dbusmenu's layout.
type node struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// lines reads the menu until its revision stands still: one that is being built
// again has ids that no click finds.
func (p *panel) lines() []line {
	p.t.Helper()
	var last uint32
	for range 50 {
		var revision uint32
		var root node
		call := p.menu.Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{})
		if err := call.Store(&revision, &root); err != nil {
			p.t.Fatalf("tray menu: %v", err)
		}
		if revision == last && len(root.Children) > 0 {
			return parse(p, root)
		}
		last = revision
		time.Sleep(200 * time.Millisecond)
	}
	p.t.Fatal("the tray's menu never stands still")
	return nil
}

func parse(p *panel, root node) []line {
	var lines []line
	for _, child := range root.Children {
		var n node
		if err := child.Store(&n); err != nil {
			// A struct in a variant comes as a slice.
			if err := dbus.Store([]any{child.Value()}, &n); err != nil {
				p.t.Fatalf("tray menu entry: %v", err)
			}
		}
		l := line{id: n.ID}
		if v, ok := n.Properties["label"]; ok {
			l.label, _ = v.Value().(string)
		}
		if v, ok := n.Properties["toggle-state"]; ok {
			state, _ := v.Value().(int32)
			l.checked = state == 1
		}
		if v, ok := n.Properties["enabled"]; ok {
			enabled, _ := v.Value().(bool)
			l.disabled = !enabled
		}
		l.items = parse(p, n)
		lines = append(lines, l)
	}
	return lines
}

// line is the entry at a path of labels.
func (p *panel) line(path ...string) line {
	p.t.Helper()
	l, lines := line{}, p.lines()
	in := lines
	for _, label := range path {
		i := slices.IndexFunc(in, func(l line) bool { return l.label == label })
		if i < 0 {
			p.t.Fatalf("the tray's menu has no %q: %+v", path, lines)
		}
		l, in = in[i], in[i].items
	}
	return l
}

// click opens the menu and clicks an entry, as a panel does.
func (p *panel) click(path ...string) {
	p.t.Helper()
	p.event(0, "opened")
	p.event(p.line(path...).id, "clicked")
}

func (p *panel) event(id int32, what string) {
	p.t.Helper()
	call := p.menu.Call("com.canonical.dbusmenu.Event", 0, id, what, dbus.MakeVariant(int32(0)), uint32(0))
	if call.Err != nil {
		p.t.Fatalf("%s %d: %v", what, id, call.Err)
	}
}

// tap is a left click on the icon.
func (p *panel) tap() {
	p.t.Helper()
	if call := p.item.Call("org.kde.StatusNotifierItem.Activate", 0, int32(0), int32(0)); call.Err != nil {
		p.t.Fatalf("tap: %v", call.Err)
	}
}
