//go:build desktop && linux && !headless

package desktop_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carpool/backends/backendstest"
)

func TestPages_OpenByMouseAndByKey(t *testing.T) {
	s := newSession(t)
	win := s.open(backendstest.New(t).URL).window()
	win.activate()
	const ofTune = "Changes act at once. Requests on the GPU are never touched."
	win.tap("Tune")
	win.await(ofTune)
	win.key("ctrl+1")
	win.await("On the GPU")
	win.tap("Settings")
	win.await("Changes act at once, if not said otherwise.")
	win.key("ctrl+2")
	win.await(ofTune)
}

func TestPages_NowCancelsAndMovesToTheFront(t *testing.T) {
	s := newSession(t)
	engine := backendstest.New(t)
	engine.SetModels("test")
	c := s.open(engine.URL)
	c.cli("off") // one at a time
	win := c.window()
	win.activate()
	engine.Hold()
	asked := map[string]chan error{}
	for i, app := range []string{"first", "second", "third"} {
		asked[app] = make(chan error, 1)
		endpoint := c.now().Endpoint
		go func() { asked[app] <- generate(t.Context(), endpoint, app, "test", 8) }()
		c.eventually(app+" runs or waits", func() bool {
			now := c.now().Batching
			return now.InFlight+now.QueueDepth == i+1
		})
	}
	// sign clicks on a sign in the line of an app: the last is ×, the one before it ↑.
	sign := func(app string, fromRight int) {
		t.Helper()
		line := win.await(app)
		win.move(line.X, line.Y)
		var signs []place
		win.c.eventually("the line of "+app+" has signs", func() bool {
			signs = nil
			for _, p := range win.seen() {
				if strings.HasSuffix(p.Kind, ".sign") && abs(p.Y-line.Y) < 8 && p.X > line.X {
					signs = append(signs, p)
				}
			}
			return len(signs) > fromRight
		})
		// Lanes and queue stand side by side: the nearest signs are the line's own.
		at := signs[len(signs)-1-fromRight]
		win.click(at.X, at.Y)
	}
	sign("third", 1)
	win.await("next: moved to the front")
	sign("second", 0)
	if err := <-asked["second"]; err == nil || !strings.Contains(err.Error(), "cancelled in Carpool") {
		t.Errorf("the cancelled request got %v", err)
	}
	engine.Release()
	for _, app := range []string{"first", "third"} {
		if err := <-asked[app]; err != nil {
			t.Errorf("%s: %v", app, err)
		}
	}
}

func TestPages_HistoryZoomsAndExports(t *testing.T) {
	s := newSession(t)
	engine := backendstest.New(t)
	engine.SetModels("test")
	c := s.open(engine.URL)
	win := c.window()
	win.activate()
	c.ask(3)()
	win.tap("History")
	win.tap("15 min")
	chart := win.beside("Tokens per second", "Chart")
	win.drag(chart.X-100, chart.X+100, chart.Y)
	win.await("Back")
	win.tap("Back")
	s.eventually("the whole range is back", func() bool { return !win.shows("Back") })

	win.tap("Export…")
	entry := win.beside("Folder", "field")
	win.click(entry.X, entry.Y)
	win.key("ctrl+a")
	dir := filepath.Join(t.TempDir(), "out")
	win.do("type", "--delay", "20", dir)
	win.tap("Export")
	win.await("Written: …")
	files, err := filepath.Glob(filepath.Join(dir, "carpool-requests-*.csv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4 { // and the heads
		t.Errorf("%d rows of 3 requests: %v", len(rows)-1, rows)
	}
}

func TestPages_BenchmarkRunsAndIsCancelled(t *testing.T) {
	s := newSession(t)
	c := s.open("demo")
	win := c.window()
	win.activate()
	win.tap("Benchmark")
	win.tap("Start")
	win.tap("Cancel")
	win.await("Start")
	win.tap("4") // no more than two at once
	win.tap("Quick")
	win.tap("Start")
	win.await("Copy as Markdown")
	s.eventually("it ends with a size to use", func() bool { return win.shows("Start") && (win.shows("Use 1 at once") || win.shows("Use 2 at once")) })
}

func TestPages_SettingsChangeThemeAndLanguage(t *testing.T) {
	s := newSession(t)
	c := s.open("demo")
	win := c.window()
	win.activate()
	win.tap("Settings")
	win.tapUntil("Light", func() bool { return strings.Contains(string(c.cli("config", "window.theme")), "light") })
	win.tap("Language")
	language := win.beside("Language", "drop")
	win.click(language.X, language.Y)
	win.tap("Deutsch")
	win.await("Verlauf") // History, in the rail
	c.cli("set", "window.language=en")
	win.await("History")
}
