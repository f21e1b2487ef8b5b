//go:build desktop && linux && !headless

package desktop_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"
)

// place is something that is seen in the window or can be focused there; see the
// program's file places.go.
type place struct {
	Text string `json:"text"`
	Kind string `json:"kind"`
	X    int    `json:"x"`
	Y    int    `json:"y"`
	W    int    `json:"w"`
	H    int    `json:"h"`
}

// seen is what the window shows, as of the last 150 ms.
func (w *window) seen() []place {
	text, err := os.ReadFile(w.c.places)
	if err != nil {
		return nil
	}
	var all []place
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	return all
}

// shows reports whether a text is seen; one that ends with … is a beginning.
func (w *window) shows(text string) bool { return len(w.find(text)) > 0 }

func (w *window) find(text string) []place {
	start, cut := strings.CutSuffix(text, "…")
	return slices.DeleteFunc(w.seen(), func(p place) bool {
		return p.Kind != "text" || p.Text != text && (!cut || !strings.HasPrefix(p.Text, start))
	})
}

// await waits until a text is seen.
func (w *window) await(text string) place {
	w.c.t.Helper()
	var found []place
	w.c.eventually("the window shows "+text, func() bool {
		found = w.find(text)
		return len(found) > 0
	})
	return found[0]
}

// tap clicks once on a text, when it stands still.
func (w *window) tap(text string) {
	w.c.t.Helper()
	p := w.await(text)
	w.c.eventually(text+" stands still", func() bool {
		before := p
		time.Sleep(4 * pause)
		if all := w.find(text); len(all) > 0 {
			p = all[0]
		}
		return p == before
	})
	w.clicks++
	w.click(p.X, p.Y)
}

// tapUntil clicks on a text until that has done what it should: a window misses what
// comes before it has drawn the place.
func (w *window) tapUntil(text string, done func() bool) {
	w.c.t.Helper()
	tapped := time.Time{}
	w.c.eventually("a click on "+text+" has done what it should", func() bool {
		if done() {
			return true
		}
		if time.Since(tapped) > 5*time.Second && w.shows(text) {
			tapped = time.Now()
			w.tap(text)
		}
		return false
	})
}

// beside is the control of a kind (the end of its Go type) nearest to a text, in
// its line or below it.
func (w *window) beside(text, kind string) place {
	w.c.t.Helper()
	var best place
	w.c.eventually("a "+kind+" stands beside "+text, func() bool {
		label := w.find(text)
		if len(label) == 0 {
			return false
		}
		nearest := 1 << 30
		for _, p := range w.seen() {
			away := abs(p.Y-label[0].Y)*4 + abs(p.X-label[0].X)
			if strings.HasSuffix(p.Kind, "."+kind) && p.Y >= label[0].Y-20 && away < nearest {
				best, nearest = p, away
			}
		}
		return nearest < 1<<30
	})
	return best
}

func abs(n int) int { return max(n, -n) }
