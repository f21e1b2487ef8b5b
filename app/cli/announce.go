package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"carpool/app"
)

// announce tells on stderr where Carpool listens and which engine serves, and
// again whenever that changes, until the channel is closed.
func (c *cli) announce(snapshots <-chan app.Snapshot) {
	var said announcement
	for s := range snapshots {
		for _, line := range said.next(s) {
			c.note("%s", line)
		}
	}
}

// announcement is what has been told.
type announcement struct {
	listen, network   string
	engine, gpu       string
	example, draining bool
	problems          map[string]bool
}

// next is what is new in s, as lines.
func (a *announcement) next(s app.Snapshot) []string {
	var lines []string
	say := func(said *string, now string) {
		if now != "" && now != *said {
			*said = now
			lines = append(lines, now)
		}
	}
	say(&a.listen, "listening at "+s.Endpoint+parenthesis(onlyIPv4(s)))
	if s.Draining {
		if !a.draining {
			a.draining = true
			lines = append(lines, fmt.Sprintf("shutting down; running requests may go on for %d s (once more to end now)", s.Config.Gateway.DrainTimeoutS))
		}
		return lines
	}
	if !settled(s) {
		return lines
	}
	say(&a.engine, engineLine(s))
	if s.LAN.Listening {
		say(&a.network, "open to the network at "+s.LAN.Address+", for those with the token (carpool lan)")
	} else {
		a.network = ""
	}
	if !s.GPU.At.IsZero() {
		say(&a.gpu, "GPU: "+gpuName(s))
	}
	problems := map[string]bool{}
	for _, p := range s.Problems {
		if problems[p] = true; !a.problems[p] {
			lines = append(lines, "problem: "+p)
		}
	}
	a.problems = problems
	if model := exampleModel(s); model != "" && !a.example {
		a.example = true
		lines = append(lines, "try it:", "  "+curl(s.Endpoint, model))
	}
	return lines
}

// settled says whether the engines have been looked for, which takes a moment
// after the start.
func settled(s app.Snapshot) bool {
	const moment = 3 * time.Second
	for _, e := range s.Engines {
		if e.Active && e.Health == "up" {
			return true
		}
	}
	return s.At.Sub(s.Started) > moment
}

// engineLine names the engine that serves.
func engineLine(s app.Snapshot) string {
	for _, e := range s.Engines {
		switch {
		case !e.Active || e.Health != "up":
		case e.Simulated:
			return "engine: " + e.Label + ". Its answers are SIMULATED: no real engine was found or chosen"
		default:
			return strings.TrimSpace("engine: "+e.Label+" "+e.Version) + " at " + e.URL
		}
	}
	return "engine: none is running"
}

// exampleModel is a model that can be asked now; "" = none.
func exampleModel(s app.Snapshot) string {
	for _, e := range s.Engines {
		if e.Active && e.Health == "up" && len(e.Models) > 0 {
			return strings.TrimSuffix(e.Models[0].Name, ":latest")
		}
	}
	return ""
}

// curl is a call that can be pasted into a shell.
func curl(endpoint, model string) string {
	body := fmt.Sprintf(`{"model": %q, "messages": [{"role": "user", "content": "Hello"}]}`, model)
	return fmt.Sprintf("curl %s/api/chat -d '%s'", endpoint, strings.ReplaceAll(body, "'", `'\''`))
}

// gpuName is the GPU's name and memory, or why there is none.
func gpuName(s app.Snapshot) string {
	if !s.GPU.Available {
		return s.GPU.Reason
	}
	if s.GPU.MemoryTotal == nil {
		return s.GPU.Name
	}
	return s.GPU.Name + ", " + humanize.IBytes(*s.GPU.MemoryTotal)
}
