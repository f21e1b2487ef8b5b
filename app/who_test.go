package app_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"carpool/app"
	"carpool/storage"
)

const askVariable = "CARPOOL_TEST_ASK"

// askAgainAndAgain sends requests over one connection until its input ends.
func askAgainAndAgain(url string) int {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(short))
		if err != nil {
			return 1
		}
		req.Header.Set("User-Agent", "same/1")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			break
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	return 0
}

// asking starts this test's program under another name.
func asking(t *testing.T, a *app.App, name string, args ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(t.TempDir(), name)
	if os.Link(self, path) != nil { // another disk
		program, err := os.ReadFile(self)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, program, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), askVariable+"="+a.Snapshot().Endpoint+"/api/generate")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
}

// rowOf waits for a request of the app.
func rowOf(t *testing.T, a *app.App, name string) storage.Request {
	t.Helper()
	var seen []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		rows, err := a.Requests(t.Context(), storage.Query{})
		if err != nil {
			t.Fatal(err)
		}
		seen = seen[:0]
		for _, r := range rows {
			if r.App == name {
				return r
			}
			seen = append(seen, r.App)
		}
	}
	t.Fatalf("no request of %q; those seen are of %q", name, seen)
	return storage.Request{}
}

func TestAppsAreToldApart(t *testing.T) {
	a := start(t, options(t))
	if err := a.Set(t.Context(), "apps.priorities", "indexer.py=background"); err != nil {
		t.Fatal(err)
	}
	asking(t, a, "writer")
	asking(t, a, "python3", "-u", "/opt/x/indexer.py", "--key", "sk-secret")
	if r := rowOf(t, a, "writer"); r.Priority != "normal" {
		t.Errorf("writer is %s", r.Priority)
	}
	if r := rowOf(t, a, "indexer.py"); r.Priority != "background" {
		t.Errorf("indexer.py is %s", r.Priority)
	}
}

func TestAKeyNamesAnAppAndStaysSecret(t *testing.T) {
	o := options(t)
	a := start(t, o)
	if err := a.Set(t.Context(), "apps.keys", "sk-secret=Editor"); err != nil {
		t.Fatal(err)
	}
	if got := a.Snapshot().Config.Apps.Keys; len(got) != 1 || got[0] != "***=Editor" {
		t.Errorf("the snapshot has %q", got)
	}
	if err := a.Set(t.Context(), "batching.max_batch_size", "3"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(o.ConfigFile)
	if err != nil || !strings.Contains(string(text), "\nkeys = [\"sk-secret=Editor\"]") {
		t.Errorf("error %v, file\n%s", err, text)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.Snapshot().Endpoint+"/api/generate", strings.NewReader(short))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk-secret")
	resp, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	rowOf(t, a, "Editor")
}
