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

// has looks for a function under its name, or under the newer name by which the
// binding prefers to call it.
func has(lookup func(string) error, function string) bool {
	return lookup(function) == nil || versioned[function] && lookup(function+"_v2") == nil
}

// versioned are the functions for which the binding takes the _v2 if there is
// one. Memory is not among them: its _v2 is another function.
var versioned = map[string]bool{
	"nvmlInit": true, "nvmlDeviceGetCount": true, "nvmlDeviceGetHandleByIndex": true,
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

func (l *nvmlLibrary) Stop() code { return code(l.nvml.Shutdown()) }

type nvmlDevice struct{ nvml.Device }

func (d nvmlDevice) Name() (string, code) {
	name, ret := d.GetName()
	return name, code(ret)
}

func (d nvmlDevice) MemoryV2() (memory, code) {
	m, ret := d.GetMemoryInfo_v2()
	return memory{total: m.Total, reserved: m.Reserved, used: m.Used}, code(ret)
}

func (d nvmlDevice) Memory() (memory, code) {
	m, ret := d.GetMemoryInfo()
	return memory{total: m.Total, used: m.Used}, code(ret)
}

func (d nvmlDevice) Utilization() (uint32, code) {
	u, ret := d.GetUtilizationRates()
	return u.Gpu, code(ret)
}
