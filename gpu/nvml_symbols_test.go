//go:build linux && (amd64 || arm64)

package gpu

import (
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"
)

// loaded calls a shared library as dll calls nvml.dll. lacks are functions that
// it is said to lack.
type loaded struct {
	t      *testing.T
	handle uintptr
	lacks  []string
	fails  code
}

func (l *loaded) load() code { return l.fails }

func (l *loaded) has(function string) bool {
	for _, name := range l.lacks {
		if name == function {
			return false
		}
	}
	_, err := purego.Dlsym(l.handle, function)
	return err == nil
}

func (l *loaded) call(function string, args ...any) code {
	address, err := purego.Dlsym(l.handle, function)
	if err != nil || !l.has(function) {
		l.t.Fatalf("%s was called, which the library lacks", function)
	}
	r, _, _ := purego.SyscallN(address, words(args)...)
	runtime.KeepAlive(args)
	return code(int32(r))
}

// buildNVML compiles testdata/nvml.c against the header of the binding's module.
func buildNVML(t *testing.T) *loaded {
	t.Helper()
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("needs gcc to build a driver library")
	}
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/NVIDIA/go-nvml").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "nvml.so")
	include := "-I" + filepath.Join(strings.TrimSpace(string(module)), "pkg", "nvml")
	out, err := exec.CommandContext(t.Context(), compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-Wno-deprecated-declarations",
		include, "-o", path, filepath.Join("testdata", "nvml.c")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		t.Fatal(err)
	}
	return &loaded{t: t, handle: handle}
}

func TestNVMLSymbols(t *testing.T) {
	so := buildNVML(t)

	t.Run("StructuresAreAsTheHeaderSays", func(t *testing.T) {
		var (
			m1 nvmlMemoryV1
			m2 nvmlMemoryV2
			u  nvmlUtilization
			p1 nvmlProcessV1
			p2 nvmlProcessV2
			s  nvmlProcessSample
		)
		for name, got := range map[string][]uintptr{
			"memory": {unsafe.Sizeof(m1), unsafe.Offsetof(m1.Total), unsafe.Offsetof(m1.Free), unsafe.Offsetof(m1.Used)},
			"memory_v2": {unsafe.Sizeof(m2), unsafe.Offsetof(m2.Version), unsafe.Offsetof(m2.Total), unsafe.Offsetof(m2.Reserved),
				unsafe.Offsetof(m2.Free), unsafe.Offsetof(m2.Used), uintptr(memoryV2Version)},
			"utilization": {unsafe.Sizeof(u), unsafe.Offsetof(u.GPU), unsafe.Offsetof(u.Memory)},
			"process_v1":  {unsafe.Sizeof(p1), unsafe.Offsetof(p1.PID), unsafe.Offsetof(p1.Memory)},
			"process_v2": {unsafe.Sizeof(p2), unsafe.Offsetof(p2.PID), unsafe.Offsetof(p2.Memory),
				unsafe.Offsetof(p2.GPUInstance), unsafe.Offsetof(p2.ComputeInstance)},
			"sample": {unsafe.Sizeof(s), unsafe.Offsetof(s.PID), unsafe.Offsetof(s.At), unsafe.Offsetof(s.SM), unsafe.Offsetof(s.Memory),
				unsafe.Offsetof(s.Encoder), unsafe.Offsetof(s.Decoder)},
		} {
			address, err := purego.Dlsym(so.handle, "layout_"+name)
			if err != nil {
				t.Fatal(err)
			}
			want := unsafe.Slice(*(**uintptr)(unsafe.Pointer(&address)), len(got))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: size and offsets %v, the header says %v", name, got, want)
			}
		}
	})

	t.Run("IsReadLikeAnyDriver", func(t *testing.T) {
		n := &nvidia{lib: nvmlSymbols{&loaded{t: t, handle: so.handle, fails: libraryNotFound}}}
		requireReading(t, n, "no NVIDIA GPU")
	})

	t.Run("TellsEverything", func(t *testing.T) {
		lib := nvmlSymbols{so}
		if c := lib.Start(); c != success {
			t.Fatal(c)
		}
		found, c := lib.Device(2)
		if c != success {
			t.Fatal(c)
		}
		d := found.(nvmlSymbolsDevice)
		type told struct {
			v any
			c code
		}
		tell := func(v any, c code) told { return told{v, c} }
		both := func(a, b uint32, c code) ([2]uint32, code) { return [2]uint32{a, b}, c }
		for name, got := range map[string][2]told{
			"driver":          {tell(lib.DriverVersion()), {"570.1", 0}},
			"count":           {tell(lib.Count()), {3, 0}},
			"process name":    {tell(lib.ProgramName(41)), {`C:\ollama.exe`, 0}},
			"unknown process": {tell(lib.ProgramName(40)), {"", notFound}},
			"name":            {tell(d.Name()), {"NVIDIA Card", 0}},
			"uuid":            {tell(d.UUID()), {"GPU-1234", 0}},
			"memory v2":       {tell(d.MemoryV2()), {memory{24 << 30, 1 << 29, 24<<30 - 1<<29 - 6<<30, 6 << 30}, 0}},
			"memory":          {tell(d.Memory()), {memory{24 << 30, 0, 17 << 30, 7 << 30}, 0}},
			"utilization":     {tell(both(d.Utilization())), {[2]uint32{37, 12}, 0}},
			"power":           {tell(d.Power()), {uint32(250500), 0}},
			"power limit":     {tell(d.EnforcedPowerLimit()), {uint32(450000), 0}},
			"energy":          {tell(d.Energy()), {uint64(5000000000123), 0}},
			"temperature":     {tell(d.Temperature()), {66, 0}},
			"throttle":        {tell(d.ClockThrottleReasons()), {uint64(1<<40 | 4), 0}},
			"clock":           {tell(d.Clock()), {uint32(2520), 0}},
			"memory clock":    {tell(d.MemoryClock()), {uint32(10501), 0}},
			"samples":         {tell(d.ProcessUtilization(1<<39, nil)), {[]sample{{41, 1<<39 + 1, 30}, {42, 1<<39 + 2, 31}}, 0}},
			"no samples":      {tell(d.ProcessUtilization(1<<40, nil)), {[]sample(nil), notFound}},
		} {
			if !reflect.DeepEqual(got[0], got[1]) {
				t.Errorf("%s: %v, want %v", name, got[0], got[1])
			}
		}
		if c := lib.Stop(); c != success {
			t.Error(c)
		}
	})

	t.Run("ListsMoreProcessesThanExpected", func(t *testing.T) {
		all, c := nvmlSymbolsDevice{nvmlSymbols{so}, 0x7001}.Running(computeList, nil)
		if c != success || len(all) != 100 {
			t.Fatalf("%d processes, code %d", len(all), c)
		}
		for i, p := range all {
			if want := uint64(i) << 30; p.pid != uint32(1000+i) || i != 7 && p.memory != want {
				t.Errorf("process %d: %+v", i, p)
			}
		}
		if all[7].memory != notTold {
			t.Errorf("memory that is not available is told as %d", all[7].memory)
		}
	})

	t.Run("ListsProcessesOfAnOldDriver", func(t *testing.T) {
		all, c := nvmlSymbolsDevice{nvmlSymbols{so}, 0x7001}.Running(graphicsList, nil)
		if c != success || len(all) != 2 || all[1] != (use{42, 6}) {
			t.Errorf("%+v, code %d", all, c)
		}
	})

	t.Run("CallsNothingThatIsLacking", func(t *testing.T) {
		lib := nvmlSymbols{&loaded{t: t, handle: so.handle, lacks: []string{"nvmlInit_v2", "nvmlDeviceGetUUID", "nvmlDeviceGetCount_v2"}}}
		if c := lib.Start(); c != functionNotFound {
			t.Errorf("start: code %d", c)
		}
		if _, c := lib.Count(); c != functionNotFound {
			t.Errorf("count: code %d", c)
		}
		if _, c := (nvmlSymbolsDevice{lib, 0x7001}).UUID(); c != functionNotFound {
			t.Errorf("uuid: code %d", c)
		}
		if _, c := (nvmlSymbolsDevice{lib, 0x7001}).Running(graphicsList, nil); c != success {
			t.Errorf("graphics processes: code %d", c)
		}
	})
}
