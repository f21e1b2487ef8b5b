package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// engines tell of each whether it answers and how many requests it runs at once.
func engines(f Facts) []Finding {
	var all []Finding
	real := 0
	for _, e := range f.Engines {
		if e.Demo {
			continue
		}
		real++
		all = append(all, engine(e)...)
	}
	if real == 0 {
		all = one("engines", Problem, "No engine was found: neither Ollama, LM Studio nor llama.cpp answers.",
			"Start one, or name one that runs elsewhere. What is installed here Carpool can start itself.",
			"carpool engine\ncarpool set engine.url=http://HOST:PORT")
	}
	return all
}

func engine(e Engine) []Finding {
	check := "engine " + e.Label
	if !e.Up {
		return one(check, Problem, sentence(cmpOr(e.Problem, e.Label+" at "+e.URL+" does not answer")), "Start it; Carpool sees it by itself.", "")
	}
	name := e.Label
	if e.Version != "" {
		name += " " + e.Version
	}
	all := one(check, OK, fmt.Sprintf("%s answers at %s with %s.", name, e.URL, models(e.Models)), "", "")
	if e.Models == 0 {
		all[0].Level, all[0].Do = Note, "Load or pull a model: without one it answers nothing."
	}
	return append(all, slots(e)...)
}

func models(n int) string {
	if n == 1 {
		return "1 model"
	}
	return fmt.Sprintf("%d models", n)
}

func slots(e Engine) []Finding {
	check := "slots of " + e.Label
	says := sentence(e.Says)
	switch {
	case e.Slots > 0 && e.Slots >= e.Wanted:
		return one(check, OK, says, "", "")
	case e.Slots > 0:
		return one(check, Note, says, fmt.Sprintf("Give it %d, so that requests can share the GPU.", e.Wanted), e.Steps)
	case says == "":
		return nil
	}
	return one(check, Note, says, "Ask it for several answers at once and look again; this is how to give it more.", e.Steps)
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	if !strings.ContainsRune(".!?", rune(s[len(s)-1])) {
		s += "."
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func cmpOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// bypass tells of programs whose requests Carpool never sees.
func bypass(f Facts) []Finding {
	const check = "apps past Carpool"
	if f.NoBypass != "" {
		return one(check, Note, "Who talks to the engines cannot be seen: "+f.NoBypass+".", "", "")
	}
	var names []string
	for _, p := range f.Bypass {
		name := fmt.Sprintf("%s (PID %d) to %s", p.Name, p.PID, p.Engine)
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return one(check, OK, "No app talks to an engine past Carpool now.", "", "")
	}
	return one(check, Note, "These talk to an engine past Carpool, so it can neither order nor count what they ask: "+strings.Join(names, ", ")+".",
		"Point them at Carpool, or let it take the engine's port.", "carpool connect\ncarpool takeover")
}

func graphics(f Facts) []Finding {
	const check = "GPU"
	var all []Finding
	for _, g := range f.GPUs {
		if g.Available {
			says := g.Name + " can be read"
			if g.Driver != "" {
				says += " (driver " + g.Driver + ")"
			}
			all = append(all, Finding{Check: check, Level: OK, Says: says + "."})
		}
	}
	if len(all) > 0 {
		return all
	}
	reason, card := "no GPU was found", ""
	for _, g := range f.GPUs {
		if g.Reason != "" {
			reason = g.Reason
		}
		card = cmpOr(card, g.Card)
	}
	switch {
	case card == "NVIDIA":
		return one(check, Problem, "This machine has an NVIDIA GPU that cannot be read: "+reason+".",
			"See whether the driver works; after an update of the driver the machine must be restarted.", "nvidia-smi")
	case card != "":
		return one(check, Note, fmt.Sprintf("This machine has a GPU of %s that cannot be read: %s.", card, reason), "", "")
	}
	return one(check, Note, "No GPU can be read: "+reason+".", "Carpool works without: it then finds limits by how fast answers come.", "")
}
