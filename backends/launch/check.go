package launch

import "fmt"

// Check is what an engine runs at once, by what that is known, and how to change
// it.
type Check struct {
	Name    string  `json:"name"`
	Label   string  `json:"label"`
	URL     string  `json:"url"`
	Slots   int     `json:"slots"`    // requests at once; 0 = not known
	SlotsBy string  `json:"slots_by"` // "its log", "told", "engine wait", "first tokens"; "" = not known
	Started bool    `json:"started"`  // by Carpool
	Service Service `json:"service"`  // what runs it; "" = not on this machine, or Carpool
	Says    string  `json:"says"`     // all this in a sentence
	Guide   Guide   `json:"guide"`    // how to give it Wanted slots
	Wanted  int     `json:"wanted"`

	// Ways are the guides for all that may run it, Guide among them, for where
	// Service was not seen rightly; empty = there is but the one.
	Ways []Way `json:"ways,omitempty"`
}

// Way is the guide for an engine that is run in one of several ways.
type Way struct {
	Name  string `json:"name"` // for people: "macOS app"
	Guide Guide  `json:"guide"`
}

// Seen is what a check depends on.
type Seen struct {
	Name, Label, URL string
	Kind             Kind
	Slots            int
	SlotsBy          string
	Started          bool  // by Carpool
	Local            bool  // on this machine
	Found            Found // where Local and not Started
	Memory           Memory
	WantedSlots      int // 0 = as many as memory carries
	Context          int // tokens of each slot; 0 = the engine's own default
}

// NewCheck judges an engine that runs.
func NewCheck(r Seen) Check {
	c := Check{Name: r.Name, Label: r.Label, URL: r.URL, Slots: r.Slots, SlotsBy: r.SlotsBy, Started: r.Started, Wanted: r.WantedSlots}
	if c.Wanted == 0 {
		c.Wanted = r.suggested()
	}
	switch {
	case r.Started:
		c.Guide = startedGuide(r, c.Wanted)
	case r.Local:
		c.Service = r.Found.Service
		c.Guide = GuideFor(r.Kind, r.Found, c.Wanted, r.Context)
	default:
		c.Guide = GuideFor(r.Kind, Found{Service: Shell}, c.Wanted, r.Context)
	}
	if r.Kind == Ollama && !r.Started {
		c.Ways = ways(r, c.Wanted)
	}
	c.Says = r.sentence(c.Wanted)
	return c
}

// ways are those in which Ollama is run, what was found in the place of its like.
func ways(r Seen, wanted int) []Way {
	all := []Way{{Name: "systemd"}, {Name: "Docker"}, {Name: "macOS app"}, {Name: "Homebrew"}, {Name: "Windows"}, {Name: "shell"}}
	services := []Service{Systemd, Docker, MacApp, Brew, WindowsApp, Shell}
	switch r.Found.Service {
	case SystemdUser:
		services[0] = SystemdUser
	case Podman:
		all[1].Name, services[1] = "Podman", Podman
	}
	for i, service := range services {
		found := Found{Service: service}
		if service == r.Found.Service {
			found = r.Found
		}
		all[i].Guide = GuideFor(r.Kind, found, wanted, r.Context)
	}
	return all
}

// suggested is how many slots the machine seems to carry.
func (r Seen) suggested() int {
	if r.Kind != Ollama || !r.Local {
		return usualSlots
	}
	context := r.Context
	if context == 0 {
		context = r.Memory.OllamaContext()
	}
	slots, _ := r.Memory.fit(context, 0, 0)
	return slots
}

func (r Seen) sentence(wanted int) string {
	switch {
	case r.Slots == 0:
		return r.Label + " does not tell how many requests it runs at once, and it was not seen yet: that takes a few requests at the same time"
	case r.Slots == 1 && wanted > 1:
		return fmt.Sprintf("%s runs one request at a time (known by %s): others wait for it, whatever the GPU could carry", r.Label, by(r.SlotsBy))
	case r.Slots < wanted:
		return fmt.Sprintf("%s runs %d requests at once (known by %s); %d seem possible", r.Label, r.Slots, by(r.SlotsBy), wanted)
	}
	return fmt.Sprintf("%s runs %d at once (known by %s)", r.Label, r.Slots, by(r.SlotsBy))
}

// by is what slots are known by, in a sentence.
func by(slotsBy string) string {
	switch slotsBy {
	case "told", "":
		return "what it says"
	case "engine wait":
		return "how long it lets requests wait"
	case "first tokens":
		return "when first tokens come"
	}
	return slotsBy
}

// startedGuide is for an engine that Carpool runs.
func startedGuide(r Seen, slots int) Guide {
	start := fmt.Sprintf("carpool engine start %s --slots %d", r.Kind, slots)
	if r.Context > 0 {
		start += fmt.Sprintf(" --context %d", r.Context)
	}
	return Guide{
		Title: fmt.Sprintf("Let %s, which Carpool started, run %d requests at once", r.Label, slots),
		Steps: []Step{
			{"Start it again with the number; what it is answering now breaks off.", fmt.Sprintf("carpool engine stop %s\n%s", r.Kind, start)},
			{"For good: the number for all engines that Carpool starts.", fmt.Sprintf("carpool set engines.slots=%d", slots)},
		},
	}
}
