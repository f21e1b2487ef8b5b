//go:build desktop && linux && !headless

package desktop_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// screens are the pages, in the order of their keys.
var screens = []string{"now", "tune", "history", "apps", "engines", "benchmark", "settings"}

// TestScreens makes docs/screens in the folder that CARPOOL_SCREENS names: every
// page, dark and light, at 1× and 2×, with the demo engine at work and idle.
func TestScreens(t *testing.T) {
	dir := os.Getenv("CARPOOL_SCREENS")
	if dir == "" {
		t.Skip("CARPOOL_SCREENS names no folder")
	}
	for _, scale := range []int{1, 2} {
		for _, atWork := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d× at work %v", scale, atWork), func(t *testing.T) {
				s := newSession(t)
				s.env = append(s.env, fmt.Sprintf("FYNE_SCALE=%d", scale))
				c := s.open("demo")
				c.cli("set", "window.theme=dark")
				win := c.windowOf(1280*scale, 800*scale)
				win.activate()
				state := "idle"
				if atWork {
					state = "busy"
					stop := c.crowd()
					defer stop()
					time.Sleep(100 * time.Second)
				}
				for _, theme := range []string{"dark", "light"} {
					c.cli("set", "window.theme="+theme)
					for i, page := range screens {
						win.key(fmt.Sprintf("ctrl+%d", i+1))
						win.move(700*scale, 8*scale)
						time.Sleep(2500 * time.Millisecond) // until what it reads is drawn
						win.screen(filepath.Join(dir, fmt.Sprintf("%s-%s-%s%s.png", page, theme, state, strings.Repeat("-2x", scale-1))))
					}
				}
				if scale == 1 && atWork {
					win.resize(900, 600)
					for i, page := range screens {
						win.key(fmt.Sprintf("ctrl+%d", i+1))
						time.Sleep(2500 * time.Millisecond)
						win.screen(filepath.Join(dir, page+"-light-busy-900x600.png"))
					}
				}
			})
		}
	}
}

// crowd has ten apps at work on the demo engine, each with its own habits, until
// stop.
func (c *carpool) crowd() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	endpoint := c.now().Endpoint
	var apps sync.WaitGroup
	for i, app := range []string{"Open WebUI", "VS Code · Continue", "n8n", "Home Assistant", "batch-notes.py", "batch-notes.py", "Obsidian", "aider", "batch-notes.py", "LibreChat"} {
		apps.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				if err := generate(ctx, endpoint, app, "carpool-demo", 60+n*53%240); err != nil && ctx.Err() == nil {
					c.t.Error(err)
					return
				}
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(n*37%25) * 100 * time.Millisecond):
				}
			}
		})
	}
	return func() {
		cancel()
		apps.Wait()
	}
}

// screen saves what the window looks like as a small file: it has few colours.
func (w *window) screen(file string) {
	w.c.t.Helper()
	w.picture(file)
	if out, err := exec.Command("convert", file, "+dither", "-colors", "255", "PNG8:"+file).CombinedOutput(); err != nil {
		w.c.t.Fatalf("convert: %v\n%s", err, out)
	}
}
