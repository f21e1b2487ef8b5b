// Package connect has ready-to-copy settings of the usual apps, for the address of
// this Carpool.
package connect

// Guide is how one app is pointed at Carpool.
type Guide struct {
	App   string `json:"app"`
	Steps []Step `json:"steps"`
}

// Step is something to do, and what to paste there.
type Step struct {
	Do   string `json:"do"`
	Copy string `json:"copy"` // "" = nothing
}
