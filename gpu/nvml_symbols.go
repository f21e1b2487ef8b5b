//go:build amd64 || arm64

package gpu

import (
	"fmt"
	"unsafe"
)

// symbols is a library of which functions are called by name.
//
// The arguments are uint32, uint64, uintptr or unsafe.Pointer. They are turned
// into words by the implementation and no sooner: what a caller of an interface
// passes is on the heap, so a pointer stays right though the stack moves.
type symbols interface {
	load() code // may be called again
	has(function string) bool
	call(function string, args ...any) code // only a function that it has
}

// words are the arguments as the C convention of 64-bit systems takes them. The
// caller keeps args alive until its call has ended.
func words(args []any) []uintptr {
	w := make([]uintptr, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case uint32:
			w[i] = uintptr(a)
		case uint64:
			w[i] = uintptr(a)
		case uintptr:
			w[i] = a
		case unsafe.Pointer:
			w[i] = uintptr(a)
		default:
			panic(fmt.Sprintf("argument of type %T", a))
		}
	}
	return w
}

// nvmlSymbols is NVML called without cgo. A function that the library lacks
// answers functionNotFound.
type nvmlSymbols struct{ symbols symbols }

var _ library = nvmlSymbols{}

func (l nvmlSymbols) Start() code {
	if c := l.symbols.load(); c != success {
		return c
	}
	if !l.Has("nvmlShutdown") {
		return functionNotFound
	}
	return l.call("nvmlInit")
}

// Has tells whether the library has the function, of whichever version.
func (l nvmlSymbols) Has(function string) bool { return l.newest(function) != "" }

func (l nvmlSymbols) DriverVersion() (string, code) {
	return l.text("nvmlSystemGetDriverVersion")
}

func (l nvmlSymbols) Count() (int, code) {
	var n uint32
	c := l.call("nvmlDeviceGetCount", unsafe.Pointer(&n))
	return int(n), c
}

func (l nvmlSymbols) Device(index int) (device, code) {
	var handle uintptr
	c := l.call("nvmlDeviceGetHandleByIndex", uint32(index), unsafe.Pointer(&handle))
	return nvmlSymbolsDevice{l, handle}, c
}

func (l nvmlSymbols) ProgramName(pid uint32) (string, code) {
	return l.text("nvmlSystemGetProcessName", pid)
}

func (l nvmlSymbols) Stop() code { return l.call("nvmlShutdown") }

// text calls a function whose last arguments are a buffer and its size.
func (l nvmlSymbols) text(function string, args ...any) (string, code) {
	buffer := make([]byte, 256)
	args = append(args, unsafe.Pointer(&buffer[0]), uint32(len(buffer)))
	c := l.call(function, args...)
	return cString(buffer), c
}

func (l nvmlSymbols) call(function string, args ...any) code {
	name := l.newest(function)
	if name == "" {
		return functionNotFound
	}
	return l.symbols.call(name, args...)
}

// newest is the name by which to call a function, "" if the library lacks it.
func (l nvmlSymbols) newest(function string) string {
	for _, version := range versions[function] {
		if l.symbols.has(function + version) {
			return function + version
		}
	}
	if l.symbols.has(function) {
		return function
	}
	return ""
}
