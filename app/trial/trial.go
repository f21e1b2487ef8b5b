// Package trial measures what batching gains on the user's own engine and model:
// the same chats with batching off and with so many at once.
package trial

import "time"

// Wanted says what to measure.
type Wanted struct {
	Engine string `json:"engine"` // its name; "" = the preferred one
	Model  string `json:"model"`  // "" = one that is loaded, else the first
	Sizes  []int  `json:"sizes"`  // chats at once, each 1–64; nil = 1, 2, 4, 8, 16, 32
	Rounds int    `json:"rounds"` // chats that each has, one after the other; 0 = 3
	Tokens int    `json:"tokens"` // most of an answer; 0 = 128
}

// Trial is a benchmark with its figures.
type Trial struct {
	ID        int64     `json:"id"` // in the history; 0 = not kept
	At        time.Time `json:"at"`
	Engine    string    `json:"engine"` // its name
	Label     string    `json:"label"`  // for people, with its version
	Model     string    `json:"model"`
	GPU       string    `json:"gpu"` // "" = none is read
	Simulated bool      `json:"simulated"`
	Rounds    int       `json:"rounds"`
	Tokens    int       `json:"tokens"`
	Cancelled bool      `json:"cancelled"` // before all sizes were measured
	Rows      []Row     `json:"rows"`      // batching off first, then by size
}

// Row is one size.
type Row struct {
	Size          int           `json:"size"` // 0 = batching off: one request at a time
	Requests      int           `json:"requests"`
	OutputTokens  int           `json:"output_tokens"`
	Duration      time.Duration `json:"duration_ns"`
	TokensPS      float64       `json:"tokens_per_second"`
	Speedup       float64       `json:"speedup"` // over batching off
	FirstP50      time.Duration `json:"first_token_p50_ns"`
	FirstP95      time.Duration `json:"first_token_p95_ns"`
	JoulesPer1000 *float64      `json:"joules_per_1000_tokens"` // nil = not measured
}

// State is what a benchmark is at.
type State struct {
	Running bool          `json:"running"`
	Trial   Trial         `json:"trial"`   // as far as it is measured; the last one when none runs
	Size    int           `json:"size"`    // being measured; 0 = batching off
	Done    float64       `json:"done"`    // 0..1
	Left    time.Duration `json:"left_ns"` // a guess; 0 = not known yet
	Problem string        `json:"problem"` // why the last one ended without all figures; "" = it did not
}
