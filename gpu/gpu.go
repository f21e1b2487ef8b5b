// Package gpu reads what the GPU does. It never changes it.
//
// A machine without a GPU, a driver, or a driver that answers is no error: its
// readings are not Available and say why in words for people. Only the first
// NVIDIA GPU is read so far.
package gpu

import (
	"context"
	"time"
)

// Reading is one look at one GPU. A field that the driver does not tell is nil.
type Reading struct {
	At          time.Time `json:"at"`
	Available   bool      `json:"available"`
	Reason      string    `json:"reason,omitempty"` // why not available, for people: "no NVIDIA GPU"
	Name        string    `json:"name,omitempty"`
	Driver      string    `json:"driver,omitempty"`            // version
	MemoryUsed  *uint64   `json:"memory_used_bytes,omitempty"` // by all programs, driver's reserve included
	MemoryTotal *uint64   `json:"memory_total_bytes,omitempty"`
	Utilization *float64  `json:"utilization,omitempty"` // 0..1: share of the last 1/6 to 1 s in which any kernel ran
}

// Reader reads one GPU. Read is called by one goroutine at a time, and so is
// Close, once, after the last Read.
type Reader interface {
	Read(ctx context.Context) Reading
	Close() error
}

// Open returns the best reader of this machine. It never fails and asks
// nothing of the driver yet: without a GPU or driver the reader's readings say
// why.
func Open() Reader { return open() }
