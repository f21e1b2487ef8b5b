package ui

// former is a setting as it was before a change.
type former struct{ key, value string }

// made is a change that can be taken back.
type made struct {
	former
	to string // what the setting became
}

// undo remembers what settings were before the user changed them, the last change
// last. The zero value is empty.
type undo struct {
	steps   []made
	pending *former // before the drag that goes on
}

// mostSteps is how far back the user can go.
const mostSteps = 100

// note hears that key, which is before, becomes another value; final is false while
// a drag goes on, which is one step.
func (u *undo) note(key, before, value string, final bool) {
	if u.pending == nil || u.pending.key != key {
		u.pending = &former{key, before}
	}
	if !final {
		return
	}
	if u.pending.value != value {
		u.steps = append(u.steps, made{*u.pending, value})
		if len(u.steps) > mostSteps {
			u.steps = u.steps[1:]
		}
	}
	u.pending = nil
}

// back takes the last change away that is still in force, by what settings are now,
// and returns what it was before; false if there is none. Where a setting was
// changed elsewhere since, that stays.
func (u *undo) back(now func(key string) string) (former, bool) {
	for len(u.steps) > 0 {
		last := u.steps[len(u.steps)-1]
		u.steps = u.steps[:len(u.steps)-1]
		if now(last.key) == last.to {
			return last.former, true
		}
	}
	return former{}, false
}
