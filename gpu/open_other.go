//go:build !linux && !darwin && (!windows || (!amd64 && !arm64))

package gpu

func open() Reader { return None("GPUs of this system cannot be read") }
