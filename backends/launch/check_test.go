package launch

import (
	"strings"
	"testing"
)

func TestNewCheck(t *testing.T) {
	ollama := Seen{Name: "ollama", Label: "Ollama", Kind: Ollama, URL: "http://127.0.0.1:11434", Local: true, Found: Found{Service: Systemd, Unit: "ollama.service"}}
	with := func(change func(*Seen)) Seen {
		r := ollama
		change(&r)
		return r
	}
	for _, tt := range []struct {
		name          string
		running       Seen
		says, command string
		wanted        int
		service       Service
	}{
		{"NotKnown", ollama, "Ollama does not tell how many", "systemctl restart ollama.service", 4, Systemd},
		{"OneSeen", with(func(r *Seen) { r.Slots, r.SlotsBy = 1, "engine wait" }),
			"Ollama runs one request at a time (known by how long it lets requests wait)", "OLLAMA_NUM_PARALLEL=4", 4, Systemd},
		{"FewerThanPossible", with(func(r *Seen) { r.Slots, r.SlotsBy, r.Memory = 2, "first tokens", Memory{7 << 30, 8 << 30} }),
			"Ollama runs 2 requests at once (known by when first tokens come); 6 seem possible", "OLLAMA_NUM_PARALLEL=6", 6, Systemd},
		{"AsManyAsWanted", with(func(r *Seen) { r.Slots, r.SlotsBy, r.WantedSlots = 8, "told", 8 }),
			"Ollama runs 8 at once (known by what it says)", "OLLAMA_NUM_PARALLEL=8", 8, Systemd},
		{"StartedByCarpool", with(func(r *Seen) { r.Slots, r.SlotsBy, r.Started, r.Context = 2, "its log", true, 8192 }),
			"known by its log", "carpool engine start ollama --slots 4 --context 8192", 4, ""},
		{"OnAnotherMachine", with(func(r *Seen) { r.Local, r.Found, r.Memory = false, Found{}, Memory{70 << 30, 80 << 30} }),
			"does not tell", "OLLAMA_NUM_PARALLEL=4 ollama serve", 4, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCheck(tt.running)
			if !strings.Contains(c.Says, tt.says) || c.Wanted != tt.wanted || c.Service != tt.service {
				t.Errorf("%d wanted, %q: %s", c.Wanted, c.Service, c.Says)
			}
			var all strings.Builder
			for _, s := range c.Guide.Steps {
				all.WriteString(s.Command + "\n")
			}
			if !strings.Contains(all.String(), tt.command) {
				t.Errorf("no %q in\n%s", tt.command, all.String())
			}
		})
	}
}

func TestNewCheck_OffersTheOtherWays(t *testing.T) {
	for _, tt := range []struct {
		name  string
		seen  Seen
		names string
	}{
		{"Ollama", Seen{Kind: Ollama, Local: true, Found: Found{Service: Systemd, Unit: "mine.service"}}, "systemd, Docker, macOS app, Homebrew, Windows, shell"},
		{"OllamaInPodman", Seen{Kind: Ollama, Local: true, Found: Found{Service: Podman}}, "systemd, Podman, macOS app, Homebrew, Windows, shell"},
		{"OllamaOnAnotherMachine", Seen{Kind: Ollama}, "systemd, Docker, macOS app, Homebrew, Windows, shell"},
		{"OllamaThatCarpoolRuns", Seen{Kind: Ollama, Local: true, Started: true}, ""},
		{"AnyOther", Seen{Kind: LMStudio, Local: true}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCheck(tt.seen)
			var names []string
			same := 0
			for _, w := range c.Ways {
				names = append(names, w.Name)
				if w.Guide.Title == c.Guide.Title {
					same++
				}
			}
			if got := strings.Join(names, ", "); got != tt.names {
				t.Errorf("ways %q, want %q", got, tt.names)
			}
			if len(c.Ways) > 0 && same != 1 {
				t.Errorf("the guide %q is %d times among its ways", c.Guide.Title, same)
			}
		})
	}
}
