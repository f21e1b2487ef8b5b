package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"carpool/assets"
)

// The tokens. Everything on screen takes its colour from here, by name.
const (
	colorBackground   fyne.ThemeColorName = theme.ColorNameBackground
	colorSurface      fyne.ThemeColorName = "carpool.surface"
	colorRaised       fyne.ThemeColorName = "carpool.raised"
	colorLine         fyne.ThemeColorName = "carpool.line"
	colorText         fyne.ThemeColorName = theme.ColorNameForeground
	colorMuted        fyne.ThemeColorName = "carpool.muted"
	colorAccent       fyne.ThemeColorName = "carpool.accent"
	colorAccentGround fyne.ThemeColorName = "carpool.accentGround"
	// colorAccentText is the accent where it is read: the light accent is too
	// pale for letters.
	colorAccentText fyne.ThemeColorName = "carpool.accentText"
	colorOnAccent   fyne.ThemeColorName = theme.ColorNameForegroundOnPrimary
	colorSky        fyne.ThemeColorName = "carpool.sky"
	colorOrange     fyne.ThemeColorName = "carpool.orange"
	colorPink       fyne.ThemeColorName = "carpool.pink"
	colorGrey       fyne.ThemeColorName = "carpool.grey"
	colorVermilion  fyne.ThemeColorName = "carpool.vermilion"
)

// palette is one column of the table of tokens.
type palette map[fyne.ThemeColorName]color.Color

var dark = palette{
	colorBackground:   rgb(0x14161A),
	colorSurface:      rgb(0x1B1E24),
	colorRaised:       rgb(0x242932),
	colorLine:         rgb(0x2F3540),
	colorText:         rgb(0xE7EAF0),
	colorMuted:        rgb(0x9AA3B4),
	colorAccent:       rgb(0x3DDC97),
	colorAccentGround: rgb(0x163A2C),
	colorAccentText:   rgb(0x3DDC97),
	colorOnAccent:     rgb(0x14161A),
	colorSky:          rgb(0x56B4E9),
	colorOrange:       rgb(0xE69F00),
	colorPink:         rgb(0xCC79A7),
	colorVermilion:    rgb(0xFF7A45),
	colorGrey:         rgb(0x3A404C),
}

var light = palette{
	colorBackground:   rgb(0xF4F5F7),
	colorSurface:      rgb(0xFFFFFF),
	colorRaised:       rgb(0xECEEF2),
	colorLine:         rgb(0xD9DDE4),
	colorText:         rgb(0x1A1D23),
	colorMuted:        rgb(0x5C6575),
	colorAccent:       rgb(0x0B8F5E),
	colorAccentGround: rgb(0xD7F2E6),
	colorAccentText:   rgb(0x08734B),
	colorOnAccent:     rgb(0xFFFFFF),
	colorSky:          rgb(0x0072B2),
	colorOrange:       rgb(0xB26F00),
	colorPink:         rgb(0xA5427F),
	colorVermilion:    rgb(0xC8451B),
	colorGrey:         rgb(0xC3C9D3),
}

// derived says which token stands for a colour of Fyne's own widgets, and how
// opaque it is, of 255.
var derived = map[fyne.ThemeColorName]struct {
	token fyne.ThemeColorName
	alpha uint8
}{
	theme.ColorNamePrimary:             {colorAccentText, 255},
	theme.ColorNameHyperlink:           {colorAccentText, 255},
	theme.ColorNameFocus:               {colorAccent, 90},
	theme.ColorNameSelection:           {colorAccent, 70},
	theme.ColorNameHover:               {colorText, 18},
	theme.ColorNamePressed:             {colorText, 36},
	theme.ColorNameButton:              {colorRaised, 255},
	theme.ColorNameDisabledButton:      {colorRaised, 255},
	theme.ColorNameDisabled:            {colorMuted, 160},
	theme.ColorNamePlaceHolder:         {colorMuted, 255},
	theme.ColorNameSeparator:           {colorLine, 255},
	theme.ColorNameInputBackground:     {colorRaised, 255},
	theme.ColorNameInputBorder:         {colorLine, 255},
	theme.ColorNameHeaderBackground:    {colorSurface, 255},
	theme.ColorNameMenuBackground:      {colorSurface, 255},
	theme.ColorNameOverlayBackground:   {colorSurface, 255},
	theme.ColorNameScrollBar:           {colorMuted, 140},
	theme.ColorNameScrollBarBackground: {colorBackground, 0},
	theme.ColorNameSuccess:             {colorAccentText, 255},
	theme.ColorNameWarning:             {colorOrange, 255},
	theme.ColorNameError:               {colorVermilion, 255},
}

// Sizes in pixels at scale 1.
const (
	textTitle   = 20
	textHeading = 16
	textBody    = 14
	textSmall   = 12
	textAxis    = 11

	gapTiny, gapSmall, gap, gapLarge = 4, 8, 14, 24

	cornerCard, cornerButton = 10, 6
	chartLine                = 1.75
)

// lineHeight is the height of a line of text of a size.
func lineHeight(size float32) float32 {
	switch {
	case size >= textTitle:
		return 28
	case size >= textHeading:
		return 24
	case size >= textBody:
		return 20
	}
	return 18
}

// Theme is Carpool's one theme, in a dark and a light variant.
type Theme struct {
	fyne.Theme
	forced *fyne.ThemeVariant
}

// NewTheme returns the theme for a value of window.theme: "dark", "light", or
// anything else to follow the desktop.
func NewTheme(mode string) *Theme {
	t := &Theme{Theme: theme.DefaultTheme()}
	switch mode {
	case "dark":
		v := theme.VariantDark
		t.forced = &v
	case "light":
		v := theme.VariantLight
		t.forced = &v
	}
	return t
}

// Color implements fyne.Theme.
func (t *Theme) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	if t.forced != nil {
		variant = *t.forced
	}
	p := dark
	if variant == theme.VariantLight {
		p = light
	}
	if c, ok := p[name]; ok {
		return c
	}
	if d, ok := derived[name]; ok {
		return fade(p[d.token], d.alpha)
	}
	return t.Theme.Color(name, variant)
}

// Font implements fyne.Theme. What is not Chinese comes from Fyne's own fonts.
func (t *Theme) Font(style fyne.TextStyle) fyne.Resource {
	switch {
	case style.Monospace || style.Italic || style.Symbol:
		return t.Theme.Font(style)
	case style.Bold:
		return chineseBold
	}
	return chinese
}

var (
	chinese     = fyne.NewStaticResource("NotoSansSC-Regular.otf", assets.Chinese)
	chineseBold = fyne.NewStaticResource("NotoSansSC-Bold.otf", assets.ChineseBold)
)

// Size implements fyne.Theme.
func (t *Theme) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameText:
		return textBody
	case theme.SizeNameHeadingText:
		return textTitle
	case theme.SizeNameSubHeadingText:
		return textHeading
	case theme.SizeNameCaptionText:
		return textSmall
	case theme.SizeNameInputRadius, theme.SizeNameButtonRadius, theme.SizeNamePopupRadius, theme.SizeNameMenuRadius:
		return cornerButton
	case theme.SizeNameCardRadius, theme.SizeNameDialogRadius:
		return cornerCard
	}
	return t.Theme.Size(name)
}

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 255}
}

func fade(c color.Color, alpha uint8) color.Color {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	n.A = alpha
	return n
}

// IsDark says whether the theme in force looks dark now.
func IsDark() bool {
	return theme.Color(colorText) == dark[colorText]
}
