package ui

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
)

// apart is the least CIEDE2000 difference of two lines in one chart, for every
// eye. About 1 is just noticeable between large patches side by side; thin marks
// that lie apart take several times as much (Szafir, "Modeling Color Difference
// for Visualization Design", IEEE TVCG 24(1), 2018).
const apart = 10

// together are the colours that occur in one chart.
var together = map[string][]fyne.ThemeColorName{
	"running, waiting, limit": {colorAccent, colorOrange, colorMuted},
	"p50, p95":                {colorSky, colorPink},
	"ours, others, of":        {colorSky, colorOrange, colorGrey},
	"tokens/s, first token":   {colorAccent, colorPink},
}

// sights simulate in linear sRGB how colours look without one kind of cones:
// Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of
// Color Vision Deficiency", IEEE TVCG 15(6), 2009, severity 1.0.
var sights = map[string][3][3]float64{
	"full":         {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

func TestTheme_ChartsCanBeToldApartByEveryEye(t *testing.T) {
	for mode, colours := range map[string]palette{"dark": dark, "light": light} {
		for sight, m := range sights {
			for chart, names := range together {
				for i, a := range names {
					for _, b := range names[:i] {
						got := difference(labOf(seen(m, colours[a])), labOf(seen(m, colours[b])))
						if got < apart {
							t.Errorf("%s, %s, %s: %s and %s differ by %.1f, want %d", mode, sight, chart, a, b, got, apart)
						}
					}
				}
			}
		}
	}
}

// seen is a colour in linear sRGB as an eye sees it.
func seen(m [3][3]float64, c color.Color) (rgb [3]float64) {
	r, g, b, _ := c.RGBA()
	var linear [3]float64
	for i, v := range [3]uint32{r, g, b} {
		s := float64(v) / 0xffff
		linear[i] = s / 12.92
		if s > 0.04045 {
			linear[i] = math.Pow((s+0.055)/1.055, 2.4)
		}
	}
	for i, row := range m {
		for j, part := range row {
			rgb[i] += part * linear[j]
		}
		rgb[i] = min(max(rgb[i], 0), 1)
	}
	return rgb
}

// lab is a colour in CIELAB under D65.
type lab struct{ l, a, b float64 }

func labOf(c [3]float64) lab {
	f := func(x float64) float64 {
		if x > 216.0/24389 {
			return math.Cbrt(x)
		}
		return (24389.0/27*x + 16) / 116
	}
	x := f((0.4124564*c[0] + 0.3575761*c[1] + 0.1804375*c[2]) / 0.95047)
	y := f(0.2126729*c[0] + 0.7151522*c[1] + 0.0721750*c[2])
	z := f((0.0193339*c[0] + 0.1191920*c[1] + 0.9503041*c[2]) / 1.08883)
	return lab{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

// difference is CIEDE2000, in the names of Sharma, Wu, Dalal, "The CIEDE2000
// Color-Difference Formula", Color Research & Application 30(1), 2005.
func difference(p, q lab) float64 {
	const degree = math.Pi / 180
	seven := func(c float64) float64 { return math.Sqrt(math.Pow(c, 7) / (math.Pow(c, 7) + math.Pow(25, 7))) }
	g := 0.5 * (1 - seven((math.Hypot(p.a, p.b)+math.Hypot(q.a, q.b))/2))
	c1, c2 := math.Hypot((1+g)*p.a, p.b), math.Hypot((1+g)*q.a, q.b)
	hue := func(v lab) float64 {
		h := math.Atan2(v.b, (1+g)*v.a) / degree
		if h < 0 {
			h += 360
		}
		return h
	}
	h1, h2 := hue(p), hue(q)
	dh, hm := h2-h1, (h1+h2)/2
	switch {
	case c1*c2 == 0:
		dh, hm = 0, h1+h2
	case math.Abs(dh) > 180:
		dh -= math.Copysign(360, dh)
		hm += 180 // the other half of the circle; cosines do not mind a turn
	}
	dH := 2 * math.Sqrt(c1*c2) * math.Sin(dh/2*degree)
	lm, cm := (p.l+q.l)/2, (c1+c2)/2
	cos := func(d float64) float64 { return math.Cos(d * degree) }
	t := 1 - 0.17*cos(hm-30) + 0.24*cos(2*hm) + 0.32*cos(3*hm+6) - 0.20*cos(4*hm-63)
	turn := math.Mod(hm, 360)
	bend := (turn - 275) / 25
	rt := -math.Sin(60*degree*math.Exp(-bend*bend)) * 2 * seven(cm)
	light := (lm - 50) * (lm - 50)
	l := (q.l - p.l) / (1 + 0.015*light/math.Sqrt(20+light))
	c := (c2 - c1) / (1 + 0.045*cm)
	h := dH / (1 + 0.015*cm*t)
	return math.Sqrt(l*l + c*c + h*h + rt*c*h)
}

// The pairs are of Sharma's table.
func TestDifference_IsCIEDE2000(t *testing.T) {
	for _, tt := range []struct {
		p, q lab
		want float64
	}{
		{lab{50, 2.6772, -79.7751}, lab{50, 0, -82.7485}, 2.0425},
		{lab{50, -1, 2}, lab{50, 0, 0}, 2.3669},
		{lab{50, 2.5, 0}, lab{50, 0, -2.5}, 4.3065},
		{lab{50, 2.5, 0}, lab{58, 24, 15}, 19.4535},
		{lab{60.2574, -34.0099, 36.2677}, lab{60.4626, -34.1751, 39.4387}, 1.2644},
		{lab{2.0776, 0.0795, -1.1350}, lab{0.9033, -0.0636, -0.5514}, 0.9082},
	} {
		if got := difference(tt.p, tt.q); math.Abs(got-tt.want) > 0.00005 {
			t.Errorf("%v and %v differ by %.4f, want %.4f", tt.p, tt.q, got, tt.want)
		}
	}
}
