// Package gpu reads what the GPU does. It never changes it.
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
	Driver      string    `json:"driver,omitempty"`
	MemoryUsed  *uint64   `json:"memory_used_bytes,omitempty"` // by all programs, driver's reserve included
	MemoryTotal *uint64   `json:"memory_total_bytes,omitempty"`
	Utilization *float64  `json:"utilization,omitempty"` // 0..1: share of the last 1/6 to 1 s in which any kernel ran
}

// Reader reads one GPU. Read is called by one goroutine at a time.
type Reader interface {
	Read(ctx context.Context) Reading
	Close() error
}

// Open returns the best reader of this machine. It never fails: without a GPU
// or driver the reader's readings say why.
func Open() Reader { panic("todo") }

// Sampler reads at an interval and keeps the last reading.
type Sampler struct{}

// NewSampler returns a sampler that owns r once Run is called.
func NewSampler(r Reader, every time.Duration) *Sampler { panic("todo") }

// Run samples until ctx ends, then closes the reader. A read that hangs is
// given up after 2 s and never repeated while it hangs.
func (s *Sampler) Run(ctx context.Context) error { panic("todo") }

// Last returns the last reading; before the first it says so in Reason.
func (s *Sampler) Last() Reading { panic("todo") }
