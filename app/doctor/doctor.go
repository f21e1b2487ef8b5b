// Package doctor judges whether Carpool can do its work on this machine: facts
// in, findings in words out, each with what to do about it.
//
// It is pure: it reads, asks and changes nothing. What collects the facts is
// app/doctor/examine. Judge may be called from any goroutine.
package doctor

// Level is how bad a finding is.
type Level string

// The levels. Only a problem keeps Carpool from its work.
const (
	OK      Level = "ok"
	Note    Level = "note"    // works, but could be better, or could not be seen
	Problem Level = "problem" // something does not work
)

// Finding is what one check found.
type Finding struct {
	Check string `json:"check"` // what was looked at, for people: "engine Ollama"
	Level Level  `json:"level"`
	Says  string `json:"says"`          // what was found, a sentence
	Do    string `json:"do,omitempty"`  // what to do about it; "" = nothing
	Run   string `json:"run,omitempty"` // commands that do it, may be several lines; "" = nothing to type
}

// Judge gives at least one finding for each area, in the order in which they
// are best read: Carpool itself, engines, GPU, the desktop, the machine.
func Judge(f Facts) []Finding {
	var all []Finding
	for _, look := range []func(Facts) []Finding{
		carpool, others, settings, port, engines, bypass, graphics, permissions, display, sessionBus, clock, disk, history, network, containers, files,
	} {
		all = append(all, look(f)...)
	}
	return all
}

// Problems counts those that are.
func Problems(all []Finding) (n int) {
	for _, f := range all {
		if f.Level == Problem {
			n++
		}
	}
	return n
}

// one is a look's only finding.
func one(check string, level Level, says, do, run string) []Finding {
	return []Finding{{Check: check, Level: level, Says: says, Do: do, Run: run}}
}
