package launch

import "strings"

// Service is what runs an engine, and so where its settings are.
type Service string

// The services.
const (
	Shell       Service = "shell"        // a terminal, a script, or nothing that is known
	Systemd     Service = "systemd"      // a unit of the system
	SystemdUser Service = "systemd-user" // a unit of the user
	Docker      Service = "docker"
	Podman      Service = "podman"
	MacApp      Service = "mac-app"
	Brew        Service = "brew"
	WindowsApp  Service = "windows-app"
)

// Found is where an engine was found to run, or to be installed as a service.
type Found struct {
	Service Service `json:"service"`
	Unit    string  `json:"unit,omitempty"` // systemd: "ollama.service"
	PID     int     `json:"pid"`            // 0 = not running, or not seen
}

// Detect says which service runs the engine of a kind on this machine: by its
// process where the system tells, else by what is installed. It looks for a
// moment only and never fails; Shell is the answer where nothing is known.
func Detect(k Kind) Found { return detect(k, systemRoot()) }

// processName is how the system lists an engine's server.
func processName(k Kind) string {
	switch k {
	case Ollama:
		return "ollama"
	case LlamaCPP:
		return "llama-server"
	case VLLM:
		return "vllm"
	case KoboldCPP:
		return "koboldcpp"
	}
	return ""
}

// fromCgroup says what runs a process by the text of /proc/PID/cgroup, which any
// user may read.
func fromCgroup(text string) Found {
	for line := range strings.Lines(text) {
		_, path, _ := strings.Cut(strings.TrimSpace(line), "::") // version 2
		if path == "" {
			parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
			path = parts[len(parts)-1]
		}
		switch {
		case strings.Contains(path, "libpod"):
			return Found{Service: Podman}
		case strings.Contains(path, "docker"), strings.Contains(path, "containerd"), strings.Contains(path, "kubepods"):
			return Found{Service: Docker}
		}
		unit := path[strings.LastIndexByte(path, '/')+1:]
		switch {
		case !strings.HasSuffix(unit, ".service"):
		case strings.HasPrefix(path, "/system.slice/"):
			return Found{Service: Systemd, Unit: unit}
		case strings.Contains(path, "/user@") && !desktopUnit(unit):
			return Found{Service: SystemdUser, Unit: unit}
		}
	}
	return Found{Service: Shell}
}

// desktopUnit tells a desktop's own units, below which terminals run, from an
// engine's.
func desktopUnit(unit string) bool {
	for _, prefix := range []string{"app-", "gnome-", "plasma-", "org.", "vte-", "dbus", "session"} {
		if strings.HasPrefix(unit, prefix) {
			return true
		}
	}
	return false
}
