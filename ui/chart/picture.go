package chart

import (
	"fmt"
	"image"
	"image/png"
	"io"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/software"
)

// Image draws the chart as it is, without cross-hair and selection, under its
// title and legend: width by height at scale 1, so many times more pixels at
// another scale. It needs no display. Call it on Fyne's goroutine; encoding takes
// longer than drawing and can be done on another.
func (c *Chart) Image(width, height int, scale float32) image.Image {
	twin := New(c.look)
	twin.Plot(c.data)
	s := &twin.style
	title := newLabel(true)
	title.set(c.data.Title, s.Text, s.TextSize)

	size := fyne.NewSize(float32(width), float32(height))
	inner := size.Width - 2*s.Gap
	legend := twin.legend.MinSize()
	head := fyne.NewPos(s.Gap, s.Gap)
	if c.data.Title != "" {
		title.put(head.X, head.Y)
		if title.size.Width+s.Gap+legend.Width > inner { // one below the other
			head.Y += title.size.Height
		}
	}
	twin.legend.Resize(fyne.NewSize(inner, legend.Height))
	twin.legend.Move(head)
	top := head.Y + legend.Height + s.Gap/2
	twin.Resize(fyne.NewSize(inner, max(0, size.Height-top-s.Gap/2)))
	twin.Move(fyne.NewPos(s.Gap, top))

	ground := canvas.NewRectangle(s.Surface)
	ground.Resize(size)
	on := software.NewCanvas()
	on.SetPadded(false)
	on.SetScale(scale)
	on.SetContent(&fyne.Container{Objects: []fyne.CanvasObject{ground, title.Text, twin.legend, twin}})
	on.Resize(size)
	return on.Capture()
}

// PNG writes what Image draws.
func (c *Chart) PNG(w io.Writer, width, height int, scale float32) error {
	if err := png.Encode(w, c.Image(width, height, scale)); err != nil {
		return fmt.Errorf("write the chart's picture: %w", err)
	}
	return nil
}
