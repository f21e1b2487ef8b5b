package app

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"carpool/app/tuner"
	"carpool/app/yield"
	"carpool/backends"
	"carpool/batching"
)

// sentence says the state in one line: "3 running, 2 waiting, 61 tokens per second".
func sentence(t batching.Totals, tokensPS float64, y yield.State, serves bool) string {
	idle := t.InFlight == 0 && t.QueueDepth == 0
	switch {
	case y.Manual:
		return givenAway(t, y)
	case y.On && idle && serves:
		return "Making way for " + y.For + ": " + atATime(y.Size)
	case y.On && !idle:
		return work(t, tokensPS, serves) + "; making way for " + y.For + ": " + atATime(y.Size)
	}
	return work(t, tokensPS, serves)
}

// givenAway says what is left: "GPU given away until 15:30, 1 still running, 3 waiting".
func givenAway(t batching.Totals, y yield.State) string {
	s := y.Reason
	if t.InFlight > 0 {
		s += fmt.Sprintf(", %d still running", t.InFlight)
	}
	if t.QueueDepth > 0 {
		s += fmt.Sprintf(", %d waiting", t.QueueDepth)
	}
	return s
}

func atATime(n int) string {
	if n == 1 {
		return "one at a time"
	}
	return fmt.Sprintf("%d at a time", n)
}

// work says what is going on.
func work(t batching.Totals, tokensPS float64, serves bool) string {
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

// basis says what the state rests on: "Ollama 0.17.4 · 4 slots · adaptive at 4 ·
// 127.0.0.1:11435", and that it is open to the network where it is.
func basis(s Snapshot, address string) string {
	var parts []string
	for _, e := range s.Engines {
		if e.Health != backends.Up {
			continue
		}
		parts = append(parts, strings.TrimSpace(e.Label+" "+e.Version))
		if n := slots(e, s.Tuning); n > 0 {
			parts = append(parts, counted(n, "slot", "slots"))
		}
	}
	rule := s.Limits.Reason
	if b := s.Config.Batching; b.Enabled && b.Mode == "adaptive" {
		rule = fmt.Sprintf("adaptive at %d", s.Limits.InFlight())
	}
	parts = append(parts, rule, address)
	if s.LAN.Listening {
		parts = append(parts, "open to the network at "+s.LAN.Address)
	}
	return strings.Join(parts, " · ")
}

// slots is how many requests e runs at once, as it says or as it was seen to do
// for the model used last; 0 = not known.
func slots(e backends.Info, used []tuner.State) int {
	for _, t := range used {
		if t.Engine == e.Name && t.Slots > 0 {
			return t.Slots
		}
	}
	return e.Slots
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// active is the preferred engine, if one is up.
func active(engines []backends.Info) (backends.Info, bool) {
	if i := slices.IndexFunc(engines, serves); i >= 0 {
		return engines[i], true
	}
	return backends.Info{}, false
}

func serves(e backends.Info) bool { return e.Active && e.Health == backends.Up }
