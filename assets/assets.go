// Package assets holds what the program embeds: the sign as app icon and as tray
// icons, the translations, and a font. render.sh makes the PNGs from the SVGs
// beside them.
package assets

import (
	"embed"
	"strconv"
)

// Icon is the app's icon, a PNG of 256 by 256 pixels.
//
//go:embed icon-256.png
var Icon []byte

// SignSVG is the bare sign, 20 by 28, in one colour for the program to change.
//
//go:embed sign.svg
var SignSVG []byte

//go:embed pages/*.svg
var pages embed.FS

// PageSVG is the icon of a page of the window, 24 by 24, in one colour for the
// program to change. It panics for a name that is none of a page.
func PageSVG(name string) []byte {
	b, err := pages.ReadFile("pages/" + name + ".svg")
	if err != nil {
		panic(err)
	}
	return b
}

//go:embed tray/*.png
var tray embed.FS

// Sign is a state of the tray icon.
type Sign string

// The states. A busy sign is made by Busy.
const (
	On       Sign = "on"
	Off      Sign = "off"
	Yielding Sign = "yielding" // the GPU, to other programs
	Trouble  Sign = "trouble"
)

// Busy is the sign with a count of running requests: On below 1, "9+" above 9.
func Busy(running int) Sign {
	switch {
	case running < 1:
		return On
	case running > 9:
		return "busy-many"
	}
	return Sign("busy-" + strconv.Itoa(running))
}

// TrayName is the name of a sign's picture for a dark or a light panel.
func TrayName(s Sign, dark bool) string {
	panel := "light"
	if dark {
		panel = "dark"
	}
	return string(s) + "-" + panel + ".png"
}

// Tray returns the picture TrayName names: a PNG of 44 by 44 pixels. It panics
// for a sign that is not one of this package's.
func Tray(s Sign, dark bool) []byte {
	b, err := tray.ReadFile("tray/" + TrayName(s, dark))
	if err != nil {
		panic(err)
	}
	return b
}
