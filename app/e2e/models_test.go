//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"

	"carpool/app/e2e/gguf"
)

// names are what a list of models holds, sorted.
func names(t *testing.T, c *api.Client) []string {
	t.Helper()
	list, err := c.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range list.Models {
		all = append(all, m.Name)
	}
	slices.Sort(all)
	return all
}

// TestModels manages models through Carpool and looks at the engine for what
// really happened.
func TestModels(t *testing.T) {
	through, direct := shared.ollama(), shared.engine.client()
	create := &api.CreateRequest{Model: "made", Template: template, Parameters: map[string]any{"num_thread": 1, "num_predict": 8}}
	if err := createModel(t.Context(), through, gguf.Llama{Seed: 11, Layers: 1, Width: 64}.File(), create, t.TempDir()); err != nil {
		t.Fatal("create: ", err)
	}
	if got := names(t, direct); !slices.Contains(got, "made:latest") {
		t.Fatalf("the engine has %v", got)
	}
	if err := through.Copy(t.Context(), &api.CopyRequest{Source: "made", Destination: "copied"}); err != nil {
		t.Fatal("copy: ", err)
	}
	if a, b := names(t, direct), names(t, through); !slices.Equal(a, b) || !slices.Contains(a, "copied:latest") {
		t.Errorf("the engine lists %v, Carpool %v", a, b)
	}
	// A model that was made a moment ago serves at once.
	var said strings.Builder
	err := through.Generate(t.Context(), &api.GenerateRequest{Model: "copied", Prompt: "the", Options: map[string]any{"num_predict": 8}},
		func(r api.GenerateResponse) error { said.WriteString(r.Response); return nil })
	if err != nil || said.Len() == 0 {
		t.Errorf("the copy said %q, %v", said.String(), err)
	}
	running, err := through.ListRunning(t.Context())
	if err != nil || !slices.ContainsFunc(running.Models, func(m api.ProcessModelResponse) bool { return m.Name == "copied:latest" }) {
		t.Errorf("running: %+v, %v", running, err)
	}
	info, err := through.Show(t.Context(), &api.ShowRequest{Model: "copied"})
	if err != nil || info.Details.Family != "llama" || info.ModelInfo["llama.embedding_length"] != 64.0 {
		t.Errorf("show: %+v, %v", info, err)
	}
	for _, name := range []string{"copied", "made"} {
		if err := through.Delete(t.Context(), &api.DeleteRequest{Model: name}); err != nil {
			t.Errorf("delete %s: %v", name, err)
		}
	}
	if a, b := names(t, direct), names(t, through); !slices.Equal(a, b) || slices.Contains(a, "copied:latest") || slices.Contains(a, "made:latest") {
		t.Errorf("after deleting, the engine lists %v, Carpool %v", a, b)
	}
	err = through.Generate(t.Context(), &api.GenerateRequest{Model: "made", Prompt: "the", Options: map[string]any{"num_predict": 1}},
		func(api.GenerateResponse) error { return nil })
	var e api.StatusError
	if !errors.As(err, &e) || e.StatusCode != http.StatusNotFound || e.ErrorMessage != "model 'made' not found" {
		t.Errorf("a deleted model: %#v", err)
	}
	a, err1 := direct.Version(t.Context())
	b, err2 := through.Version(t.Context())
	if err1 != nil || err2 != nil || a != b {
		t.Errorf("version %q (%v), through Carpool %q (%v)", a, err1, b, err2)
	}
}

func TestEmbeddings(t *testing.T) {
	texts := []string{"the first", "a second one", "the first", "people and water", "x"}
	alone := make([][]float32, len(texts))
	for i, text := range texts {
		one, err := shared.engine.client().Embed(t.Context(), &api.EmbedRequest{Model: embed, Input: text})
		if err != nil {
			t.Fatal(err)
		}
		alone[i] = one.Embeddings[0]
	}
	together, err := shared.ollama().Embed(t.Context(), &api.EmbedRequest{Model: embed, Input: texts})
	if err != nil {
		t.Fatal(err)
	}
	client := shared.openai()
	other, err := client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
		Model: embed, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(together.Embeddings) != len(texts) || len(other.Data) != len(texts) {
		t.Fatalf("%d and %d vectors for %d texts", len(together.Embeddings), len(other.Data), len(texts))
	}
	for i := range texts {
		near(t, texts[i], alone[i], together.Embeddings[i])
		single := make([]float32, len(other.Data[i].Embedding))
		for j, x := range other.Data[i].Embedding {
			single[j] = float32(x)
		}
		near(t, texts[i], alone[i], single)
		if other.Data[i].Index != int64(i) {
			t.Errorf("vector %d has index %d", i, other.Data[i].Index)
		}
	}
	if slices.Equal(alone[0], alone[1]) {
		t.Error("two texts, one vector")
	}
}

func near(t *testing.T, text string, a, b []float32) {
	t.Helper()
	if len(a) != len(b) || len(a) == 0 {
		t.Fatalf("%q has %d and %d numbers", text, len(a), len(b))
	}
	for i := range a {
		if math.Abs(float64(a[i]-b[i])) > 1e-4 {
			t.Errorf("%q: number %d is %v and %v", text, i, a[i], b[i])
			return
		}
	}
}

// TestOllamaCommand drives Carpool with the engine's own command.
func TestOllamaCommand(t *testing.T) {
	run := func(t *testing.T, url, stdin string, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, shared.engine.program, args...)
		cmd.Env = shared.engine.env(url)
		cmd.Stdin = strings.NewReader(stdin)
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Run(); err != nil {
			t.Fatalf("ollama %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), said.String())
		}
		return out.String()
	}
	both := func(t *testing.T, args ...string) string {
		t.Helper()
		direct, through := run(t, shared.engine.url, "", args...), run(t, shared.url, "", args...)
		// The parameters of a model come in any order.
		if !slices.Equal(slices.Sorted(strings.SplitSeq(direct, "\n")), slices.Sorted(strings.SplitSeq(through, "\n"))) {
			t.Errorf("ollama %s says\n%s\nthrough Carpool\n%s", strings.Join(args, " "), direct, through)
		}
		return through
	}
	t.Run("list", func(t *testing.T) {
		if out := both(t, "list"); !strings.Contains(out, "embed:latest") {
			t.Error(out)
		}
	})
	t.Run("show", func(t *testing.T) {
		if out := both(t, "show", "eyes"); !strings.Contains(out, "vision") {
			t.Error(out)
		}
	})
	t.Run("run", func(t *testing.T) {
		if out := run(t, shared.url, "the time is", "run", fast); len(strings.TrimSpace(out)) < 20 {
			t.Errorf("it said %q", out)
		}
	})
	t.Run("ps", func(t *testing.T) {
		if out := run(t, shared.url, "", "ps"); !strings.Contains(out, "fast:latest") {
			t.Error(out)
		}
	})
	t.Run("create, cp and rm", func(t *testing.T) {
		folder := t.TempDir()
		path, _, err := writeModel(gguf.Llama{Seed: 12, Layers: 1, Width: 64}.File(), folder)
		if err != nil {
			t.Fatal(err)
		}
		recipe := filepath.Join(folder, "Modelfile")
		if err := os.WriteFile(recipe, []byte("FROM "+path+"\nPARAMETER num_predict 8\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, shared.url, "", "create", "typed", "-f", recipe)
		run(t, shared.url, "", "cp", "typed", "typed-again")
		if got := names(t, shared.engine.client()); !slices.Contains(got, "typed-again:latest") {
			t.Errorf("the engine has %v", got)
		}
		run(t, shared.url, "", "rm", "typed", "typed-again")
		if got := names(t, shared.engine.client()); slices.Contains(got, "typed:latest") {
			t.Errorf("the engine still has %v", got)
		}
	})
}
