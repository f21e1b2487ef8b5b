//go:build !cgo

package gpu

func openNVIDIA() Reader { return None(withoutCgo) }
