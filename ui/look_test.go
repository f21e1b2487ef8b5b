package ui

import (
	"fmt"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"carpool/app"
)

// The pictures in testdata are the page as it should look: open them.
func TestWindow_Looks(t *testing.T) {
	scenes := map[string]func() app.Snapshot{"busy": busy, "idle": idle, "simulated": simulated, "trouble": inTrouble,
		"several": several, "grouped": grouped, "installed": installed, "yielding": yielding,
		"lent": func() app.Snapshot { return lent(0) }}
	sizes := [][2]float32{{1280, 800}, {900, 600}}
	for scene, snapshot := range scenes {
		for _, theme := range []string{"dark", "light"} {
			for _, size := range sizes {
				if scene != "busy" && (theme == "light") == (size[0] == 1280) {
					continue // each further scene once in each theme and size
				}
				name := fmt.Sprintf("%s-%s-%.0fx%.0f", scene, theme, size[0], size[1])
				t.Run(name, func(t *testing.T) {
					_, _, w := open(t, snapshot(), theme, size[0], size[1])
					test.AssertImageMatches(t, name+".png", w.Canvas().Capture())
				})
			}
		}
	}
}

// At twice the size everything is as sharp as the screen.
func TestWindow_LooksSharp(t *testing.T) {
	_, _, w := open(t, busy(), "dark", 1280, 800)
	w.Canvas().(interface{ SetScale(scale float32) }).SetScale(2)
	w.Resize(fyne.NewSize(1280, 800))
	test.AssertImageMatches(t, "busy-dark-1280x800@2x.png", w.Canvas().Capture())
}

func TestGuide_Looks(t *testing.T) {
	for _, tt := range []struct {
		file          string
		theme         string
		width, height float32
	}{{"slots-dark-1280x800.png", "dark", 1280, 800}, {"slots-light-900x600.png", "light", 900, 600}} {
		t.Run(tt.file, func(t *testing.T) {
			w, _, fw := open(t, several(), tt.theme, tt.width, tt.height)
			w.guideTo("ollama", checked())
			test.AssertImageMatches(t, tt.file, fw.Canvas().Capture())
		})
	}
}

func TestWindow_LooksTheSameWhereverItWasBefore(t *testing.T) {
	w, _, fw := open(t, simulated(), "light", 900, 600)
	s := busy()
	s.Config.Window.Theme = "dark"
	w.show(s)
	fw.Resize(fyne.NewSize(1280, 800))
	test.AssertImageMatches(t, "busy-dark-1280x800.png", fw.Canvas().Capture())
}
