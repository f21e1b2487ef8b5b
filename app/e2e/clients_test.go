//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// described is an engine as its clients meet it: what to ask for what. What is
// empty it has not, and the checks that need it are skipped.
type described struct {
	Chat     string   `json:"chat"`
	Slow     string   `json:"slow"` // a model to leave in the middle of an answer
	Embed    string   `json:"embed,omitempty"`
	Vision   string   `json:"vision,omitempty"`
	Schema   string   `json:"schema,omitempty"`   // a model that the engine holds to a schema
	Tools    *prompt  `json:"tools,omitempty"`    // what makes a model call get_weather
	Object   *prompt  `json:"object,omitempty"`   // what makes a model say an object
	Thinking *prompt  `json:"thinking,omitempty"` // what makes a model think
	LMStudio string   `json:"lmstudio,omitempty"` // the prefix of LM Studio's own routes
	Lacks    []string `json:"lacks,omitempty"`    // what else the engine has not, by the words of the checks
}

type prompt struct {
	Model  string `json:"model"`
	Prompt string `json:"prompt"`
}

// ollamas is what the models of the suite can do on a real Ollama.
var ollamas = described{
	Chat: fast, Slow: slow, Embed: embed, Vision: eyes, Schema: fast,
	Tools:    &prompt{clerk, "will it rain in Rome"},
	Object:   &prompt{former, "describe an animal"},
	Thinking: &prompt{thinker, "what is two and two"},
}

// client is a client library with its checks, each a subtest. It returns how many
// requests it has abandoned on purpose.
type client struct {
	name  string
	check func(t *testing.T, base string, e described) (left int)
}

// clients are the libraries that people use with a local engine.
func clients() []client {
	return []client{
		{"go ollama", checkOllama},
		{"go openai", checkOpenAI},
		{"go anthropic", checkAnthropic},
		script("ollama"), script("openai"), script("anthropic"), script("ai"), script("langchain"), script("lmstudio"),
	}
}

// TestClients runs each library through Carpool against every engine of the
// contract, and against the real Ollama itself, as the measure.
func TestClients(t *testing.T) {
	all := columns(t)
	for _, c := range clients() {
		t.Run(c.name, func(t *testing.T) {
			t.Run("Ollama without Carpool", func(t *testing.T) { c.check(t, all[0].pool.engine.url, ollamas) })
			for _, col := range all {
				t.Run(col.name, func(t *testing.T) { col.pool.left += c.check(t, col.pool.url, col.described) })
			}
		})
	}
}

// script is a library for Node.js, whose checks are in a script of its own.
func script(name string) client {
	return client{name: "npm " + name, check: func(t *testing.T, base string, e described) (left int) {
		t.Helper()
		folder := scripts(t)
		told, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "node", filepath.Join(folder, name+".mjs"), base, string(told))
		// Nothing of the caller's: no proxy, no key, no endpoint to send traces to.
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s.mjs: %v\n%s", name, err, said.String())
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(lines) < 2 {
			t.Fatalf("%s.mjs made %d checks", name, len(lines))
		}
		for _, line := range lines {
			var made struct {
				Check   string
				OK      bool
				Skipped bool
				Detail  string
			}
			if err := json.Unmarshal([]byte(line), &made); err != nil || made.Check == "" {
				t.Errorf("%s.mjs printed %q: %v", name, line, err)
				continue
			}
			if strings.HasPrefix(made.Check, "abort") && !made.Skipped {
				left++
			}
			t.Run(made.Check, func(t *testing.T) {
				switch {
				case made.Skipped:
					t.Skip(made.Detail)
				case !made.OK:
					t.Error(made.Detail)
				case made.Detail != "":
					t.Log(made.Detail)
				}
			})
		}
		return left
	}}
}

// scripts returns a folder with the scripts and, beside them, the libraries that
// clients/install.sh keeps in the user's cache: where Node.js looks for them.
func scripts(t *testing.T) string {
	t.Helper()
	folder, err := installScripts()
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CARPOOL_NODE") != "required" {
		t.Skip("no Node.js here, so its libraries are not tried (apt-get install nodejs npm)")
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

var installScripts = sync.OnceValues(func() (string, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", err
		}
	}
	cmd := exec.Command("./clients/install.sh")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("install the client libraries: %w", err)
	}
	folder := filepath.Join(dir, "clients")
	if err := os.CopyFS(folder, os.DirFS("clients")); err != nil {
		return "", err
	}
	return folder, os.Symlink(filepath.Join(strings.TrimSpace(string(out)), "node_modules"), filepath.Join(folder, "node_modules"))
})
