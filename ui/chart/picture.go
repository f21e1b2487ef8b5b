package chart

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

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

	p := newPicture(width, height, scale, s.Surface)
	p.add(title.Text, fyne.Position{})
	for _, w := range []fyne.Widget{twin.legend, twin} {
		for _, o := range w.CreateRenderer().Objects() {
			p.add(o, w.Position())
		}
	}
	return p.img
}

// picture is drawn object by object. Fyne's renderer would draw all at once, but
// blend each pixel of it several times and slowly; here it draws the letters.
type picture struct {
	img   *image.RGBA
	on    software.WindowlessCanvas
	scale float32
}

func newPicture(width, height int, scale float32, ground color.Color) *picture {
	p := &picture{scale: scale, on: software.NewTransparentCanvas()}
	p.img = image.NewRGBA(image.Rect(0, 0, p.pixels(float32(width)), p.pixels(float32(height))))
	draw.Draw(p.img, p.img.Rect, image.NewUniform(ground), image.Point{}, draw.Src)
	p.on.SetPadded(false)
	p.on.SetScale(scale)
	return p
}

func (p *picture) pixels(v float32) int { return int(math.Round(float64(v * p.scale))) }

// add draws an object that lies in something at a place.
func (p *picture) add(o fyne.CanvasObject, in fyne.Position) {
	if !o.Visible() {
		return
	}
	at, size := o.Position().Add(in), o.Size()
	place := image.Rect(0, 0, p.pixels(size.Width), p.pixels(size.Height)).Add(image.Pt(p.pixels(at.X), p.pixels(at.Y)))
	if r, ok := o.(*canvas.Raster); ok {
		draw.Draw(p.img, place, r.Generator(place.Dx(), place.Dy()), image.Point{}, draw.Src)
		return
	}
	o.Move(fyne.Position{})
	p.on.SetContent(&fyne.Container{Objects: []fyne.CanvasObject{o}})
	p.on.Resize(size)
	draw.Draw(p.img, place, p.on.Capture(), image.Point{}, draw.Over)
}

// PNG writes what Image draws.
func (c *Chart) PNG(w io.Writer, width, height int, scale float32) error {
	if err := png.Encode(w, c.Image(width, height, scale)); err != nil {
		return fmt.Errorf("write the chart's picture: %w", err)
	}
	return nil
}
