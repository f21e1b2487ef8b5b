// Package gpu reads what the GPUs of this machine do. It never changes it.
//
// A machine without a GPU, a driver, or a driver that answers is no error: its
// readings are not Available and say why in words for people.
package gpu

import (
	"context"
	"time"
)

// Reading is one look at one GPU. A field that is nil is not available: the
// driver does not tell it. That is another thing than 0.
type Reading struct {
	At        time.Time `json:"at"`
	Available bool      `json:"available"`
	Reason    string    `json:"reason,omitempty"` // why not available, for people: "no NVIDIA GPU"
	Lost      bool      `json:"lost,omitempty"`   // no program can use it until it, its driver or the computer is started anew

	Index  int    `json:"index"` // among the GPUs of this machine, from 0; as the driver counts
	UUID   string `json:"uuid,omitempty"`
	Name   string `json:"name,omitempty"`
	Driver string `json:"driver,omitempty"` // version
	Source string `json:"source,omitempty"` // what reads it: "NVML", "amdgpu", "Apple"

	MemoryUsed     *uint64 `json:"memory_used_bytes,omitempty"`     // by programs, as nvidia-smi shows it; without MemoryReserved where that is told
	MemoryReserved *uint64 `json:"memory_reserved_bytes,omitempty"` // kept by driver and firmware
	MemoryFree     *uint64 `json:"memory_free_bytes,omitempty"`
	MemoryTotal    *uint64 `json:"memory_total_bytes,omitempty"`
	Unified        bool    `json:"unified,omitempty"` // the memory is the machine's own, shared with the CPU

	Utilization       *float64 `json:"utilization,omitempty"`        // 0..1: share of the last 1/6 to 1 s in which any kernel ran
	MemoryUtilization *float64 `json:"memory_utilization,omitempty"` // 0..1: share of that time in which memory was read or written

	Power       *float64 `json:"power_watts,omitempty"`
	PowerLimit  *float64 `json:"power_limit_watts,omitempty"`
	Energy      *float64 `json:"energy_joules,omitempty"` // since the driver was loaded; only differences mean something
	Temperature *float64 `json:"temperature_celsius,omitempty"`
	Throttle    []string `json:"throttle,omitempty"` // why it runs slower than it could, for people: "power limit"; idle is none
	Clock       *float64 `json:"clock_mhz,omitempty"`
	MemoryClock *float64 `json:"memory_clock_mhz,omitempty"`

	// Processes are those that hold memory or run kernels; nil where the driver
	// does not tell them, empty where none does.
	Processes []Process `json:"processes,omitempty"`
}

// Process is a program's part of a GPU.
type Process struct {
	PID         int      `json:"pid"`
	Name        string   `json:"name,omitempty"` // of the program, where the driver tells
	Kind        Kind     `json:"kind,omitempty"`
	Memory      *uint64  `json:"memory_bytes,omitempty"`
	Utilization *float64 `json:"utilization,omitempty"` // 0..1, a mean since the reading before
}

// Kind is what a process uses the GPU for.
type Kind string

// The kinds. The zero value means not told.
const (
	Compute         Kind = "compute"
	Graphics        Kind = "graphics"
	ComputeGraphics Kind = "compute and graphics"
)

// Reader reads all GPUs of this machine that it knows how to read. Read is called
// by one goroutine at a time, and so is Close, once, after the last Read. What
// Read returned is never changed. It holds at least one reading: where there is
// no GPU, one that says why.
type Reader interface {
	Read(ctx context.Context) []Reading
	Close() error
}

// Open returns the best reader of this machine. It never fails and asks
// nothing of the driver yet: without a GPU or driver the reader's readings say
// why.
func Open() Reader { return open() }

// Free is the memory that programs can still have, in bytes; false where it is
// not known.
func (r Reading) Free() (uint64, bool) {
	switch {
	case r.MemoryFree != nil:
		return *r.MemoryFree, true
	case r.MemoryUsed != nil && r.MemoryTotal != nil && *r.MemoryUsed <= *r.MemoryTotal:
		return *r.MemoryTotal - *r.MemoryUsed, true
	}
	return 0, false
}

// clear leaves only which GPU it is, and the reason why there is no more.
func (r *Reading) clear(reason string) {
	*r = Reading{At: r.At, Index: r.Index, UUID: r.UUID, Name: r.Name, Driver: r.Driver, Source: r.Source, Reason: reason}
}
