// Package gputest holds doubles of a GPU: a scripted gpu.Reader, and a driver
// library that is loaded like the real one.
package gputest

import (
	"context"
	"slices"
	"sync"
	"time"

	"carpool/gpu"
)

// Reader gives readings as scripted. Its methods may be called from any
// goroutine, so that a test can change the script of a reader in use.
type Reader struct {
	mu     sync.Mutex
	script [][]gpu.Reading // the last ones are repeated
	idle   time.Time
	gate   chan struct{} // not nil: reads hang until it is closed
	reads  int
	closes int
}

// NewReader returns a reader of one GPU that gives the readings in order and
// repeats the last. Without any it says "no NVIDIA GPU".
func NewReader(readings ...gpu.Reading) *Reader {
	r := &Reader{}
	r.Then(readings...)
	return r
}

// Machine returns a reader of several GPUs, numbered from 0, that repeats these
// readings until ThenAll adds others.
func Machine(readings ...gpu.Reading) *Reader {
	r := &Reader{}
	r.ThenAll(readings...)
	return r
}

// Busy is a reading of a GPU of total bytes with used bytes in use.
func Busy(used, total uint64, utilization float64) gpu.Reading {
	return gpu.Reading{
		Available: true, Name: "Test GPU", Driver: "1.0",
		MemoryUsed: &used, MemoryTotal: &total, Utilization: &utilization,
	}
}

// Holding is r with these processes on the GPU; none: no process is on it.
func Holding(r gpu.Reading, processes ...gpu.Process) gpu.Reading {
	r.Processes = append([]gpu.Process{}, processes...)
	return r
}

// Process computes on a GPU and holds memory of it, in bytes.
func Process(pid int, name string, memory uint64, utilization float64) gpu.Process {
	return gpu.Process{PID: pid, Name: name, Kind: gpu.Compute, Memory: &memory, Utilization: &utilization}
}

// Then adds reads of one GPU to the script.
func (r *Reader) Then(readings ...gpu.Reading) {
	for _, one := range readings {
		r.ThenAll(one)
	}
}

// ThenAll adds one read of several GPUs to the script, numbered from 0.
func (r *Reader) ThenAll(readings ...gpu.Reading) {
	all := slices.Clone(readings)
	for i := range all {
		all[i].Index = i
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script = append(r.script, all)
}

// SetIdle lets the reader say that nothing new is to be read until then.
func (r *Reader) SetIdle(until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = until
}

// Idle is what SetIdle set.
func (r *Reader) Idle() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.idle
}

// Hang lets every read hang, deaf to its context like a driver, until release
// is called.
func (r *Reader) Hang() (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gate := make(chan struct{})
	r.gate = gate
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.gate = nil
		close(gate)
	})
}

// Reads is how many reads were begun.
func (r *Reader) Reads() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reads
}

// Closes is how many times the reader was closed.
func (r *Reader) Closes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closes
}

// Read gives the next readings of the script. A reading without a time is of now.
func (r *Reader) Read(context.Context) []gpu.Reading {
	r.mu.Lock()
	r.reads++
	gate := r.gate
	r.mu.Unlock()
	if gate != nil {
		<-gate
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.script) == 0 {
		return []gpu.Reading{{At: time.Now(), Reason: "no NVIDIA GPU"}}
	}
	next := slices.Clone(r.script[0])
	if len(r.script) > 1 {
		r.script = r.script[1:]
	}
	for i := range next {
		if next[i].At.IsZero() {
			next[i].At = time.Now()
		}
	}
	return next
}

// Close counts.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closes++
	return nil
}
