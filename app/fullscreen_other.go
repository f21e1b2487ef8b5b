//go:build !windows

package app

// fullscreen is what fills the screen, for people. Only Windows tells.
func fullscreen() string { return "" }
