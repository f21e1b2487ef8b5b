//go:build desktop && linux && !headless

package desktop_test

import (
	"image"
	"image/png"
	"os"
	"strconv"
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
	var x, y int
	s.eventually("the panel shows the icon", func() bool {
		x, y = sign(t, look("panel.png", "1600x40+0+0"))
		return x > 0
	})
	do("mousemove", strconv.Itoa(x), strconv.Itoa(y))
	do("mousemove_relative", "1", "1") // a pointer that comes from nowhere is not over anything
	tooltip := look("tooltip.png", "520x80+1080+0")
	do("click", "3")
	menu := look("menu.png", "520x240+1080+0")
	if out, err := s.command("convert", tooltip, menu, "-append", file).CombinedOutput(); err != nil {
		t.Fatalf("convert: %v: %s", err, out)
	}
	do("key", "Escape")
}

// sign is the middle of the green sign in a picture; 0 = there is none.
func sign(t *testing.T, file string) (x, y int) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	var green image.Rectangle
	for py := range picture.Bounds().Dy() {
		for px := range picture.Bounds().Dx() {
			if r, g, b, _ := picture.At(px, py).RGBA(); g > 0xa000 && r < 0x6000 && b < 0xb000 {
				green = green.Union(image.Rect(px, py, px+1, py+1))
			}
		}
	}
	return (green.Min.X + green.Max.X) / 2, (green.Min.Y + green.Max.Y) / 2
}
