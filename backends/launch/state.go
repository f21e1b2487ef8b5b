package launch

import "time"

// Status is what a started engine is doing.
type Status string

// The statuses.
const (
	Starting   Status = "starting"
	Running    Status = "running"    // it takes connections
	Restarting Status = "restarting" // it ended, and will be started again
	Failed     Status = "failed"     // it ended five times without ever serving; it is still tried
	Stopped    Status = "stopped"    // as it was told
)

// State is a copy of what is known of an engine that Carpool started.
type State struct {
	Name     string    `json:"name"` // that of its kind
	Kind     Kind      `json:"kind"`
	Label    string    `json:"label"` // for people
	Status   Status    `json:"status"`
	Reason   string    `json:"reason,omitempty"` // why it is not running
	Since    time.Time `json:"since"`            // of the status
	PID      int       `json:"pid"`              // 0 = none runs, or it is a service
	URL      string    `json:"url"`
	Slots    int       `json:"slots"`    // requests at once, as its log says or else as it was told; 0 = not known
	Context  int       `json:"context"`  // tokens of each slot; 0 = the engine's own default
	Why      string    `json:"why"`      // of the slots
	Restarts int       `json:"restarts"` // since it was started
	Errors   []string  `json:"errors"`   // the last lines of its log that tell of one, oldest first, at most 5
	LogFile  string    `json:"log_file,omitempty"`
}

// Alive reports whether the engine is being kept running.
func (s State) Alive() bool { return s.Status != Stopped }
