//go:build !(cgo && linux)

package gpu

func open() Reader { return None("this build reads no GPU") }
