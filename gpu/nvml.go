//go:build cgo && linux

package gpu

import (
	"github.com/NVIDIA/go-nvml/pkg/dl"
	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

const libraryName = "libnvidia-ml.so.1"

func openNVIDIA() Reader { return openLibrary(libraryName) }

// openLibrary reads through the NVML library of that name or path.
func openLibrary(path string) Reader {
	return &nvidia{lib: &nvmlLibrary{path: path, nvml: nvml.New(nvml.WithLibraryPath(path))}}
}

// nvmlLibrary is the driver's library, loaded at Start.
type nvmlLibrary struct {
	path string
	nvml nvml.Interface
}

func (l *nvmlLibrary) Start() code {
	if c := probe(l.path); c != success {
		return c
	}
	return code(l.nvml.Init())
}

// probe looks for what Init and Shutdown call without a look: a library without
// them would end the process.
func probe(path string) code {
	lib := dl.New(path, dl.RTLD_LAZY|dl.RTLD_GLOBAL)
	if lib.Open() != nil {
		return libraryNotFound
	}
	missing := !has(lib.Lookup, "nvmlInit") || !has(lib.Lookup, "nvmlShutdown")
	if lib.Close() != nil || missing {
		return functionNotFound
	}
	return success
}

func (l *nvmlLibrary) Has(function string) bool {
	return has(l.nvml.Extensions().LookupSymbol, function)
}

// has looks for a function under its name, or under a newer name by which the
// binding prefers to call it.
func has(lookup func(string) error, function string) bool {
	if lookup(function) == nil {
		return true
	}
	for _, version := range versions[function] {
		if lookup(function+version) == nil {
			return true
		}
	}
	return false
}

func (l *nvmlLibrary) DriverVersion() (string, code) {
	version, ret := l.nvml.SystemGetDriverVersion()
	return version, code(ret)
}

func (l *nvmlLibrary) Count() (int, code) {
	count, ret := l.nvml.DeviceGetCount()
	return count, code(ret)
}

func (l *nvmlLibrary) Device(index int) (device, code) {
	d, ret := l.nvml.DeviceGetHandleByIndex(index)
	return nvmlDevice{d}, code(ret)
}

func (l *nvmlLibrary) ProgramName(pid uint32) (string, code) {
	name, ret := l.nvml.SystemGetProcessName(int(pid))
	return name, code(ret)
}

func (l *nvmlLibrary) Stop() code { return code(l.nvml.Shutdown()) }

type nvmlDevice struct{ nvml nvml.Device }

func (d nvmlDevice) Name() (string, code) {
	name, ret := d.nvml.GetName()
	return name, code(ret)
}

func (d nvmlDevice) UUID() (string, code) {
	uuid, ret := d.nvml.GetUUID()
	return uuid, code(ret)
}

func (d nvmlDevice) MemoryV2() (memory, code) {
	m, ret := d.nvml.GetMemoryInfo_v2()
	return memory{total: m.Total, reserved: m.Reserved, free: m.Free, used: m.Used}, code(ret)
}

func (d nvmlDevice) Memory() (memory, code) {
	m, ret := d.nvml.GetMemoryInfo()
	return memory{total: m.Total, free: m.Free, used: m.Used}, code(ret)
}

func (d nvmlDevice) Utilization() (gpu, memory uint32, c code) {
	u, ret := d.nvml.GetUtilizationRates()
	return u.Gpu, u.Memory, code(ret)
}

func (d nvmlDevice) Power() (uint32, code) {
	milliwatts, ret := d.nvml.GetPowerUsage()
	return milliwatts, code(ret)
}

func (d nvmlDevice) EnforcedPowerLimit() (uint32, code) {
	milliwatts, ret := d.nvml.GetEnforcedPowerLimit()
	return milliwatts, code(ret)
}

func (d nvmlDevice) PowerLimit() (uint32, code) {
	milliwatts, ret := d.nvml.GetPowerManagementLimit()
	return milliwatts, code(ret)
}

func (d nvmlDevice) Energy() (uint64, code) {
	millijoules, ret := d.nvml.GetTotalEnergyConsumption()
	return millijoules, code(ret)
}

func (d nvmlDevice) Temperature() (int, code) {
	degrees, ret := d.nvml.GetTemperature(nvml.TEMPERATURE_GPU)
	return int(degrees), code(ret)
}

func (d nvmlDevice) TemperatureV() (int, code) {
	t, ret := d.nvml.GetTemperatureV().V1()
	return int(t.Temperature), code(ret)
}

func (d nvmlDevice) ClockEventReasons() (uint64, code) {
	reasons, ret := d.nvml.GetCurrentClocksEventReasons()
	return reasons, code(ret)
}

func (d nvmlDevice) ClockThrottleReasons() (uint64, code) {
	reasons, ret := d.nvml.GetCurrentClocksThrottleReasons()
	return reasons, code(ret)
}

func (d nvmlDevice) Clock() (uint32, code) {
	mhz, ret := d.nvml.GetClockInfo(nvml.CLOCK_GRAPHICS)
	return mhz, code(ret)
}

func (d nvmlDevice) MemoryClock() (uint32, code) {
	mhz, ret := d.nvml.GetClockInfo(nvml.CLOCK_MEM)
	return mhz, code(ret)
}

func (d nvmlDevice) Running(function string, to []use) ([]use, code) {
	list := d.nvml.GetComputeRunningProcesses
	switch function {
	case mpsList:
		list = d.nvml.GetMPSComputeRunningProcesses
	case graphicsList:
		list = d.nvml.GetGraphicsRunningProcesses
	}
	processes, ret := list()
	for _, p := range processes {
		to = append(to, use{p.Pid, p.UsedGpuMemory})
	}
	return to, code(ret)
}

func (d nvmlDevice) ProcessUtilization(since uint64, to []sample) (_ []sample, c code) {
	// The binding asks how many there are, then for all, and slices beyond what it
	// has if they became more in between.
	defer func() {
		if recover() != nil {
			c = notFound
		}
	}()
	samples, ret := d.nvml.GetProcessUtilization(since)
	if ret == nvml.ERROR_INSUFFICIENT_SIZE && len(samples) == 0 {
		return to, notFound // so it says that there is none
	}
	for _, s := range samples {
		to = append(to, sample{pid: s.Pid, at: s.TimeStamp, percent: s.SmUtil})
	}
	return to, code(ret)
}
