//go:build places && linux && !headless

package desktop

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
)

// place is something that a person sees in the window or can focus there, in
// pixels of the window.
type place struct {
	Text string `json:"text,omitempty"` // of a text
	Kind string `json:"kind"`           // the Go type
	X    int    `json:"x"`              // of the middle
	Y    int    `json:"y"`
	W    int    `json:"w"`
	H    int    `json:"h"`
}

// tellPlaces keeps the file named by CARPOOL_PLACES as what the window shows, for
// tests that click on words rather than on coordinates. It is not in the program
// that is shipped: it needs the build tag places.
func tellPlaces(w fyne.Window) (stop func()) {
	file := os.Getenv("CARPOOL_PLACES")
	if file == "" {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(150 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			told := make(chan []place, 1)
			fyne.Do(func() { told <- places(w.Canvas()) })
			select {
			case all := <-told:
				if err := write(file, all); err != nil {
					fmt.Fprintln(os.Stderr, "places:", err)
				}
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

func write(file string, all []place) error {
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// places are those of the topmost layer: what an overlay covers cannot be clicked.
func places(c fyne.Canvas) []place {
	w := walker{scale: c.Scale()}
	whole := area{0, 0, c.Size().Width, c.Size().Height}
	if top := c.Overlays().Top(); top != nil {
		w.walk(top, fyne.Position{}, whole)
	} else {
		w.walk(c.Content(), fyne.Position{}, whole)
	}
	return w.found
}

type walker struct {
	scale float32
	found []place
}

// area is left, top, right, bottom.
type area [4]float32

func (a area) within(b area) area {
	return area{max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])}
}

func (w *walker) walk(o fyne.CanvasObject, at fyne.Position, clip area) {
	if o == nil || !o.Visible() {
		return
	}
	at = at.Add(o.Position())
	seen := area{at.X, at.Y, at.X + o.Size().Width, at.Y + o.Size().Height}.within(clip)
	if seen[2]-seen[0] < 2 || seen[3]-seen[1] < 2 {
		if _, holds := o.(*fyne.Container); !holds {
			return
		}
	}
	switch o := o.(type) {
	case *canvas.Text:
		if o.Text != "" {
			// A text may have more room than letters.
			width := min(o.MinSize().Width, seen[2]-seen[0])
			switch o.Alignment {
			case fyne.TextAlignTrailing:
				seen[0] = seen[2] - width
			case fyne.TextAlignCenter:
				seen[0] += (seen[2] - seen[0] - width) / 2
			}
			seen[2] = seen[0] + width
			w.add(place{Text: o.Text, Kind: "text"}, seen)
		}
	case *fyne.Container:
		for _, child := range o.Objects {
			w.walk(child, at, clip)
		}
	case fyne.Widget:
		if _, ok := o.(fyne.Focusable); ok {
			w.add(place{Kind: fmt.Sprintf("%T", o)}, seen)
		}
		for _, child := range test.WidgetRenderer(o).Objects() {
			w.walk(child, at, seen)
		}
	}
}

func (w *walker) add(p place, a area) {
	p.X, p.Y = int((a[0]+a[2])/2*w.scale), int((a[1]+a[3])/2*w.scale)
	p.W, p.H = int((a[2]-a[0])*w.scale), int((a[3]-a[1])*w.scale)
	w.found = append(w.found, p)
}
