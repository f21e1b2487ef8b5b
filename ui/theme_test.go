package ui

import (
	"fmt"
	"image/color"
	"math"
	"reflect"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// luminance and contrast are those of WCAG 2.
func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	linear := func(v uint32) float64 {
		s := float64(v) / 0xffff
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}

func contrast(a, b color.Color) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func TestTheme_TextCanBeRead(t *testing.T) {
	pairs := []struct {
		text    fyne.ThemeColorName
		grounds []fyne.ThemeColorName
	}{
		{colorText, []fyne.ThemeColorName{colorBackground, colorSurface, colorRaised, colorAccentGround}},
		{colorMuted, []fyne.ThemeColorName{colorBackground, colorSurface, colorRaised}},
		{colorAccentText, []fyne.ThemeColorName{colorSurface, colorRaised, colorAccentGround}},
		{colorVermilion, []fyne.ThemeColorName{colorSurface}},
		{colorOnAccent, []fyne.ThemeColorName{theme.ColorNamePrimary, colorAccentText}},
	}
	for _, mode := range []string{"dark", "light"} {
		th := NewTheme(mode)
		for _, p := range pairs {
			for _, ground := range p.grounds {
				got := contrast(th.Color(p.text, theme.VariantDark), th.Color(ground, theme.VariantDark))
				if got < 4.5 {
					t.Errorf("%s: %s on %s has contrast %.2f, want 4.5", mode, p.text, ground, got)
				}
			}
		}
	}
}

func TestTheme_FollowsTheDesktopUnlessForced(t *testing.T) {
	for _, tt := range []struct {
		mode    string
		desktop fyne.ThemeVariant
		want    palette
	}{
		{"auto", theme.VariantDark, dark},
		{"auto", theme.VariantLight, light},
		{"dark", theme.VariantLight, dark},
		{"light", theme.VariantDark, light},
	} {
		t.Run(fmt.Sprint(tt.mode, tt.desktop), func(t *testing.T) {
			if got := NewTheme(tt.mode).Color(colorSurface, tt.desktop); got != tt.want[colorSurface] {
				t.Errorf("surface is %v, want %v", got, tt.want[colorSurface])
			}
		})
	}
}

func TestTheme_VariantsHaveTheSameTokens(t *testing.T) {
	for name := range dark {
		if _, ok := light[name]; !ok {
			t.Errorf("%s has no light colour", name)
		}
	}
	if len(dark) != len(light) {
		t.Errorf("%d dark tokens, %d light", len(dark), len(light))
	}
	for name, d := range derived {
		if _, ok := dark[d.token]; !ok {
			t.Errorf("%s stands on %s, which is no token", name, d.token)
		}
	}
}

func TestTheme_AChangeReachesPagesThatAreNotShown(t *testing.T) {
	s := busy()
	w, _, fw := open(t, s, "dark", 1280, 800)
	for _, name := range pageOrder {
		w.Open(name)
	}
	w.Open(pageNow)
	s.Config.Window.Theme = "light"
	w.show(s)
	w.Open(pageBenchmark)
	changed := fw.Canvas().Capture()
	fresh, _, freshWindow := open(t, s, "light", 1280, 800)
	fresh.Open(pageBenchmark)
	if !reflect.DeepEqual(changed, freshWindow.Canvas().Capture()) {
		t.Error("a page that was not shown keeps colours of the theme before")
	}
}
