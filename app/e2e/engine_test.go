//go:build e2e

package e2e

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ollama/ollama/api"

	"carpool/app/e2e/gguf"
	"carpool/backends/backendstest"
)

// The models of the suite. The first five are noise; what differs is what they
// can do. The others say what they were taught, see parrot.
const (
	fast   = "fast"   // a text model of under a millisecond per token
	medium = "medium" // a text model of about 2 ms per token
	slow   = "slow"   // a text model of more than 6 ms per token
	eyes   = "eyes"   // a text model that sees images
	embed  = "embed"  // an embedding model

	clerk   = "clerk"   // calls get_weather, and says something once it has the result
	former  = "former"  // says {"kind":"cat","old":true}
	thinker = "thinker" // thinks before it speaks
)

// template knows roles and tools. A tool call is JSON.
const template = `{{ if .System }}{{ .System }}
{{ end }}{{ if .Tools }}Tools: {{ .Tools }}
{{ end }}{{ range .Messages }}{{ .Role }}: {{ .Content }}
{{- if .ToolCalls }}{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "parameters": {{ .Function.Arguments }}}{{ end }}{{ end }}
{{ end }}assistant:`

// parrot is a model that knows what to say by how the prompt ends, and parrots
// are the templates that end it in one way or another.
var (
	parrot = gguf.Parrot{Lines: []gguf.Line{
		{After: ":", Pieces: []string{`{"name":`, `▁"get_weather",`, `▁"parameters":`, `▁{"city":▁"Rome"}}`}},
		{After: "=", Pieces: []string{"It", "▁stays", "▁dry", "▁in", "▁Rome."}},
		{After: "#", Pieces: []string{`{"kind":`, `▁"cat",`, `▁"old":`, "▁true}"}},
		{After: "?", Pieces: []string{"<think>", "Let▁me", "▁see.", "</think>", "Four."}},
	}}
	parrots = map[string]string{
		clerk:   ended(`assistant{{ if eq .Role "tool" }}={{ else }}:{{ end }}`),
		former:  ended("assistant#"),
		thinker: ended("assistant?"),
	}
)

// ended is a template that knows roles, tools and thoughts, and ends as it is told.
func ended(last string) string {
	return `{{ if .System }}{{ .System }}
{{ end }}{{ if .Tools }}Tools: {{ .Tools }}
{{ end }}{{ range $i, $m := .Messages }}{{ .Role }}: {{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}
{{- if .ToolCalls }}{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "parameters": {{ .Function.Arguments }}}{{ end }}{{ end }}
{{ if eq (len (slice $.Messages $i)) 1 }}` + last + `{{ end }}{{ end }}`
}

// engine is a real Ollama server.
type engine struct {
	*process
	program string
	home    string
	models  string
	url     string
	vars    []string
	wrap    []string // runs the server, as in {"unshare", "-rm"}; nil = nothing
}

// findOllama returns an ollama program, building one if there is none.
func findOllama(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "./ollama/build.sh")
	cmd.Stderr = os.Stderr
	path, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("no ollama program: %w", err)
	}
	return filepath.Abs(strings.TrimSpace(string(path)))
}

// startEngine starts a server with so many slots per model and more settings of
// its own. Servers may share the folder of models.
func startEngine(ctx context.Context, program, dir, models string, slots int, more ...string) (*engine, error) {
	e, err := newEngine(program, dir, models, slots, more...)
	if err != nil {
		return nil, err
	}
	return e, e.serve(ctx)
}

// newEngine prepares a server that is not started yet.
func newEngine(program, dir, models string, slots int, more ...string) (*engine, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	e := &engine{program: program, home: dir, models: models, url: "http://" + addr}
	env := append(e.env(e.url),
		"OLLAMA_MODELS="+models,
		"OLLAMA_NOPRUNE=1",
		"OLLAMA_NO_CLOUD=1",
		"OLLAMA_KEEP_ALIVE=30m",
		"OLLAMA_NUM_PARALLEL="+strconv.Itoa(slots),
	)
	e.vars = append(env, more...)
	return e, nil
}

// serve starts the server, for the first time or again.
func (e *engine) serve(ctx context.Context) error {
	var err error
	line := append(slices.Clone(e.wrap), e.program, "serve")
	e.process, err = start("ollama at "+e.url, filepath.Join(e.home, "ollama.log"), e.vars, line...)
	if err != nil {
		return err
	}
	err = poll(ctx, 30*time.Second, func() error {
		if err := e.failed(); err != nil {
			return giveUp{err}
		}
		_, err := e.client().Version(ctx)
		return err
	})
	if err != nil {
		return errors.Join(fmt.Errorf("ollama does not answer: %w", err), e.stop())
	}
	return nil
}

// env is what an ollama command needs to talk to the server at url.
func (e *engine) env(url string) []string {
	env := []string{"HOME=" + e.home, "OLLAMA_HOST=" + url}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if name == "HOME" || strings.HasPrefix(name, "OLLAMA_") || strings.HasSuffix(strings.ToLower(name), "_proxy") {
			continue
		}
		env = append(env, kv)
	}
	return env
}

func (e *engine) client() *api.Client { return ollamaClient(e.url, http.DefaultTransport) }

func ollamaClient(base string, via http.RoundTripper) *api.Client {
	u, err := url.Parse(base)
	if err != nil {
		panic(err)
	}
	return api.NewClient(u, &http.Client{Transport: via})
}

// createModels writes the suite's models into the server, each an hour older than
// the one before: Ollama lists models of one second in random order. It breaks
// off an answer that repeats one token 30 times; with these seeds none does.
func (e *engine) createModels(ctx context.Context) error {
	text := map[string]any{"num_thread": 1, "num_ctx": 2048, "num_predict": 32}
	now := time.Now()
	for i, m := range []struct {
		name       string
		file       gguf.File
		template   string
		parameters map[string]any
	}{
		{fast, gguf.Llama{Seed: 1}.File(), template, text},
		{slow, gguf.Llama{Seed: 2, Layers: 12, Width: 1024, Type: gguf.Q80}.File(), template, text},
		{medium, gguf.Llama{Seed: 21, Layers: 12, Width: 512, Type: gguf.Q80}.File(), template, text},
		{eyes, gguf.Vision{Seed: 3}.File(), template, text},
		{embed, gguf.Bert{Seed: 4}.File(), "", map[string]any{"num_thread": 1}},
		{clerk, parrot.File(), parrots[clerk], text},
		{former, parrot.File(), parrots[former], text},
		{thinker, parrot.File(), parrots[thinker], text},
	} {
		r := &api.CreateRequest{Model: m.name, Template: m.template, Parameters: m.parameters}
		if err := createModel(ctx, e.client(), m.file, r, e.home); err != nil {
			return fmt.Errorf("create %s: %w", m.name, err)
		}
		manifest := filepath.Join(e.models, "manifests", "registry.ollama.ai", "library", m.name, "latest")
		made := now.Add(-time.Duration(i+1) * time.Hour)
		if err := os.Chtimes(manifest, made, made); err != nil {
			return err
		}
	}
	return nil
}

// createModel uploads a model's file and has the server make a model of it.
func createModel(ctx context.Context, c *api.Client, f gguf.File, r *api.CreateRequest, dir string) error {
	path, digest, err := writeModel(f, dir)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(path) }()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := c.CreateBlob(ctx, digest, file); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	r.Files = map[string]string{"model.gguf": digest}
	return c.Create(ctx, r, func(api.ProgressResponse) error { return nil })
}

// writeModel writes f to a new file in dir.
func writeModel(f gguf.File, dir string) (path, digest string, err error) {
	file, err := os.CreateTemp(dir, "*.gguf")
	if err != nil {
		return "", "", err
	}
	hash := sha256.New()
	_, err = f.WriteTo(io.MultiWriter(file, hash))
	if err := errors.Join(err, file.Close()); err != nil {
		return "", "", err
	}
	return file.Name(), fmt.Sprintf("sha256:%x", hash.Sum(nil)), nil
}

// freeAddress is a loopback address that was free a moment ago.
func freeAddress() (string, error) {
	l, err := backendstest.Listen()
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// giveUp ends a poll at once.
type giveUp struct{ error }

// poll calls f until it succeeds; after so long its last error counts.
func poll(ctx context.Context, within time.Duration, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if _, stop := errors.AsType[giveUp](err); err == nil || stop {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %w", within, err)
		}
	}
}
