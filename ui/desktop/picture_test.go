//go:build desktop && linux && !headless

package desktop_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// TestScreenshot_OfThePanel writes the file that CARPOOL_PANEL_PICTURE names: the
// tray in xfce4-panel, with its tooltip and its menu.
func TestScreenshot_OfThePanel(t *testing.T) {
	file := os.Getenv("CARPOOL_PANEL_PICTURE")
	if file == "" {
		t.Skip("CARPOOL_PANEL_PICTURE names no file")
	}
	needs(t, "xfce4-panel", "convert")
	s := newSession(t)
	engine := backendstest.New(t)
	engine.SetModels("test")
	s.keep("xfce4-panel")
	c := s.open(engine.URL)
	c.window().close(func() bool { return !c.visible() })
	engine.Hold()
	wait := c.ask(3)
	defer wait()
	defer engine.Release()

	var x, y string
	s.eventually("the panel has a tray", func() bool {
		out, err := s.command("sh", "-c", `eval $(xdotool search --onlyvisible --name systray getwindowgeometry --shell | tail -5) && echo $((X + WIDTH / 2)) $((Y + HEIGHT / 2))`).Output()
		x, y, _ = strings.Cut(strings.TrimSpace(string(out)), " ")
		return err == nil && y != ""
	})
	look := func(name, area string) string {
		part := t.TempDir() + "/" + name
		if out, err := s.command("import", "-window", "root", "-crop", area, "+repage", part).CombinedOutput(); err != nil {
			t.Fatalf("import: %v: %s", err, out)
		}
		return part
	}
	do := func(args ...string) {
		if out, err := s.command("xdotool", args...).CombinedOutput(); err != nil {
			t.Fatalf("xdotool %v: %v: %s", args, err, out)
		}
		time.Sleep(1500 * time.Millisecond) // until the panel has drawn
	}
	do("mousemove", x, y)
	tooltip := look("tooltip.png", "520x90+1080+0")
	do("click", "3")
	menu := look("menu.png", "520x330+1080+0")
	if out, err := s.command("convert", tooltip, menu, "-append", file).CombinedOutput(); err != nil {
		t.Fatalf("convert: %v: %s", err, out)
	}
	do("key", "Escape")
}
