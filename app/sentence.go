package app

import (
	"fmt"
	"math"
	"strings"

	"carpool/backends"
	"carpool/batching"
)

// sentence says the state in one line: "3 running, 2 waiting, 61 tokens per second".
func sentence(t batching.Totals, tokensPS float64, serves bool) string {
	switch {
	case t.InFlight == 0 && t.QueueDepth == 0 && !serves:
		return "No engine is running"
	case t.InFlight == 0 && t.QueueDepth == 0:
		return "Ready, nothing is running"
	}
	s := fmt.Sprintf("%d running", t.InFlight)
	if t.QueueDepth > 0 {
		s += fmt.Sprintf(", %d waiting", t.QueueDepth)
	}
	if rate := math.Round(tokensPS); rate > 0 {
		s += fmt.Sprintf(", %.0f tokens per second", rate)
	}
	return s
}

// basis says what the state rests on: "Ollama 0.17.4 · fixed at 8 · 127.0.0.1:11435".
func basis(engines []backends.Info, l batching.Limits, address string) string {
	var parts []string
	if e, ok := active(engines); ok {
		parts = append(parts, strings.TrimSpace(e.Label+" "+e.Version))
		if e.Slots > 0 {
			parts = append(parts, fmt.Sprintf("%d slots", e.Slots))
		}
	}
	return strings.Join(append(parts, l.Reason, address), " · ")
}

// active is the engine that requests go to, if it is up.
func active(engines []backends.Info) (backends.Info, bool) {
	for _, e := range engines {
		if e.Active && e.Health == backends.Up {
			return e, true
		}
	}
	return backends.Info{}, false
}
