//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/ollama/ollama/api"

	"carpool/app/e2e/gguf"
)

// TestFaultsOfAFullDisk gives an Ollama a folder of models that has no room for
// another one.
func TestFaultsOfAFullDisk(t *testing.T) {
	if err := exec.Command("unshare", "-rm", "true").Run(); err != nil {
		t.Skipf("no small disk without a namespace of one's own: unshare -rm: %v", err)
	}
	own := t.TempDir()
	models := filepath.Join(own, "models")
	e, err := newEngine(ollama, filepath.Join(own, "engine"), models, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(models, 0o700); err != nil {
		t.Fatal(err)
	}
	e.wrap = []string{"unshare", "-rm", "sh", "-c", `mount -t tmpfs -o size=24m none "$0" && exec "$@"`, models}
	if err := e.serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := startAt(t.Context(), binary, filepath.Join(own, "carpool"), "ollama", e.url)
	if err != nil {
		t.Fatal(errors.Join(err, e.stop()))
	}
	p.engine = e
	p.closeAfter(t)
	small := gguf.Llama{Seed: 1}.File()
	recipe := func(name string) *api.CreateRequest {
		return &api.CreateRequest{Model: name, Template: template, Parameters: map[string]any{"num_thread": 1, "num_ctx": 2048}}
	}
	if err := createModel(t.Context(), p.ollama(), small, recipe(fast), own); err != nil {
		t.Fatal(err)
	}
	serves := func(t *testing.T) {
		t.Helper()
		unload(t, e, fast)
		if _, err := ask(t.Context(), p.ollama(), fast, "the", 4); err != nil {
			t.Errorf("a model that was there before: %v", err)
		}
	}

	t.Run("AnUploadThatDoesNotFit", func(t *testing.T) {
		large := gguf.Llama{Seed: 2, Layers: 4, Width: 1024, Type: gguf.Q80}.File()
		// Who is still writing may find the connection closed before it has read why, as
		// with any server that does not read on.
		for tries := 1; ; tries++ {
			err := createModel(t.Context(), p.ollama(), large, recipe("large"), own)
			if _, cut := errors.AsType[*net.OpError](err); cut && tries < mostUploads {
				continue
			}
			if e, ok := errors.AsType[api.StatusError](err); !ok || e.StatusCode != http.StatusInternalServerError || !strings.Contains(e.ErrorMessage, "no space left") {
				t.Errorf("upload %d: %#v", tries, err)
			}
			break
		}
		serves(t)
	})
	t.Run("AModelThatCannotBeWritten", func(t *testing.T) {
		server, err := e.pid()
		if err != nil {
			t.Fatal(err)
		}
		filler := filepath.Join(fmt.Sprintf("/proc/%d/root", server), models, "filler")
		fill(t, filler)
		direct := createOf(t, e.client(), recipe("copied"))
		through := createOf(t, p.ollama(), recipe("copied"))
		if through == nil || direct == nil || blobName.ReplaceAllString(through.Error(), "") != blobName.ReplaceAllString(direct.Error(), "") ||
			!strings.Contains(through.Error(), "no space left") {
			t.Errorf("the engine says %v, Carpool %v", direct, through)
		}
		serves(t)
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		if err := createOf(t, p.ollama(), recipe("copied")); err != nil {
			t.Errorf("with room again: %v", err)
		}
	})
}

// mostUploads bounds how often a model is uploaded until the engine's answer is read.
const mostUploads = 5

// blobName is in the engine's words, and another one each time.
var blobName = regexp.MustCompile(`sha256-\d+`)

// createOf makes a model of the fast one.
func createOf(t *testing.T, c *api.Client, r *api.CreateRequest) error {
	t.Helper()
	r.From = fast
	r.System = "be brief" // a layer of its own
	return c.Create(t.Context(), r, func(api.ProgressResponse) error { return nil })
}

// fill writes a file until its disk is full.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for chunk := make([]byte, 4096); err == nil; {
		_, err = f.Write(chunk)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	_ = f.Close()
}
