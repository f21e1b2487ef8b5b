package takeover

import (
	"fmt"
	"net"
	"strconv"
)

// Situation is what a plan depends on.
type Situation struct {
	System                 string // as runtime.GOOS
	Record                 *Record
	Owner                  string // who answers at the port, for people; "" = it is free
	Ollama                 bool   // that is Ollama
	Carpool                bool   // that is Carpool itself
	Service                string // what runs Ollama: "systemd", "systemd-user", "docker", "podman", "mac-app", "brew", "windows-app", "shell"
	Unit                   string // of systemd
	Started                bool   // Carpool started it
	Root                   bool   // this user may change the system's services
	NewPort                int    // a free one for the engine
	Moved                  string // host:port where Ollama was found to listen already; "" = nowhere
	UserUnits, SystemUnits string // folders of the units of the user and of the system
}

// How a plan is carried out.
const (
	DoNothing = "nothing" // it is done already, or cannot be
	DoUnit    = "unit"    // move by a file beside the unit, then take
	DoRestart = "restart" // Carpool starts the engine again elsewhere, then takes
	DoTake    = "take"    // the port is free and the engine elsewhere
	DoHand    = "hand"    // the user moves the engine, then asks again
)

// Plan is what a takeover would do here.
type Plan struct {
	Do     string
	Says   []string // what will change, sentences
	Steps  string   // commands for the user, with DoHand
	Engine string   // host:port where the engine will listen
	Unit   *Unit    // with DoUnit
}

// NewPlan decides by the situation. It changes nothing.
func NewPlan(s Situation) Plan {
	engine := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.NewPort))
	p := Plan{Do: DoHand, Engine: engine}
	port := strconv.Itoa(Port)
	take := "Carpool listens at 127.0.0.1:" + port + ", so that apps which know only that port go through it."
	failOpen := "A small guard keeps the port: when Carpool quits or crashes, apps reach Ollama there as before."
	switch {
	case s.System == "windows":
		return Plan{Do: DoNothing, Says: []string{ErrUnsupported.Error() + ". Point your apps at Carpool instead: carpool connect."}}
	case s.Record != nil:
		return Plan{Do: DoNothing, Says: []string{fmt.Sprintf("Carpool has port %d already, and the engine listens at %s. \"carpool takeover --undo\" puts it back.", s.Record.Port, s.Record.Engine)}}
	case s.Carpool:
		return Plan{Do: DoNothing, Says: []string{"Carpool itself listens at port " + port + " already (gateway.listen)."}}
	case s.Owner == "" && s.Moved != "":
		return Plan{Do: DoTake, Engine: s.Moved, Says: []string{"Ollama listens at " + s.Moved + "; port " + port + " is free.", take, failOpen}}
	case s.Owner == "":
		p.Says = []string{"Nobody listens at port " + port + ". Start Ollama at another one, then run this again."}
		p.Steps = "OLLAMA_HOST=" + engine + " ollama serve"
		return p
	case !s.Ollama:
		return Plan{Do: DoNothing, Says: []string{"Port " + port + " is taken by " + s.Owner + ", which is not Ollama. End it first."}}
	}
	moves := "Ollama moves to " + engine + ". It is started again for that: what it is answering now breaks off."
	p.Says = []string{moves, take, failOpen}
	switch {
	case s.Started:
		p.Do = DoRestart
		return p
	case s.Service == "systemd" || s.Service == "systemd-user":
		user := s.Service == "systemd-user"
		folder := s.SystemUnits
		if user {
			folder = s.UserUnits
		}
		p.Unit = NewUnit(s.Unit, user, folder)
		if user || s.Root {
			p.Says = append(p.Says, "The file "+p.Unit.File+" is written, and removed again by --undo.")
			p.Do = DoUnit
			return p
		}
		p.Steps = p.Unit.Commands(engine)
		p.Unit = nil
	default:
		p.Steps = byHand(s.Service, s.NewPort)
	}
	p.Says = append(p.Says, "Carpool cannot move this Ollama itself. Do that, then run this again:")
	return p
}

// byHand is how an Ollama that somebody else runs is moved, as its own FAQ says.
func byHand(service string, port int) string {
	host := "127.0.0.1:" + strconv.Itoa(port)
	switch service {
	case "docker", "podman":
		return fmt.Sprintf("%[1]s stop ollama && %[1]s rm ollama\n%[1]s run -d --gpus=all -v ollama:/root/.ollama -p %[2]s:11434 --name ollama ollama/ollama", service, host)
	case "mac-app":
		return "launchctl setenv OLLAMA_HOST " + host + "\nosascript -e 'quit app \"Ollama\"'; sleep 2; open -a Ollama"
	case "brew":
		return "launchctl setenv OLLAMA_HOST " + host + "\nbrew services restart ollama"
	}
	return "OLLAMA_HOST=" + host + " ollama serve   # after the one that runs was ended, with Ctrl-C or where your script starts it"
}

// UndoByHand is how the user puts back what the user moved.
func UndoByHand(service string) string {
	switch service {
	case "docker", "podman":
		return fmt.Sprintf("%[1]s stop ollama && %[1]s rm ollama\n%[1]s run -d --gpus=all -v ollama:/root/.ollama -p 127.0.0.1:11434:11434 --name ollama ollama/ollama", service)
	case "mac-app":
		return "launchctl unsetenv OLLAMA_HOST\nosascript -e 'quit app \"Ollama\"'; sleep 2; open -a Ollama"
	case "brew":
		return "launchctl unsetenv OLLAMA_HOST\nbrew services restart ollama"
	case "systemd":
		return NewUnit("ollama.service", false, "/etc/systemd/system").Back()
	}
	return "ollama serve   # after the one that runs was ended"
}
