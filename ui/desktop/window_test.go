//go:build desktop && linux && !headless

package desktop_test

import (
	"fmt"
	"image"
	_ "image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// The toggle in a window of 1280 by 800.
const toggleX, toggleY = 1188, 42

// window is Carpool's window, driven through the X server.
type window struct {
	c      *carpool
	id     string
	clicks int // on texts
}

// window waits for the window and gives it the size of the drawings.
func (c *carpool) window() *window {
	c.t.Helper()
	return c.windowOf(1280, 800)
}

// windowOf waits for the window and gives it a size in pixels.
func (c *carpool) windowOf(width, height int) *window {
	c.t.Helper()
	c.eventually("the window is there", c.visible)
	w := &window{c: c, id: c.search()}
	c.t.Cleanup(func() {
		if dir := os.Getenv("CARPOOL_FAILED"); dir != "" && c.t.Failed() {
			name := strings.NewReplacer("/", "-", " ", "-").Replace(c.t.Name())
			_ = c.command("import", "-window", "root", filepath.Join(dir, name+".png")).Run()
		}
	})
	w.resize(width, height)
	return w
}

func (w *window) resize(width, height int) {
	w.c.t.Helper()
	w.do("windowsize", w.id, strconv.Itoa(width), strconv.Itoa(height))
	w.do("windowmove", w.id, "60", "40")
	want := fmt.Sprintf("WIDTH=%d\nHEIGHT=%d\n", width, height)
	w.c.eventually("the window has its size", func() bool {
		out, err := w.c.command("xdotool", "getwindowgeometry", "--shell", w.id).Output()
		return err == nil && strings.Contains(string(out), want)
	})
	time.Sleep(300 * time.Millisecond) // until it is drawn
}

// search is the id of the visible window; "" = none.
func (c *carpool) search() string {
	out, err := c.command("xdotool", "search", "--onlyvisible", "--name", "^Carpool$").Output()
	if err != nil {
		return ""
	}
	id, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return id
}

func (c *carpool) visible() bool { return c.search() != "" }

func (w *window) do(args ...string) {
	w.c.t.Helper()
	if out, err := w.c.command("xdotool", args...).CombinedOutput(); err != nil {
		w.c.t.Fatalf("xdotool %v: %v\n%s", args, err, out)
	}
}

func (w *window) activate() {
	w.do("windowactivate", "--sync", w.id)
	time.Sleep(200 * time.Millisecond)
}

func (w *window) key(name string) { w.do("key", name) }

// close closes the window by the window manager's key until it is closed: a
// manager that has just started at times misses the first press.
func (w *window) close(closed func() bool) {
	w.c.t.Helper()
	pressed := time.Time{}
	w.c.eventually("the window is closed", func() bool {
		if closed() {
			return true
		}
		if time.Since(pressed) > 2*time.Second {
			pressed = time.Now()
			w.activate()
			w.key("alt+F4")
		}
		return false
	})
}

func (w *window) move(x, y int) {
	w.do("mousemove", "--window", w.id, strconv.Itoa(x), strconv.Itoa(y))
	time.Sleep(100 * time.Millisecond)
}

func (w *window) click(x, y int) {
	w.move(x, y)
	w.do("click", "1")
}

// clickUntil clicks until that has done what it should: a window misses what comes
// before it has drawn the place.
func (w *window) clickUntil(what string, x, y int, done func() bool) {
	w.c.t.Helper()
	clicked := time.Time{}
	w.c.eventually(what, func() bool {
		if done() {
			return true
		}
		if time.Since(clicked) > 5*time.Second {
			clicked = time.Now()
			w.click(x, y)
		}
		return false
	})
}

func (w *window) drag(fromX, toX, y int) {
	w.move(fromX, y)
	w.do("mousedown", "1")
	for i := range 10 {
		w.move(fromX+(toX-fromX)*(i+1)/10, y)
	}
	w.do("mouseup", "1")
}

// picture saves what the window looks like.
func (w *window) picture(file string) {
	w.c.t.Helper()
	if out, err := w.c.command("import", "-window", w.id, "-strip", file).CombinedOutput(); err != nil {
		w.c.t.Fatalf("import: %v\n%s", err, out)
	}
}

// colors counts the colours of a picture, to know a drawn window from a blank one.
func colors(t testing.TB, file string) int {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[3]uint32]bool{}
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 2 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 2 {
			r, g, b, _ := img.At(x, y).RGBA()
			seen[[3]uint32{r, g, b}] = true
		}
	}
	return len(seen)
}

func TestWindow_ChangesTheRunningScheduler(t *testing.T) {
	s := newSession(t)
	engine := backendstest.New(t)
	engine.SetModels("test")
	c := s.open(engine.URL)
	c.cli("set", "batching.mode=fixed")
	win := c.window()
	win.activate()

	win.clickUntil("the toggle turns batching off", toggleX, toggleY, func() bool { return c.now().Limits.Mode == "serial" })
	if got := together(c, engine); got != 1 {
		t.Errorf("off: %d requests at once", got)
	}
	win.clickUntil("and on", toggleX, toggleY, func() bool { return c.now().Limits.Mode == "fixed" })

	win.tap("Tune")
	slider := win.beside("Most at once", "Slider")
	stop := func(size int) int { return slider.X - slider.W/2 + slider.W*(size-1)/63 }
	win.drag(stop(c.now().Limits.Size), stop(4), slider.Y)
	s.eventually("the slider sets the size", func() bool { return c.now().Limits.Size == 4 })
	win.key("Right")
	s.eventually("a key moves the slider", func() bool { return c.now().Limits.Size == 5 })
	if got := together(c, engine); got != 5 {
		t.Errorf("size 5 by slider: %d requests at once", got)
	}
	win.tapUntil("Undo", func() bool { return c.now().Limits.Size == 4 })
	win.tapUntil("Static", func() bool { return c.now().Limits.Mode == "static" })
	win.tapUntil("Fixed", func() bool { return c.now().Limits.Mode == "fixed" })
	c.cli("set", "batching.max_batch_size=5")
	if got := together(c, engine); got != 5 {
		t.Errorf("size 5: %d requests at once", got)
	}

	file := filepath.Join(t.TempDir(), "window.png")
	win.picture(file)
	if n := colors(t, file); n < 50 {
		t.Errorf("the window has %d colours: it is blank", n)
	}
}

func TestWindow_EndsWellOnSIGTERM(t *testing.T) {
	s := newSession(t)
	c := s.open(backendstest.New(t).URL)
	c.window()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.mustEnd()
}

func TestWindow_QuitsWhenClosedWithoutATray(t *testing.T) {
	s := newSession(t) // a session bus, but no panel on it
	c := s.open(backendstest.New(t).URL)
	c.window().close(func() bool {
		_, err := c.status()
		return err != nil
	})
	c.mustEnd()
}

func TestWindow_LivesWithoutASessionBus(t *testing.T) {
	s := newSession(t)
	s.env = append(s.env, "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent")
	c := s.open(backendstest.New(t).URL)
	win := c.window()
	win.activate()
	win.key("ctrl+b")
	s.eventually("it works", func() bool { return !c.now().Config.Batching.Enabled })
	win.key("ctrl+q")
	c.mustEnd()
}

func TestWindow_ServesWithoutADisplay(t *testing.T) {
	s := newSession(t)
	for _, display := range []string{"", ":65000"} {
		s.env = append(s.env, "DISPLAY="+display)
		engine := backendstest.New(t)
		engine.SetModels("test")
		c := s.open(engine.URL)
		c.ask(2)()
		if out := c.output.String(); !strings.Contains(out, "no desktop") {
			t.Errorf("DISPLAY=%q: it does not say that there is no desktop: %s", display, out)
		}
	}
}
