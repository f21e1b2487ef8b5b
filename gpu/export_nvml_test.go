//go:build cgo && linux

package gpu

import "time"

var (
	OpenLibrary = openLibrary
	OpenNVIDIA  = openNVIDIA
)

// RetryNow has a reader of NVIDIA's start a driver that failed at its next reading.
func RetryNow(r Reader) { r.(*nvidia).retry = time.Time{} }
