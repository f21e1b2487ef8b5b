package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/app"
	"carpool/app/gpus"
	"carpool/app/yield"
	"carpool/gpu"
)

func ptr[T any](v T) *T { return &v }

const gib = uint64(1) << 30

// workstation has a GPU that tells all, one that tells next to nothing, and one
// that cannot be read.
func workstation() app.Snapshot {
	s := busy()
	s.GPU = gpus.State{
		Reading: gpu.Reading{At: moment0, Available: true, Name: "RTX 4090", UUID: "GPU-a1b2", Driver: "580.65", Source: "NVML",
			MemoryUsed: ptr(6 * gib), MemoryReserved: ptr(gib / 2), MemoryFree: ptr(17*gib + gib/2), MemoryTotal: ptr(24 * gib),
			Utilization: ptr(0.45), MemoryUtilization: ptr(0.2), Power: ptr(120.4), PowerLimit: ptr(450.0), Energy: ptr(1234567.0),
			Temperature: ptr(61.0), Throttle: []string{"power limit", "heat"}, Clock: ptr(2520.0), MemoryClock: ptr(10501.0)},
		Engines: []string{"ollama"},
		Ours:    gpus.Part{Memory: ptr(4 * gib), Utilization: ptr(0.4)},
		Others:  gpus.Part{Memory: ptr(2 * gib), Utilization: ptr(0.05)},
		Programs: []gpus.Program{
			{Process: gpu.Process{PID: 77, Name: "ollama", Kind: gpu.Compute, Memory: ptr(4 * gib), Utilization: ptr(0.4)}, Engine: "ollama"},
			{Process: gpu.Process{PID: 12, Name: "Xorg\x1b[2J", Kind: gpu.Graphics, Memory: ptr(gib)}},
			{Process: gpu.Process{PID: 13}},
		},
	}
	s.GPUs = []gpus.State{s.GPU,
		{Reading: gpu.Reading{At: moment0, Available: true, Index: 1, Name: "Apple M4", Source: "Apple", MemoryTotal: ptr(16 * gib), Unified: true}},
		{Reading: gpu.Reading{At: moment0, Index: 2, Reason: "GPU is lost"}},
		{Reading: gpu.Reading{At: moment0, Available: true, Index: 3, Name: "Idle"}, Programs: []gpus.Program{}},
	}
	s.Yield = yield.State{On: true, Reason: "blender uses 62 % of the GPU"}
	return s
}

func TestGPU(t *testing.T) {
	t.Run("TellsAll", func(t *testing.T) {
		i := newInstance(t)
		i.serve(&fake{snapshot: workstation()})
		_, out, _ := i.carpool("gpu")
		golden(t, "gpu.txt", out)
		_, out, _ = i.carpool("status")
		if want := "6.0 GiB of 24 GiB used (ours 4.0 GiB, others' 2.0 GiB), 45 % busy (ours 40 %, others' 5 %)"; !strings.Contains(out, want) {
			t.Errorf("status is without %q:\n%s", want, out)
		}
	})

	t.Run("PrintsJSON", func(t *testing.T) {
		i := newInstance(t)
		i.serve(&fake{snapshot: workstation()})
		_, out, _ := i.carpool("gpu", "--json")
		var got struct {
			GPUs  []gpus.State
			Yield yield.State
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if len(got.GPUs) != 4 || *got.GPUs[0].Others.Memory != 2*gib || got.GPUs[0].Programs[0].Engine != "ollama" || !got.Yield.On {
			t.Errorf("%s", out)
		}
		if got.GPUs[1].Programs != nil || got.GPUs[3].Programs == nil {
			t.Errorf("no program and not told are the same: %s", out)
		}
	})

	t.Run("ReadsByItselfWhereNoCarpoolRuns", func(t *testing.T) {
		status, out, notes := newInstance(t).carpool("gpu", "--json")
		var got struct{ GPUs []gpus.State }
		if err := json.Unmarshal([]byte(out), &got); err != nil || status != 0 || len(got.GPUs) == 0 {
			t.Fatalf("status %d, %v: %s%s", status, err, out, notes)
		}
		if g := got.GPUs[0]; !g.Available && g.Reason == "" || g.At.IsZero() {
			t.Errorf("%+v", g)
		}
	})

	t.Run("WatchesUntilItIsEnded", func(t *testing.T) {
		i := newInstance(t)
		i.serve(&fake{snapshot: workstation()})
		ctx, end := context.WithCancel(t.Context())
		defer end()
		out := &stopper{after: 2, stop: end}
		status := Main(ctx, []string{"gpu", "--watch", "--state", i.state, "--config", i.config}, "1", nil, out, &bytes.Buffer{})
		if status != 0 {
			t.Errorf("status %d", status)
		}
		at := moment0.Local().Format(time.TimeOnly)
		block := at + "  GPU 0  memory 6.0 GiB of 24 GiB (ours 4.0 GiB, others' 2.0 GiB)  busy 45 % (ours 40 %, others' 5 %)  power 120 W\n" +
			at + "  GPU 1  memory not available, 16 GiB at most  busy not available  power not available\n" +
			at + "  GPU is lost\n" +
			at + "  GPU 3  memory not available  busy not available  power not available\n"
		if got := out.String(); got != block+block {
			t.Errorf("got\n%s\nwant twice\n%s", got, block)
		}
	})
}

// stopper ends a command that goes on, after some writes.
type stopper struct {
	mu     sync.Mutex
	text   strings.Builder
	writes int
	after  int
	stop   func()
}

func (s *stopper) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writes++; s.writes == s.after {
		s.stop()
	}
	return s.text.Write(p)
}

func (s *stopper) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
