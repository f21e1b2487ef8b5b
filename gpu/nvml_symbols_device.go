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
	return memory{total: m.Total, reserved: m.Reserved, free: m.Free, used: m.Used}, c
}

func (d nvmlSymbolsDevice) Memory() (memory, code) {
	var m nvmlMemoryV1
	c := d.call("nvmlDeviceGetMemoryInfo", d.handle, unsafe.Pointer(&m))
	return memory{total: m.Total, free: m.Free, used: m.Used}, c
}

func (d nvmlSymbolsDevice) Utilization() (gpu, memory uint32, c code) {
	var u nvmlUtilization
	c = d.call("nvmlDeviceGetUtilizationRates", d.handle, unsafe.Pointer(&u))
	return u.GPU, u.Memory, c
}

func (d nvmlSymbolsDevice) Power() (uint32, code) { return d.number("nvmlDeviceGetPowerUsage") }

func (d nvmlSymbolsDevice) EnforcedPowerLimit() (uint32, code) {
	return d.number("nvmlDeviceGetEnforcedPowerLimit")
}

func (d nvmlSymbolsDevice) PowerLimit() (uint32, code) {
	return d.number("nvmlDeviceGetPowerManagementLimit")
}

func (d nvmlSymbolsDevice) Energy() (mj uint64, c code) {
	c = d.call("nvmlDeviceGetTotalEnergyConsumption", d.handle, unsafe.Pointer(&mj))
	return mj, c
}

func (d nvmlSymbolsDevice) Temperature() (int, code) {
	degrees, c := d.number("nvmlDeviceGetTemperature", uint32(gpuSensor))
	return int(degrees), c
}

func (d nvmlSymbolsDevice) TemperatureV() (int, code) {
	t := nvmlTemperature{Version: temperatureVersion, Sensor: gpuSensor}
	c := d.call("nvmlDeviceGetTemperatureV", d.handle, unsafe.Pointer(&t))
	return int(t.Degrees), c
}

func (d nvmlSymbolsDevice) ClockEventReasons() (reasons uint64, c code) {
	c = d.call("nvmlDeviceGetCurrentClocksEventReasons", d.handle, unsafe.Pointer(&reasons))
	return reasons, c
}

func (d nvmlSymbolsDevice) ClockThrottleReasons() (reasons uint64, c code) {
	c = d.call("nvmlDeviceGetCurrentClocksThrottleReasons", d.handle, unsafe.Pointer(&reasons))
	return reasons, c
}

func (d nvmlSymbolsDevice) Clock() (uint32, code) {
	return d.number("nvmlDeviceGetClockInfo", uint32(graphicsClock))
}

func (d nvmlSymbolsDevice) MemoryClock() (uint32, code) {
	return d.number("nvmlDeviceGetClockInfo", uint32(memoryClock))
}

func (d nvmlSymbolsDevice) Running(function string, to []use) ([]use, code) {
	switch newest := d.newest(function); newest {
	case function:
		return listUses[nvmlProcessV1](d, newest, to)
	default:
		return listUses[nvmlProcessV2](d, newest, to)
	}
}

func (d nvmlSymbolsDevice) ProcessUtilization(since uint64, to []sample) ([]sample, code) {
	found, c := list[nvmlProcessSample](func(n *uint32, buffer unsafe.Pointer) code {
		return d.call("nvmlDeviceGetProcessUtilization", d.handle, buffer, unsafe.Pointer(n), since)
	})
	for _, s := range found {
		to = append(to, sample{pid: s.PID, at: s.At, percent: s.SM})
	}
	return to, c
}

// number calls a function that tells a 32-bit number by its last argument.
func (d nvmlSymbolsDevice) number(function string, args ...any) (v uint32, c code) {
	args = append([]any{d.handle}, args...)
	c = d.call(function, append(args, unsafe.Pointer(&v))...)
	return v, c
}

func listUses[T interface{ use() use }](d nvmlSymbolsDevice, function string, to []use) ([]use, code) {
	found, c := list[T](func(n *uint32, buffer unsafe.Pointer) code {
		return d.call(function, d.handle, unsafe.Pointer(n), buffer)
	})
	for _, p := range found {
		to = append(to, p.use())
	}
	return to, c
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
