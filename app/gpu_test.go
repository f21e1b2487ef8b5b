//go:build cgo && linux

package app_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"carpool/app"
	"carpool/gpu/gputest"
)

// driverVariable is the folder of the fake driver. A program finds its driver
// only as it starts, so the test runs in a child process where this is set.
const driverVariable = "CARPOOL_TEST_DRIVER"

// TestServesWhateverTheGPUDoes sends requests while the driver of two GPUs fails
// in every way: none of them notices.
func TestServesWhateverTheGPUDoes(t *testing.T) {
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

	d := gputest.DriverIn(t, folder)
	d.Set("gpus", 2)
	a := start(t, options(t))
	if err := a.Set(t.Context(), "gpu.sample_ms", "200"); err != nil {
		t.Fatal(err)
	}
	both := func(s app.Snapshot) bool { return len(s.GPUs) == 2 && s.GPUs[0].Available && s.GPUs[1].Available }
	until(t, a, "both GPUs are read", both)

	sent := 0
	send := func() {
		t.Helper()
		var clients sync.WaitGroup
		for range 10 {
			sent++
			clients.Go(func() { ask(t, a) })
		}
		clients.Wait()
	}
	for _, fault := range []struct {
		order  string
		code   int
		first  string // reason of GPU 0; "" = it is read on
		second string
	}{
		{"error.1", 15, "", "GPU lost: it stopped answering its driver"},
		{"error", 999, "GPU driver reports an unknown error", "GPU driver reports an unknown error"},
		{"error", 9, "NVIDIA driver not loaded", "NVIDIA driver not loaded"},
		{"hang", 10_000, "GPU driver does not answer", "GPU driver does not answer"},
		{"error.0", 16, "GPU needs a reset", ""},
	} {
		d.Set(fault.order, fault.code)
		s := until(t, a, fmt.Sprintf("%s %d", fault.order, fault.code), func(s app.Snapshot) bool {
			return len(s.GPUs) == 2 && s.GPUs[0].Reason == fault.first && s.GPUs[1].Reason == fault.second
		})
		for _, g := range s.GPUs {
			if g.Available == (g.Reason != "") || !strings.HasPrefix(g.Name, "NVIDIA Fake") {
				t.Errorf("%s %d: %+v", fault.order, fault.code, g.Reading)
			}
		}
		send()
		d.Clear(fault.order)
		until(t, a, fmt.Sprintf("both GPUs after %s %d", fault.order, fault.code), both)
		send()
	}
	if total := a.Snapshot().Batching; sent != 100 || total.Requests != 100 {
		t.Errorf("%d requests sent: %+v", sent, total)
	}
}

func ask(t *testing.T, a *app.App) {
	resp, err := http.Post(a.Snapshot().Endpoint+"/api/generate", "application/json", strings.NewReader(short))
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"done":true`) {
		t.Errorf("%s: %.200s, %v", resp.Status, body, err)
	}
}
