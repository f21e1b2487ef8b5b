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
		return one(check, Problem, sentence(cmpOr(e.Problem, e.Label+" at "+e.URL+" does not answer")),
			"Start it; Carpool sees it by itself. The command shows what Carpool can start.", "carpool engine")
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
	var blocked Blocked
	for _, g := range f.GPUs {
		if g.Card == "NVIDIA" {
			blocked = g.Blocked
		}
		if g.Reason != "" {
			reason = g.Reason
		}
		card = cmpOr(card, g.Card)
	}
	switch {
	case card == "NVIDIA" && blocked != (Blocked{}):
		return barred(blocked)
	case card == "NVIDIA":
		return one(check, Problem, "This machine has an NVIDIA GPU that cannot be read: "+reason+".",
			"See whether the driver works; after an update of the driver the machine must be restarted.", "nvidia-smi")
	case card != "":
		return one(check, Note, fmt.Sprintf("This machine has a GPU of %s that cannot be read: %s.", card, reason), "", "")
	}
	return one(check, Note, "No GPU can be read: "+reason+".", "Carpool works without: it then finds limits by how fast answers come.", "")
}

// barred says what keeps Carpool from reading an NVIDIA GPU; the same keeps engines from
// it that the same user starts.
func barred(b Blocked) []Finding {
	const check = "GPU"
	switch {
	case b.Undriven:
		return one(check, Problem, "This machine has an NVIDIA GPU, but NVIDIA's driver is not loaded: engines work without the GPU, which is far slower.",
			"Install the driver as your system has it, and restart the machine. Then this shows the GPU:", "nvidia-smi")
	case b.Lacking != "":
		return one(check, Problem, "NVIDIA's driver is loaded, but its library "+b.Lacking+" is not installed, so the GPU cannot be read.",
			"Install it in the version of the driver, from where that came (Debian: libnvidia-ml1, Ubuntu: libnvidia-compute-VERSION). The version is shown by:",
			"cat /proc/driver/nvidia/version")
	case b.Group != "":
		return one(check, Problem, fmt.Sprintf("You may not use this machine's NVIDIA GPU: only members of the group %s may open %s.", b.Group, b.Device),
			"Become a member, then log in again.", "sudo usermod -aG "+quote(b.Group)+` "$USER"`)
	}
	return one(check, Problem, "You may not use this machine's NVIDIA GPU: "+b.Device+" is closed to you.",
		"Let everybody open it, as NVIDIA's driver does by default.", "sudo chmod a+rw "+quote(b.Device))
}
