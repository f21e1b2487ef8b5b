//go:build cgo && linux

package app_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/app"
	"carpool/backends/backendstest"
	"carpool/gpu/gputest"
)

// driverVariable is the folder of the fake driver. A program finds its driver
// only as it starts, so the test runs in a child process where this is set.
const driverVariable = "CARPOOL_TEST_DRIVER"

// Test27_ServesWhateverTheGPUDoes sends requests while the driver of six GPUs fails in
// every way: none of them notices, and Carpool quits while a call hangs.
func Test27_ServesWhateverTheGPUDoes(t *testing.T) {
	folder := os.Getenv(driverVariable)
	if folder == "" {
		t.Parallel()
		d := gputest.BuildDriver(t)
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		c.Env = append(append(os.Environ(), driverVariable+"="+d.Folder()), d.Env()...)
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}

	const cards = 6
	d := gputest.DriverIn(t, folder)
	d.Set("gpus", cards)
	engine := backendstest.New(t)
	engine.SetModels("carpool-demo")
	o := options(t)
	o.Engine = engine.URL
	a, quit := startToQuit(t, o)
	if err := a.Set(t.Context(), "gpu.sample_ms", "200"); err != nil {
		t.Fatal(err)
	}
	sent := uint64(0)
	send := func() {
		t.Helper()
		var clients sync.WaitGroup
		for range 10 {
			sent++
			clients.Go(func() { ask(t, a) })
		}
		clients.Wait()
	}
	// see waits until each GPU tells its reason, and none; only the first may be read on.
	see := func(what string, reasons [cards]string) {
		t.Helper()
		s := until(t, a, what, func(s app.Snapshot) bool {
			for i, reason := range reasons {
				if len(s.GPUs) != cards || s.GPUs[i].Reason != reason {
					return false
				}
			}
			return true
		})
		for i, g := range s.GPUs {
			if g.Available == (g.Reason != "") || !strings.HasPrefix(g.Name, "NVIDIA Fake") || !g.Available && (g.MemoryUsed != nil || g.Utilization != nil) {
				t.Errorf("%s: GPU %d: %+v", what, i, g.Reading)
			}
		}
		if h := a.Health(); h.GPU.Reason != reasons[h.GPU.Index] {
			t.Errorf("%s: health says %+v", what, h.GPU)
		}
		send()
	}
	all := func(reason string) (reasons [cards]string) {
		for i := range reasons {
			reasons[i] = reason
		}
		return reasons
	}
	see("all GPUs", all(""))

	codes := []int{0, 3, 13, 15, 16, 999} // of a GPU each
	for i, code := range codes {
		d.Set(fmt.Sprintf("error.%d", i), code)
	}
	see("GPUs in trouble", [cards]string{"", "this GPU cannot be read", "NVIDIA driver too old to be read",
		"GPU lost: it stopped answering its driver", "GPU needs a reset", "GPU driver reports an unknown error"})
	for i := range codes {
		d.Clear(fmt.Sprintf("error.%d", i))
	}
	see("all GPUs after trouble", all(""))

	d.Set("error", 9)
	see("no driver", all("NVIDIA driver not loaded"))
	d.Set("flips", 1)
	send()
	d.Clear("error", "flips")

	until(t, a, "all GPUs in the end", func(s app.Snapshot) bool { return len(s.GPUs) == cards && s.GPUs[cards-1].Available })
	d.Set("hang", 3_600_000)
	see("a driver that hangs", all("GPU driver does not answer"))
	if total := a.Snapshot().Batching; sent < 60 || total.Requests != sent {
		t.Errorf("%d requests sent: %+v", sent, total)
	}
	quit(30 * time.Second) // not in an hour
	d.Clear("hang")
}

// ask sends one request. Its key lets net/http send it again where a connection that was
// kept open turns out to be closed before a byte of the answer, as at any server.
func ask(t *testing.T, a *app.App) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.Snapshot().Endpoint+"/api/generate", strings.NewReader(short))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", rand.Text())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Errorf("after %v: %v", time.Since(a.Snapshot().Started), err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"done":true`) {
		t.Errorf("%s: %.200s, %v", resp.Status, body, err)
	}
}
