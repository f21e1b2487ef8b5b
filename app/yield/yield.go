// Package yield decides when Carpool makes way for other programs that use the
// GPU, and when it comes back.
//
// A Decider is pure: readings and rules in, a State with its reason out. It has no
// clock, no goroutine and does nothing to a request.
package yield

import "time"

// State is whether Carpool makes way now. It is never changed.
type State struct {
	On      bool      `json:"on"`
	Manual  bool      `json:"manual,omitempty"`  // the user asked for it: nothing new runs
	Reason  string    `json:"reason,omitempty"`  // for people: "blender uses 62 % of the GPU"
	For     string    `json:"for,omitempty"`     // whom it makes way for: "blender", "another program"; "" of a manual one
	Since   time.Time `json:"since,omitzero"`    // of On
	Until   time.Time `json:"until,omitzero"`    // of a manual one; zero = until it is ended by hand
	Engines []string  `json:"engines,omitempty"` // whose GPU it is about, sorted
	Size    int       `json:"size,omitempty"`    // most requests in flight for each model; 0 while On = none
	Kept    []string  `json:"kept,omitempty"`    // models that stay in its memory though they were to leave, and why, for people
}
