//go:build desktop && linux && !headless

package desktop_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carpool/storage"
)

// task is something that a new user wants to do, and how many clicks it takes at the
// most, as docs/screens/README.md says.
type task struct {
	name   string
	clicks int
	do     func(c *carpool, win *window)
}

var tasks = []task{
	{"Find the address for my apps", 1, func(_ *carpool, win *window) {
		win.await("Welcome to Carpool") // and below it the address
		win.tap("Copy")
		win.await("Copied")
	}},
	{"See which app used the GPU", 2, func(c *carpool, win *window) {
		if err := generate(c.t.Context(), c.now().Endpoint, "Notes", "carpool-demo", 8); err != nil {
			c.t.Error(err)
		}
		win.tap("Start") // closes the welcome
		win.tap("Apps")
		win.await("Notes")
	}},
	{"Turn batching off and on, and know what off means", 3, func(c *carpool, win *window) {
		win.tap("Batching")
		win.await("Batching is off")
		win.await("One at a time: …")
		win.await("Straight through: …")
		win.tap("Understood")
		c.eventually("it is off", func() bool { return c.now().Limits.Mode == "serial" })
		win.tap("Batching")
		c.eventually("it is on again", func() bool { return c.now().Limits.Mode != "serial" })
	}},
	{"Find the best size for my engine", 3, func(c *carpool, win *window) {
		win.tap("Benchmark")
		win.tap("Start")
		var use string
		for deadline := time.Now().Add(4 * time.Minute); use == "" && time.Now().Before(deadline); time.Sleep(pause) {
			for _, p := range win.find("Use …") {
				use = p.Text
			}
		}
		if use == "" {
			c.t.Fatal("no size is named")
		}
		win.tap(use)
		size := strings.TrimSuffix(strings.TrimPrefix(use, "Use "), " at once")
		c.eventually(use, func() bool { return strings.Contains(string(c.cli("config", "adaptive.max")), "= "+size) })
	}},
	{"See yesterday's queue", 2, func(_ *carpool, win *window) {
		win.tap("History")
		win.tap("7 d")
		win.await("waiting")
		win.await("20") // of the axis: 17 waited at the most
	}},
}

// TestTasks does what a new user wants to do, from the first start on, one after the
// other and by clicks on words alone.
func TestTasks(t *testing.T) {
	s := newSession(t)
	s.firstStart = true
	c := s.open("demo")
	win := c.window()
	win.activate()
	table := "| task | clicks |\n|---|---:|\n"
	for i, task := range tasks {
		before := win.clicks
		task.do(c, win)
		if got := win.clicks - before; got > task.clicks {
			t.Errorf("%s takes %d clicks, %d are promised", task.name, got, task.clicks)
		}
		table += fmt.Sprintf("| %d. %s | %d |\n", i+1, task.name, task.clicks)
	}
	told, err := os.ReadFile(filepath.Join("..", "..", "docs", "screens", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(told), table) {
		t.Errorf("docs/screens/README.md does not have this table:\n%s", table)
	}
}

// yesterday fills the history of a Carpool that has not begun with an hour of a deep
// queue.
func (s *session) yesterday(state string) {
	s.t.Helper()
	ctx := context.Background()
	store, err := storage.Open(ctx, storage.Options{Path: filepath.Join(state, "history.db")})
	if err != nil {
		s.t.Fatal(err)
	}
	begun := time.Now().Add(-24 * time.Hour).Truncate(time.Hour)
	for i := range 3600 {
		store.AddSample(storage.Sample{At: begun.Add(time.Duration(i) * time.Second), Running: 4, Limit: 4, Waiting: 12 + i/600, TokensOut: 170})
	}
	if err := store.Close(ctx); err != nil {
		s.t.Fatal(err)
	}
}
