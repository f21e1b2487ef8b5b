package gpu

import "fmt"

// code is what a call into NVML returns. The numbers are NVML's.
type code int

const (
	success          code = 0
	uninitialized    code = 1
	notSupported     code = 3
	noPermission     code = 4
	notFound         code = 6
	driverNotLoaded  code = 9
	libraryNotFound  code = 12
	functionNotFound code = 13
	gpuLost          code = 15
	resetRequired    code = 16
	versionMismatch  code = 18
	unknown          code = 999
)

// String says for people why there is no reading.
func (c code) String() string {
	switch c {
	case libraryNotFound, notFound:
		return "no NVIDIA GPU"
	case uninitialized:
		return "GPU driver was stopped"
	case driverNotLoaded:
		return "NVIDIA driver not loaded"
	case functionNotFound:
		return "NVIDIA driver too old to be read"
	case notSupported:
		return "this GPU cannot be read"
	case noPermission:
		return "no permission to read the GPU"
	case gpuLost:
		return "GPU lost: it stopped answering its driver"
	case resetRequired:
		return "GPU needs a reset"
	case versionMismatch:
		return "NVIDIA driver was updated: restart the computer"
	case unknown:
		return "GPU driver reports an unknown error"
	}
	return fmt.Sprintf("GPU driver reports error %d", int(c))
}

// ends tells whether no GPU can be read until the driver is started anew.
func (c code) ends() bool {
	switch c {
	case uninitialized, driverNotLoaded, libraryNotFound, versionMismatch:
		return true
	}
	return false
}

// loses tells whether this GPU cannot be read until the driver is started anew.
// Any other error but those that end concerns one value only.
func (c code) loses() bool { return c == gpuLost || c == resetRequired }

// bars tells whether no program can use the GPU: engines fail on it, too.
func (c code) bars() bool { return c.loses() || c == versionMismatch }
