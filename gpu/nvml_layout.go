package gpu

import "unsafe"

// NVML's structures as its header declares them for 64-bit systems, where Go
// aligns fields like C does.
type (
	nvmlMemoryV1 struct{ Total, Free, Used uint64 }

	nvmlMemoryV2 struct {
		Version                     uint32
		Total, Reserved, Free, Used uint64
	}

	nvmlUtilization struct{ GPU, Memory uint32 } // percent

	nvmlTemperature struct {
		Version, Sensor uint32
		Degrees         int32
	}

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
const temperatureVersion = uint32(unsafe.Sizeof(nvmlTemperature{})) | 1<<24

const memoryV2Version = uint32(unsafe.Sizeof(nvmlMemoryV2{})) | 2<<24

func (n nvmlProcessV1) use() use { return use{n.PID, n.Memory} }

// cString is the text before the first zero byte.
func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
