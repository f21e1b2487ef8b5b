package launch

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Wanted is what a person asks of an engine. The zero value of each field leaves
// it to Carpool, or to the engine.
type Wanted struct {
	Kind    Kind   `json:"kind"`
	Slots   int    `json:"slots"`   // requests at once; 0 = by memory
	Context int    `json:"context"` // tokens of each slot; 0 = the engine's own default
	Model   string `json:"model"`   // llama.cpp: a GGUF file, or a repository user/model[:quant]
	Port    int    `json:"port"`    // on 127.0.0.1; 0 = the engine's usual one
}

// Given is all that a plan depends on.
type Given struct {
	Program    Program
	Wanted     Wanted
	Memory     Memory
	Router     bool     // llama.cpp: this build runs without a model and loads what is asked for
	ModelBytes uint64   // size of the model's file; 0 = not known
	TokenBytes uint64   // that a token of context takes, at most; 0 = not known
	Environ    []string // of Carpool, as os.Environ gives it
}

// Plan says how an engine is started.
type Plan struct {
	Program
	Args    []string
	Env     []string
	Address string // host:port where it will listen
	Slots   int    // 0 = the engine's own business
	Context int    // tokens of each slot; 0 = the engine's own default
	Why     string // of the slots, for people

	// Stop are the arguments that end it, where the program only asks a service to
	// serve and ends itself; nil = the program is the engine.
	Stop []string
}

// URL is where the engine will answer.
func (p Plan) URL() string { return (&url.URL{Scheme: "http", Host: p.Address}).String() }

// ErrNoModel says that llama-server cannot start without being told a model.
var ErrNoModel = errors.New("no model was given")

// NewPlan decides how to start an engine. It fails with ErrNoModel where
// llama-server needs one, and with ErrUnknown.
//
// The slots are those asked for; else Ollama's own setting, where the
// environment has one; else as many as the GPU's memory carries (see fit).
func NewPlan(g Given) (Plan, error) {
	port := g.Wanted.Port
	if port == 0 {
		port = Port(g.Program.Kind)
	}
	p := Plan{Program: g.Program, Context: g.Wanted.Context, Env: g.Environ,
		Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	switch g.Program.Kind {
	case Ollama:
		return p.ollama(g), nil
	case LlamaCPP:
		return p.llamaCPP(g)
	case LMStudio:
		return p.lmStudio(g, port), nil
	}
	return Plan{}, fmt.Errorf("%w: %q", ErrUnknown, g.Program.Kind)
}

// ollama keeps the user's environment, OLLAMA_MODELS among it, but for the
// address, which people set to Carpool's for their other programs, and for its
// debug log, which holds prompts.
func (p Plan) ollama(g Given) Plan {
	own, set := variable(g.Environ, "OLLAMA_NUM_PARALLEL")
	number, err := strconv.Atoi(own)
	switch {
	case g.Wanted.Slots > 0:
		p.Slots, p.Why = g.Wanted.Slots, counted(g.Wanted.Slots)+", as asked for"
	case set && err == nil && number > 0:
		p.Slots, p.Why = number, counted(number)+", as OLLAMA_NUM_PARALLEL says in Carpool's environment"
	default:
		p.Slots, p.Why = g.Memory.fit(g.ollamaSlot(), 0, 0)
	}
	p.Args = []string{"serve"}
	p.Env = with(p.Env, "OLLAMA_HOST", p.Address)
	p.Env = with(p.Env, "OLLAMA_NUM_PARALLEL", strconv.Itoa(p.Slots))
	p.Env = without(p.Env, "OLLAMA_DEBUG")
	if p.Context > 0 {
		p.Env = with(p.Env, "OLLAMA_CONTEXT_LENGTH", strconv.Itoa(p.Context))
	}
	return p
}

// ollamaSlot is how many tokens a slot of Ollama's will hold.
func (g Given) ollamaSlot() int {
	if g.Wanted.Context > 0 {
		return g.Wanted.Context
	}
	if own, ok := variable(g.Environ, "OLLAMA_CONTEXT_LENGTH"); ok {
		if n, err := strconv.Atoi(own); err == nil && n > 0 {
			return n
		}
	}
	return g.Memory.OllamaContext()
}

// llamaCPP gives llama-server its slots, which split the context among them.
// Without a context it takes the model's, so that memory says nothing of their
// number. Its verbose log holds prompts, so that one cannot be asked for.
func (p Plan) llamaCPP(g Given) (Plan, error) {
	host, port, err := net.SplitHostPort(p.Address)
	if err != nil {
		return Plan{}, err
	}
	switch {
	case g.Wanted.Model == "" && !g.Router:
		return Plan{}, fmt.Errorf("%w, and this build of llama-server does not start without one: say --model FILE.gguf or --model user/repository (or set engines.llamacpp_model)", ErrNoModel)
	case g.Wanted.Model == "":
	case isFile(g.Wanted.Model):
		p.Args = append(p.Args, "--model", g.Wanted.Model)
	default:
		p.Args = append(p.Args, "--hf-repo", g.Wanted.Model)
	}
	switch {
	case g.Wanted.Slots > 0:
		p.Slots, p.Why = g.Wanted.Slots, counted(g.Wanted.Slots)+", as asked for"
	case g.Wanted.Context > 0:
		p.Slots, p.Why = g.Memory.fit(g.Wanted.Context, g.ModelBytes, g.TokenBytes)
	default:
		p.Slots, p.Why = usualSlots, counted(usualSlots)+", which share the model's own context"
	}
	p.Args = append(p.Args, "--host", host, "--port", port, "--parallel", strconv.Itoa(p.Slots))
	if p.Context > 0 {
		p.Args = append(p.Args, "--ctx-size", strconv.Itoa(p.Slots*p.Context))
	}
	p.Env = without(p.Env, "LLAMA_ARG_LOG_VERBOSITY")
	p.Env = without(p.Env, "LLAMA_LOG_VERBOSITY")
	return p, nil
}

// isFile tells a model's file from the name of a repository, which has exactly
// one slash and no ending.
func isFile(model string) bool {
	return strings.EqualFold(filepath.Ext(model), ".gguf") || filepath.IsAbs(model) ||
		strings.HasPrefix(model, ".") || strings.HasPrefix(model, "~") || strings.Count(model, "/") != 1
}

// lmStudio asks LM Studio to serve, which goes on by itself. It takes slots and
// context for each model as it loads it.
func (p Plan) lmStudio(g Given, port int) Plan {
	p.Args = []string{"server", "start", "--port", strconv.Itoa(port)}
	p.Stop = []string{"server", "stop"}
	p.Context = 0
	p.Why = "LM Studio takes its slots for each model as it is loaded, 4 by default"
	if g.Wanted.Slots > 0 {
		p.Why += fmt.Sprintf("; for %d: lms load MODEL --parallel %d", g.Wanted.Slots, g.Wanted.Slots)
	}
	return p
}

// variable is the value of a name in an environment; of equal names the last
// counts.
func variable(env []string, name string) (value string, ok bool) {
	for _, kv := range slices.Backward(env) {
		if k, v, found := strings.Cut(kv, "="); found && k == name {
			return v, true
		}
	}
	return "", false
}

// with is env with one variable set.
func with(env []string, name, value string) []string {
	return append(without(env, name), name+"="+value)
}

// without is env without a variable.
func without(env []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
}
