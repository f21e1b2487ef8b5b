// Package gpus tells whose each GPU is: which engine runs on it, and how its
// memory and its time are split between the engines, other programs, and nobody.
package gpus

import "carpool/gpu"

// State is a reading of a GPU and whose it is. It is never changed. Its Processes
// are in Programs.
type State struct {
	gpu.Reading
	Engines  []string  `json:"engines,omitempty"` // names of those that run on it
	Ours     Part      `json:"ours"`              // engines and their children
	Others   Part      `json:"others"`            // all other programs, and what no program accounts for
	Programs []Program `json:"programs,omitzero"` // the largest first; nil where the driver does not tell
}

// Part is a share of a GPU; nil = not known.
type Part struct {
	Memory      *uint64  `json:"memory_bytes,omitempty"`
	Utilization *float64 `json:"utilization,omitempty"` // 0..1, of the GPU's time
}

// Program is a process on a GPU.
type Program struct {
	gpu.Process
	Engine string `json:"engine,omitempty"` // whose process it is; "" = another program's
}
