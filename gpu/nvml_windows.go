//go:build amd64 || arm64

package gpu

import (
	"path/filepath"
	"runtime"

	"golang.org/x/sys/windows"
)

func open() Reader { return &nvidia{lib: nvmlSymbols{&dll{}}} }

// dll is nvml.dll where the driver put it: drivers of today in System32, those
// of before 2019 in a folder of their own. It is looked for nowhere else, so
// that no file beside a program takes its place.
type dll struct {
	lib       *windows.LazyDLL // nil: not loaded
	functions map[string]*windows.LazyProc
}

func (d *dll) load() code {
	if d.lib != nil {
		return success
	}
	candidates := []*windows.LazyDLL{windows.NewLazySystemDLL("nvml.dll")}
	if programs, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFiles, 0); err == nil {
		path := filepath.Join(programs, "NVIDIA Corporation", "NVSMI", "nvml.dll")
		candidates = append(candidates, windows.NewLazyDLL(path))
	}
	for _, lib := range candidates {
		if lib.Load() == nil {
			d.lib, d.functions = lib, map[string]*windows.LazyProc{}
			return success
		}
	}
	return libraryNotFound
}

func (d *dll) has(function string) bool {
	return d.lib != nil && d.function(function).Find() == nil
}

func (d *dll) call(function string, args ...any) code {
	r, _, _ := d.function(function).Call(words(args)...)
	runtime.KeepAlive(args)
	return code(int32(r)) // the upper half of the register means nothing
}

func (d *dll) function(name string) *windows.LazyProc {
	f, ok := d.functions[name]
	if !ok {
		f = d.lib.NewProc(name)
		d.functions[name] = f
	}
	return f
}
