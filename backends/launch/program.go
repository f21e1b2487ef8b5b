package launch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Kind is an engine's make, as package backends names it.
type Kind string

// The kinds that can be started, and VLLM and KoboldCPP, which only have a guide.
const (
	Ollama   Kind = "ollama"
	LlamaCPP Kind = "llamacpp"
	LMStudio Kind = "lmstudio"
	VLLM     Kind = "openai"

	KoboldCPP Kind = "koboldcpp"
)

// Program is an engine's program on this machine.
type Program struct {
	Kind  Kind   `json:"kind"`
	Label string `json:"label"` // for people: "Ollama"
	Path  string `json:"path"`
}

// brand is what is known of the program of one kind.
type brand struct {
	kind    Kind
	label   string
	command string // its name on PATH
	port    int    // its usual one
	install string // what to do where it is missing
}

var brands = []brand{
	{Ollama, "Ollama", "ollama", 11434, "install it from https://ollama.com/download"},
	{LlamaCPP, "llama.cpp", "llama-server", 8080, "install llama.cpp (https://github.com/ggml-org/llama.cpp), such as with brew, winget or your distribution"},
	{LMStudio, "LM Studio", "lms", 1234, "install LM Studio from https://lmstudio.ai and run it once"},
}

// ErrUnknown says that a kind is none that can be started.
var ErrUnknown = errors.New("no such engine")

// ErrMissing says that an engine's program is not on this machine. Its text says
// how to get it.
var ErrMissing = errors.New("not found")

// Find lists the programs that are there: on PATH, or where their installers put
// them, since a desktop often starts Carpool with a short PATH.
func Find() []Program {
	var all []Program
	for _, b := range brands {
		if p, err := b.find(thisMachine()); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// FindKind finds the program of one kind. It fails with ErrMissing or ErrUnknown.
func FindKind(k Kind) (Program, error) {
	b, err := brandOf(k)
	if err != nil {
		return Program{}, err
	}
	return b.find(thisMachine())
}

// Port is where engines of a kind listen unless they are told otherwise; 0 = it
// cannot be started.
func Port(k Kind) int {
	b, err := brandOf(k)
	if err != nil {
		return 0
	}
	return b.port
}

func brandOf(k Kind) (brand, error) {
	for _, b := range brands {
		if b.kind == k {
			return b, nil
		}
	}
	return brand{}, fmt.Errorf("%w: %q is none of ollama, llamacpp, lmstudio", ErrUnknown, k)
}

// machine is where programs are looked for.
type machine struct {
	os, home string
	apps     string                            // Windows: LOCALAPPDATA
	onPath   func(name string) (string, error) // exec.LookPath
	isThere  func(path string) bool
}

func thisMachine() machine {
	home, _ := os.UserHomeDir() // without one the places below it are not there
	return machine{os: runtime.GOOS, home: home, apps: os.Getenv("LOCALAPPDATA"), onPath: exec.LookPath, isThere: isProgram}
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}

func (b brand) find(m machine) (Program, error) {
	if path, err := m.onPath(b.command); err == nil {
		return Program{b.kind, b.label, path}, nil
	}
	for _, path := range b.places(m) {
		if m.isThere(path) {
			return Program{b.kind, b.label, path}, nil
		}
	}
	return Program{}, fmt.Errorf("%s (%s) was %w: %s", b.label, b.command, ErrMissing, b.install)
}

// places are where installers put the program.
func (b brand) places(m machine) []string {
	name := b.command
	if m.os == "windows" {
		name += ".exe"
	}
	var all []string
	if b.kind == LMStudio {
		all = append(all, filepath.Join(m.home, ".lmstudio", "bin", name), filepath.Join(m.home, ".cache", "lm-studio", "bin", name))
	}
	switch m.os {
	case "windows":
		if b.kind == Ollama {
			all = append(all, filepath.Join(m.apps, "Programs", "Ollama", name))
		}
		return append(all, filepath.Join(m.apps, "Microsoft", "WinGet", "Links", name))
	case "darwin":
		if b.kind == Ollama {
			inside := filepath.Join("Applications", "Ollama.app", "Contents", "Resources", name)
			all = append(all, "/"+inside, filepath.Join(m.home, inside))
		}
		all = append(all, "/opt/homebrew/bin/"+name)
	default:
		all = append(all, "/home/linuxbrew/.linuxbrew/bin/"+name, "/snap/bin/"+name)
	}
	return append(all, "/usr/local/bin/"+name, "/usr/bin/"+name, filepath.Join(m.home, ".local", "bin", name))
}
