package batching

import "errors"

// ErrTooLarge is what errors.Is finds in a TooLargeError.
var ErrTooLarge = errors.New("needs more memory than can be free")

// TooLargeError refuses a request at its arrival that could not be held even with
// nothing beside it.
type TooLargeError struct {
	Need int // tokens that it holds at the least
	Room int // Limits.Largest
}

// Error implements error.
func (e TooLargeError) Error() string {
	return "needs " + thousands(e.Need) + " tokens of memory, at most " + thousands(e.Room) + " can be free"
}

// Is tells that it is an ErrTooLarge.
func (e TooLargeError) Is(target error) bool { return target == ErrTooLarge }

// tooLarge is why r can never run within its limits; nil if it can.
func (c *Core) tooLarge(r Request) error {
	room := c.Limits(r.Key).Largest
	if room <= 0 {
		return nil
	}
	if need := c.needOf(r); need > room {
		return TooLargeError{Need: need, Room: room}
	}
	return nil
}

// needOf is what r holds at the least: its prompt, by how far estimates for its model
// were off. Most clients ask for more tokens than they get, so what it may generate is
// no need.
func (c *Core) needOf(r Request) int {
	ratio := 1.
	if e := c.engines[r.Engine]; e != nil && e.models[r.Model] != nil {
		ratio = e.models[r.Model].ratio
	}
	return int(float64(r.PromptTokens) * ratio)
}
