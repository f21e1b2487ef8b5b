// Package gputest holds doubles of a GPU: a scripted gpu.Reader, and a driver
// library that is loaded like the real one.
package gputest

import (
	"context"
	"sync"
	"time"

	"carpool/gpu"
)

// Reader gives readings as scripted. Its methods may be called from any
// goroutine, so that a test can change the script of a reader in use.
type Reader struct {
	mu       sync.Mutex
	readings []gpu.Reading // the last one is repeated
	gate     chan struct{} // not nil: reads hang until it is closed
	reads    int
	closes   int
}

// NewReader returns a reader that gives the readings in order and repeats the
// last. Without any it says "no NVIDIA GPU".
func NewReader(readings ...gpu.Reading) *Reader {
	return &Reader{readings: readings}
}

// Busy is a reading of a GPU of total bytes with used bytes in use.
func Busy(used, total uint64, utilization float64) gpu.Reading {
	return gpu.Reading{
		Available: true, Name: "Test GPU", Driver: "1.0",
		MemoryUsed: &used, MemoryTotal: &total, Utilization: &utilization,
	}
}

// Then adds readings to the script.
func (r *Reader) Then(readings ...gpu.Reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.readings = append(r.readings, readings...)
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

// Read gives the next reading of the script. A reading without a time is of now.
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
	if len(r.readings) == 0 {
		return []gpu.Reading{{At: time.Now(), Reason: "no NVIDIA GPU"}}
	}
	next := r.readings[0]
	if len(r.readings) > 1 {
		r.readings = r.readings[1:]
	}
	if next.At.IsZero() {
		next.At = time.Now()
	}
	return []gpu.Reading{next}
}

// Close counts.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closes++
	return nil
}
