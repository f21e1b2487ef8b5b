package ui

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

// Fyne asks for a second renderer where the first was not drawn for a minute.
func TestRenderer_ASecondOneShowsTheSame(t *testing.T) {
	w, _, _ := open(t, busy(), "dark", 1280, 800)
	live(t, w)
	for _, page := range pageOrder {
		w.Open(page)
		widgets := 0
		everyWidget(w.Content(), func(o fyne.Widget) {
			if _, own := test.WidgetRenderer(o).(*renderer); !own || o.Size().IsZero() {
				return
			}
			widgets++
			shows := visible(test.WidgetRenderer(o))
			if again := visible(o.CreateRenderer()); again != shows {
				t.Errorf("%s: a %T shows %d objects, and %d with a second renderer", page, o, shows, again)
			}
		})
		if widgets < 10 {
			t.Errorf("%s has %d widgets", page, widgets)
		}
	}
}

func visible(r fyne.WidgetRenderer) int {
	n := 0
	for _, o := range r.Objects() {
		if o.Visible() {
			n++
		}
	}
	return n
}

// everyWidget calls f for each widget of o that is shown.
func everyWidget(o fyne.CanvasObject, f func(fyne.Widget)) {
	if !o.Visible() {
		return
	}
	switch o := o.(type) {
	case *fyne.Container:
		for _, child := range o.Objects {
			everyWidget(child, f)
		}
	case fyne.Widget:
		children := append([]fyne.CanvasObject{}, test.WidgetRenderer(o).Objects()...)
		f(o)
		for _, child := range children {
			everyWidget(child, f)
		}
	}
}
