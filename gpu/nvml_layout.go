package gpu

import (
	"math"
	"unsafe"
)

// NVML's structures as its header declares them for 64-bit systems, where Go
// aligns fields like C does.
type (
	nvmlMemoryV1 struct{ Total, Free, Used uint64 }

	nvmlMemoryV2 struct {
		Version                     uint32
		Total, Reserved, Free, Used uint64
	}

	nvmlUtilization struct{ GPU, Memory uint32 } // percent

	// nvmlProcessV1 is what the function without a version tells.
	nvmlProcessV1 struct {
		PID    uint32
		Memory uint64
	}

	// nvmlProcessV2 is what the functions _v2 and _v3 tell.
	nvmlProcessV2 struct {
		nvmlProcessV1
		GPUInstance, ComputeInstance uint32
	}

	nvmlProcessSample struct {
		PID                          uint32
		At                           uint64 // microseconds, of the CPU's clock
		SM, Memory, Encoder, Decoder uint32 // percent
	}
)

// memoryV2Version goes into the structure before the call.
const memoryV2Version = uint32(unsafe.Sizeof(nvmlMemoryV2{})) | 2<<24

// notAvailable stands for an unknown amount of memory: always on Windows, whose
// own memory manager keeps the account.
const notAvailable = math.MaxUint64

func (n nvmlProcessV1) process(k Kind) Process {
	p := Process{PID: int(n.PID), Kind: k}
	if n.Memory != notAvailable {
		p.Memory = &n.Memory
	}
	return p
}

// cString is the text before the first zero byte.
func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
