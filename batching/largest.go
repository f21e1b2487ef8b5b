package batching

import "errors"

// ErrTooLarge is what errors.Is finds in a TooLargeError.
var ErrTooLarge = errors.New("needs more memory than can be free")

// TooLargeError refuses a request at its arrival that the memory cannot hold even
// with nothing beside it.
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

// tooLarge is why r can never run within its limits; nil if it may. It goes by what
// is certain of the prompt: nearly all clients ask for more tokens than they get.
func (c *Core) tooLarge(r Request) error {
	if room := c.Limits(r.Key).Largest; room > 0 && r.PromptLeast > room {
		return TooLargeError{Need: r.PromptLeast, Room: room}
	}
	return nil
}
