// Package takeover puts Carpool on an engine's own port, 11434, and sees to it that
// the engine can be reached there whatever becomes of Carpool ([design.md]).
//
// A guard, a small process of its own, holds the port's sockets. It lends them to
// the Carpool that runs; while none does, it passes connections on to the engine,
// bytes as they are. The Record says that a port is taken over, and what has to be
// put back; it is the one truth: Carpool and the guard follow it.
//
// Take, Adopt and Serve exist on Linux and macOS; elsewhere they fail with
// ErrUnsupported.
package takeover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// Port is Ollama's, which apps have in their settings.
const Port = 11434

const recordFile = "takeover.json"

// Errors of this package.
var (
	ErrUnsupported = errors.New("taking over a port works on Linux and macOS only")
	ErrNoGuard     = errors.New("nobody guards the port")
	ErrLent        = errors.New("another Carpool has the port")
)

// How an engine was moved away from its port.
const (
	ByHand    = "hand"    // the user did it
	ByUnit    = "systemd" // by a file beside its unit
	ByCarpool = "carpool" // it is one that Carpool starts
)

// Record is a takeover that is in force.
type Record struct {
	Port   int    `json:"port"`   // that Carpool has, on 127.0.0.1 and [::1]
	Engine string `json:"engine"` // host:port where the engine listens now
	Kind   string `json:"kind"`   // of engine: "ollama"
	By     string `json:"by"`     // ByHand, ByUnit, ByCarpool
	Unit   *Unit  `json:"unit,omitempty"`
}

// Load reads the record of a state folder; nil = nothing is taken over. It fails
// where one is there that cannot be used.
func Load(stateDir string) (*Record, error) {
	text, err := os.ReadFile(filepath.Join(stateDir, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("takeover: %w", err)
	}
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("takeover: %s: %w", recordFile, err)
	}
	return &r, r.check()
}

// check refuses what would have the guard talk to itself, or to another machine.
func (r *Record) check() error {
	host, port, err := net.SplitHostPort(r.Engine)
	if err != nil {
		return fmt.Errorf("takeover: engine: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || n == 0:
		return fmt.Errorf("takeover: engine: %q is no port", port)
	case !net.ParseIP(host).IsLoopback():
		return fmt.Errorf("takeover: engine: %q is not an address of this machine", host)
	case r.Port < 1 || r.Port > 65535:
		return fmt.Errorf("takeover: %d is no port", r.Port)
	case int(n) == r.Port:
		return fmt.Errorf("takeover: the engine cannot be at port %d too", r.Port)
	}
	return nil
}

// Save puts the takeover in force.
func (r *Record) Save(stateDir string) error {
	if err := r.check(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return fmt.Errorf("takeover: %w", err)
	}
	path := filepath.Join(stateDir, recordFile)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return fmt.Errorf("takeover: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("takeover: %w", err)
	}
	return nil
}

// Remove ends it; there may be none.
func Remove(stateDir string) error {
	if err := os.Remove(filepath.Join(stateDir, recordFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("takeover: %w", err)
	}
	return nil
}

// Addresses are those that are taken over, host:port.
func (r *Record) Addresses() []string {
	port := strconv.Itoa(r.Port)
	return []string{net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("::1", port)}
}
