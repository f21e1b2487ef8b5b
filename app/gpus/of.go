package gpus

import (
	"slices"
	"strconv"
	"strings"
)

// Of is the GPU that an engine runs on: the one that device names, by its number
// or UUID; else the one on which the engine holds most memory; else the one with
// most memory, where an engine that runs on none yet is likely to go. Each rule
// counts only if it finds one. engine and device may be ""; states must not be
// empty.
func Of(states []State, engine, device string) State {
	if i := slices.IndexFunc(states, func(s State) bool { return s.is(device) }); i >= 0 {
		return states[i]
	}
	best, holds, on := 0, uint64(0), false
	for i, s := range states {
		if !slices.Contains(s.Engines, engine) {
			continue
		}
		if held := s.heldBy(engine); !on || held > holds {
			best, holds, on = i, held, true
		}
	}
	if on {
		return states[best]
	}
	for i, s := range states {
		if s.size() > states[best].size() {
			best = i
		}
	}
	return states[best]
}

// Lost says for people why no program can use the GPU of an engine; "" if one can, or
// it is not known. A lost GPU tells no processes any more, so whose it was is known
// only where device names one, or where the engine runs on no other.
func Lost(states []State, engine, device string) string {
	if slices.ContainsFunc(states, func(s State) bool { return slices.Contains(s.Engines, engine) }) {
		return ""
	}
	for _, s := range states {
		if s.Lost && (device == "" || s.names(device)) {
			return strings.TrimPrefix(s.Name+": "+s.Reason, ": ")
		}
	}
	return ""
}

// is reports whether a setting means this GPU. A UUID may be cut short, as
// drivers' own tools take it.
func (s State) is(device string) bool {
	return s.Available && device != "" && s.names(device)
}

func (s State) names(device string) bool {
	if n, err := strconv.Atoi(device); err == nil {
		return s.Index == n
	}
	return len(s.UUID) >= len(device) && strings.EqualFold(s.UUID[:len(device)], device)
}

func (s State) heldBy(engine string) (bytes uint64) {
	for _, p := range s.Programs {
		if p.Engine == engine && p.Memory != nil {
			bytes += *p.Memory
		}
	}
	return bytes
}

// size ranks GPUs: one that cannot be read is the last.
func (s State) size() uint64 {
	switch {
	case !s.Available:
		return 0
	case s.MemoryTotal == nil:
		return 1
	}
	return *s.MemoryTotal
}
