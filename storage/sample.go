package storage

import "time"

// Sample is a row for one second. A nil pointer is SQL NULL: not known.
type Sample struct {
	At        time.Time `json:"at"` // kept to the second, read back in UTC; one row for each
	Running   int       `json:"running"`
	Waiting   int       `json:"waiting"`
	Limit     int       `json:"limit"`      // most in flight; 0 = no bound
	TokensOut int64     `json:"tokens_out"` // written in this second
	TokensIn  int64     `json:"tokens_in"`  // of prompts whose requests ended in it

	MemoryUsed   *int64   `json:"gpu_memory_used_bytes"`
	MemoryTotal  *int64   `json:"gpu_memory_total_bytes"`
	MemoryOurs   *int64   `json:"gpu_memory_ours_bytes"`
	MemoryOthers *int64   `json:"gpu_memory_others_bytes"`
	Utilization  *float64 `json:"gpu_utilization"` // 0..1
	Power        *float64 `json:"gpu_power_watts"`
}

// AddSample queues a row; it never blocks.
func (s *Store) AddSample(v Sample) {}
