//go:build cgo && linux

package gpu

var (
	OpenLibrary = openLibrary
	OpenNVIDIA  = openNVIDIA
)
