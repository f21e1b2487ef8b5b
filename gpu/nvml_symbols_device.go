//go:build amd64 || arm64

package gpu

import "unsafe"

const (
	tooSmall code = 7 // the buffer; how much is needed is told

	graphicsClock = 0
	memoryClock   = 2
	gpuSensor     = 0
)

// nvmlSymbolsDevice is a GPU of NVML called without cgo.
type nvmlSymbolsDevice struct {
	nvmlSymbols
	handle uintptr
}

var _ device = nvmlSymbolsDevice{}

func (d nvmlSymbolsDevice) Name() (string, code) { return d.text("nvmlDeviceGetName", d.handle) }
func (d nvmlSymbolsDevice) UUID() (string, code) { return d.text("nvmlDeviceGetUUID", d.handle) }

func (d nvmlSymbolsDevice) MemoryV2() (memory, code) {
	m := nvmlMemoryV2{Version: memoryV2Version}
	c := d.call("nvmlDeviceGetMemoryInfo_v2", d.handle, unsafe.Pointer(&m))
	return memory{total: m.Total, reserved: m.Reserved, used: m.Used}, c
}

func (d nvmlSymbolsDevice) Memory() (memory, code) {
	var m nvmlMemoryV1
	c := d.call("nvmlDeviceGetMemoryInfo", d.handle, unsafe.Pointer(&m))
	return memory{total: m.Total, used: m.Used}, c
}

func (d nvmlSymbolsDevice) Utilization() (uint32, code) {
	u, c := d.utilization()
	return u.GPU, c
}

// MemoryUtilization is the share of time in which memory was read or written,
// in percent.
func (d nvmlSymbolsDevice) MemoryUtilization() (uint32, code) {
	u, c := d.utilization()
	return u.Memory, c
}

func (d nvmlSymbolsDevice) utilization() (u nvmlUtilization, c code) {
	c = d.call("nvmlDeviceGetUtilizationRates", d.handle, unsafe.Pointer(&u))
	return u, c
}

// Power is in milliwatts.
func (d nvmlSymbolsDevice) Power() (uint32, code) { return d.number("nvmlDeviceGetPowerUsage") }

// PowerLimit is in milliwatts: the lowest of all limits in force.
func (d nvmlSymbolsDevice) PowerLimit() (uint32, code) {
	return d.number("nvmlDeviceGetEnforcedPowerLimit")
}

// Energy is in millijoules since the driver was loaded.
func (d nvmlSymbolsDevice) Energy() (mj uint64, c code) {
	c = d.call("nvmlDeviceGetTotalEnergyConsumption", d.handle, unsafe.Pointer(&mj))
	return mj, c
}

// Temperature is that of the chip, in °C.
func (d nvmlSymbolsDevice) Temperature() (uint32, code) {
	return d.number("nvmlDeviceGetTemperature", uint32(gpuSensor))
}

// Throttle is a bit for each reason why the GPU runs slower than it could.
func (d nvmlSymbolsDevice) Throttle() (reasons uint64, c code) {
	c = d.call("nvmlDeviceGetCurrentClocksEventReasons", d.handle, unsafe.Pointer(&reasons))
	if c == functionNotFound { // its name before driver 535
		c = d.call("nvmlDeviceGetCurrentClocksThrottleReasons", d.handle, unsafe.Pointer(&reasons))
	}
	return reasons, c
}

// Clock is that of the graphics domain, in MHz.
func (d nvmlSymbolsDevice) Clock() (uint32, code) {
	return d.number("nvmlDeviceGetClockInfo", uint32(graphicsClock))
}

// MemoryClock is in MHz.
func (d nvmlSymbolsDevice) MemoryClock() (uint32, code) {
	return d.number("nvmlDeviceGetClockInfo", uint32(memoryClock))
}

// ComputeProcesses are those with a compute context.
func (d nvmlSymbolsDevice) ComputeProcesses() ([]Process, code) {
	return d.processes("nvmlDeviceGetComputeRunningProcesses", Compute)
}

// GraphicsProcesses are those with a graphics context.
func (d nvmlSymbolsDevice) GraphicsProcesses() ([]Process, code) {
	return d.processes("nvmlDeviceGetGraphicsRunningProcesses", Graphics)
}

func (d nvmlSymbolsDevice) processes(function string, k Kind) ([]Process, code) {
	for _, version := range []string{"_v3", "_v2"} {
		if d.Has(function + version) {
			return listProcesses[nvmlProcessV2](d, function+version, k)
		}
	}
	return listProcesses[nvmlProcessV1](d, function, k)
}

// ProcessUtilization are the samples taken after since, which is an earlier
// sample's time, 0 for all that the driver keeps. notFound says that there are
// none.
func (d nvmlSymbolsDevice) ProcessUtilization(since uint64) ([]nvmlProcessSample, code) {
	return list[nvmlProcessSample](func(n *uint32, buffer unsafe.Pointer) code {
		return d.call("nvmlDeviceGetProcessUtilization", d.handle, buffer, unsafe.Pointer(n), since)
	})
}

// number calls a function that tells a 32-bit number by its last argument.
func (d nvmlSymbolsDevice) number(function string, args ...any) (v uint32, c code) {
	args = append([]any{d.handle}, args...)
	c = d.call(function, append(args, unsafe.Pointer(&v))...)
	return v, c
}

func listProcesses[T interface{ process(Kind) Process }](d nvmlSymbolsDevice, function string, k Kind) ([]Process, code) {
	found, c := list[T](func(n *uint32, buffer unsafe.Pointer) code {
		return d.call(function, d.handle, unsafe.Pointer(n), buffer)
	})
	all := make([]Process, len(found))
	for i, p := range found {
		all[i] = p.process(k)
	}
	return all, c
}

// list asks with a larger buffer each time it was too small: processes may have
// begun since the library told how many there are.
func list[T any](ask func(n *uint32, buffer unsafe.Pointer) code) ([]T, code) {
	size := uint32(64)
	for range 4 {
		buffer := make([]T, size)
		n := size
		c := ask(&n, unsafe.Pointer(&buffer[0]))
		switch {
		case c == success:
			return buffer[:min(n, size)], c
		case c != tooSmall:
			return nil, c
		}
		size = max(n, size) * 2
	}
	return nil, tooSmall
}
