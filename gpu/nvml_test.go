//go:build cgo && linux

package gpu_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"carpool/gpu"
	"carpool/gpu/gputest"
)

// A wrong call into a driver library ends the process, so each test here has its
// reader in a child process: this test binary with play set, which reads and
// prints the readings whenever it is sent a line. With sampled set, they are a
// sampler's; with eager set, a driver that failed is started anew at each reading.
const (
	play    = "CARPOOL_TEST_READER"
	sampled = "CARPOOL_TEST_SAMPLER"
	eager   = "CARPOOL_TEST_EAGER"
)

func init() {
	if os.Getenv(play) == "" {
		return
	}
	r := gpu.OpenNVIDIA()
	read, stop := func() []gpu.Reading {
		if os.Getenv(eager) != "" {
			gpu.RetryNow(r)
		}
		return r.Read(context.Background())
	}, r.Close
	if os.Getenv(sampled) != "" {
		s := gpu.NewSampler(r, 200*time.Millisecond)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		read, stop = s.Last, func() error {
			cancel()
			return <-ended
		}
	}
	out := json.NewEncoder(os.Stdout)
	for line := ""; ; {
		if _, err := fmt.Scanln(&line); err != nil {
			break
		}
		if err := out.Encode(read()); err != nil {
			panic(err)
		}
	}
	if err := stop(); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// reader is such a child process.
type reader struct {
	t   *testing.T
	in  *json.Encoder
	out *json.Decoder
}

func newReader(t *testing.T, env ...string) *reader {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(append(os.Environ(), play+"=1"), env...)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := c.Wait(); err != nil {
			t.Errorf("the child process ended: %v", err)
		}
	})
	return &reader{t: t, in: json.NewEncoder(in), out: json.NewDecoder(out)}
}

func (r *reader) read() []gpu.Reading {
	r.t.Helper()
	var readings []gpu.Reading
	if err := r.in.Encode("read"); err != nil {
		r.t.Fatal(err)
	}
	if err := r.out.Decode(&readings); err != nil {
		r.t.Fatalf("no readings: %v", err)
	}
	return readings
}

// until reads until ok, for longer than a backoff.
func (r *reader) until(what string, ok func([]gpu.Reading) bool) []gpu.Reading {
	r.t.Helper()
	limit := time.Now().Add(40 * time.Second)
	for {
		got := r.read()
		if ok(got) {
			return got
		}
		if time.Now().After(limit) {
			r.t.Fatalf("never read: %s; last %+v", what, got)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func available(readings []gpu.Reading) bool {
	return !slices.ContainsFunc(readings, func(r gpu.Reading) bool { return !r.Available })
}

func of[T any](v T) *T { return &v }

// fake is the whole reading of GPU i of the fake driver, in our units.
func fake(i int) gpu.Reading {
	const mib = 1 << 20
	total, used, reserved := uint64(24+8*i)<<30, uint64(4096+256*i)*mib, uint64(512+i)*mib
	share := func(percent int) *float64 { return of(float64(percent) / 100) }
	return gpu.Reading{
		Available: true, Index: i, Source: "NVML", Driver: "570.00.01",
		UUID: fmt.Sprintf("GPU-00000000-fake-0000-0000-%012d", i), Name: fmt.Sprintf("NVIDIA Fake 40%d0", 9-i),
		MemoryUsed: &used, MemoryReserved: &reserved, MemoryTotal: &total, MemoryFree: of(total - used - reserved),
		Utilization: share(37 + i), MemoryUtilization: share(12 + i),
		Power: of(123.5 + float64(i)), PowerLimit: of(450 + float64(i)), Energy: of(5000000000.5 + 1000*float64(i)),
		Temperature: of(61 + float64(i)), Throttle: []string{"power limit"},
		Clock: of(2520 + float64(i)), MemoryClock: of(10501 + float64(i)),
	}
}

// with is fake(0), changed.
func with(change func(*gpu.Reading)) gpu.Reading {
	r := fake(0)
	change(&r)
	return r
}

// requireReadings compares all but the times, which must be set; and not the
// difference between no and nil processes, which JSON does not have.
func requireReadings(t *testing.T, got []gpu.Reading, want ...gpu.Reading) {
	t.Helper()
	for i := range got {
		if got[i].At.IsZero() {
			t.Errorf("GPU %d has no time", i)
		}
		got[i].At = time.Time{}
	}
	if !reflect.DeepEqual(got, want) {
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		t.Fatalf("got\n%s\nwant\n%s", g, w)
	}
}

func lost(i int, reason string) gpu.Reading {
	f := fake(i)
	return gpu.Reading{Reason: reason, Lost: bars(reason), Index: i, UUID: f.UUID, Name: f.Name, Driver: f.Driver, Source: f.Source}
}

// bars tells whether no program can use a GPU of which this is said.
func bars(reason string) bool {
	return slices.Contains([]string{reasons[15], reasons[16], reasons[18]}, reason)
}

var reasons = map[int]string{
	3: "this GPU cannot be read", 9: "NVIDIA driver not loaded", 12: "no NVIDIA GPU",
	13: "NVIDIA driver too old to be read", 15: "GPU lost: it stopped answering its driver",
	16: "GPU needs a reset", 18: "NVIDIA driver was updated: restart the computer",
	999: "GPU driver reports an unknown error",
}

func Test27_DriverLibrary(t *testing.T) {
	t.Parallel()
	shared := gputest.BuildDriver(t) // each test has orders of its own
	driver := func(t *testing.T) *gputest.Driver {
		d := gputest.DriverIn(t, t.TempDir())
		d.Set("gpus", 1)
		if err := os.Symlink(shared.Library, d.Library); err != nil {
			t.Fatal(err)
		}
		return d
	}

	for _, count := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("Of%dGPUs", count), func(t *testing.T) {
			t.Parallel()
			d := driver(t)
			d.Set("gpus", count)
			var want []gpu.Reading
			for i := range count {
				want = append(want, fake(i))
			}
			requireReadings(t, newReader(t, d.Env()...).read(), want...)
		})
	}

	t.Run("WithProcesses", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]struct {
			defines []string
			mps     bool
		}{
			"Version3": {nil, true},
			"Version2": {[]string{"WITHOUT_PROCESSES_V3"}, false},
			"Version1": {[]string{"WITHOUT_PROCESSES_V3", "WITHOUT_PROCESSES_V2"}, false},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d := gputest.BuildDriver(t, c.defines...)
				d.Set("gpus", 2)
				d.Set("processes.1", 5)
				d.Set("mps.1", 1)
				want := fake(1)
				memory := func(mib uint64) *uint64 { return of(mib << 20) }
				want.Processes = []gpu.Process{
					{PID: 2000, Name: "program-2000", Kind: gpu.Compute, Memory: memory(101), Utilization: of(0.11)},
					{PID: 2001, Name: "program-2001", Kind: gpu.Compute, Utilization: of(0.)},
					{PID: 2002, Name: "program-2002", Kind: gpu.ComputeGraphics, Memory: memory(301), Utilization: of(0.)},
					{PID: 2004, Name: "program-2004", Kind: gpu.Compute, Memory: memory(501), Utilization: of(0.)},
				}
				if c.mps {
					want.Processes = append(want.Processes,
						gpu.Process{PID: 9001, Name: "program-9001", Kind: gpu.Compute, Memory: memory(64), Utilization: of(0.)})
				}
				want.Processes = append(want.Processes,
					gpu.Process{PID: 2003, Kind: gpu.Graphics, Memory: memory(401), Utilization: of(0.12)})
				r := newReader(t, d.Env()...)
				requireReadings(t, r.read(), fake(0), want)
				d.Set("growing", 1) // between the binding's two calls
				time.Sleep(time.Millisecond)
				requireReadings(t, r.read(), fake(0), want)
			})
		}
	})

	t.Run("OfAnyAge", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]struct {
			defines []string
			want    gpu.Reading
		}{
			"UsedCountsTheReserve": {[]string{"USED_WITH_RESERVE"}, fake(0)},
			"WithoutMemoryV2": {[]string{"WITHOUT_MEMORY_V2"}, with(func(r *gpu.Reading) {
				*r.MemoryUsed += *r.MemoryReserved
				r.MemoryReserved = nil
			})},
			"WithoutMemory": {[]string{"WITHOUT_MEMORY", "WITHOUT_MEMORY_V2"}, with(func(r *gpu.Reading) {
				r.MemoryUsed, r.MemoryReserved, r.MemoryFree, r.MemoryTotal = nil, nil, nil, nil
			})},
			"WithoutUtilization": {[]string{"WITHOUT_UTILIZATION"}, with(func(r *gpu.Reading) { r.Utilization, r.MemoryUtilization = nil, nil })},
			"WithoutNames":       {[]string{"WITHOUT_NAME", "WITHOUT_DRIVER_VERSION", "WITHOUT_UUID"}, with(func(r *gpu.Reading) { r.Name, r.Driver, r.UUID = "", "", "" })},
			"WithoutPower": {[]string{"WITHOUT_POWER", "WITHOUT_ENFORCED_LIMIT"}, with(func(r *gpu.Reading) {
				r.Power, r.PowerLimit, r.Energy = nil, nil, nil
			})},
			"WithoutEnforcedLimit":     {[]string{"WITHOUT_ENFORCED_LIMIT"}, with(func(r *gpu.Reading) { r.PowerLimit = of(460.) })},
			"WithoutTemperatureV":      {[]string{"WITHOUT_TEMPERATURE_V"}, fake(0)},
			"WithoutOldTemperature":    {[]string{"WITHOUT_TEMPERATURE"}, with(func(r *gpu.Reading) { r.Temperature = of(71.) })},
			"WithoutClockEventReasons": {[]string{"WITHOUT_CLOCK_EVENT_REASONS"}, fake(0)},
			"WithoutClockReasons":      {[]string{"WITHOUT_CLOCK_REASONS"}, with(func(r *gpu.Reading) { r.Throttle = nil })},
			"WithoutClocks":            {[]string{"WITHOUT_CLOCKS"}, with(func(r *gpu.Reading) { r.Clock, r.MemoryClock = nil, nil })},
			"WithoutProcesses":         {[]string{"WITHOUT_PROCESSES", "WITHOUT_PROCESS_UTILIZATION", "WITHOUT_PROCESS_NAME"}, fake(0)},
			"WithoutInit":              {[]string{"WITHOUT_INIT"}, gpu.Reading{Reason: "NVIDIA driver too old to be read"}},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d := gputest.BuildDriver(t, c.defines...)
				requireReadings(t, newReader(t, d.Env()...).read(), c.want)
			})
		}
	})

	t.Run("ThatFails", func(t *testing.T) {
		t.Parallel()
		// All fail before the first may recover, so that they wait at once.
		var recoveries []func()
		fail := func(name string, gpus int, order string, c int, want ...gpu.Reading) {
			d := driver(t)
			d.Set("gpus", gpus)
			r := newReader(t, d.Env()...)
			var whole []gpu.Reading
			for i := range gpus {
				whole = append(whole, fake(i))
			}
			if order == "error" || order == "error.1" {
				requireReadings(t, r.read(), whole...)
			}
			d.Set(order, c)
			for range 3 {
				t.Logf("%s says %d", name, c)
				requireReadings(t, r.read(), want...)
			}
			recoveries = append(recoveries, func() {
				d.Clear(order)
				requireReadings(t, r.until(fmt.Sprintf("%s says %d no more", name, c), available), whole...)
			})
		}
		for c, reason := range reasons {
			fail("its start", 1, "init", c, gpu.Reading{Reason: reason, Lost: bars(reason)})
			if c == 12 {
				fail("each GPU", 2, "error", c, gpu.Reading{Reason: reason})
			} else {
				fail("each GPU", 2, "error", c, lost(0, reason), lost(1, reason))
			}
			if c == 9 || c == 12 || c == 18 {
				continue // the driver is gone for every GPU
			}
			fail("one GPU", 3, "error.1", c, fake(0), lost(1, reason), fake(2))
			fail("a GPU that is not found", 2, "nvmlDeviceGetHandleByIndex.0", c,
				gpu.Reading{Reason: reason, Lost: bars(reason), Driver: "570.00.01", Source: "NVML"}, fake(1))
		}
		for _, recovery := range recoveries {
			recovery()
		}
	})

	t.Run("ThatSaysAnotherThingAtEachCall", func(t *testing.T) {
		t.Parallel()
		d := driver(t)
		d.Set("gpus", 4)
		d.Set("processes", 3)
		d.Set("flips", 1)
		r := newReader(t, append(d.Env(), eager+"=1")...)
		told := 0
		for range 400 {
			for _, g := range r.read() {
				if g.Available == (g.Reason != "") || g.At.IsZero() {
					t.Fatalf("reading %+v", g)
				}
				if g.Available {
					told++
				}
			}
		}
		if told == 0 {
			t.Error("no GPU was ever read")
		}
		d.Clear("flips", "processes")
		requireReadings(t, r.until("all", func(all []gpu.Reading) bool { return len(all) == 4 && available(all) }), fake(0), fake(1), fake(2), fake(3))
	})

	t.Run("ThatHangsFor10s", func(t *testing.T) {
		t.Parallel()
		d := driver(t)
		d.Set("gpus", 2)
		s := newReader(t, append(d.Env(), sampled+"=1")...)
		s.until("both", available)
		d.Set("hang.1", 10_000)
		began := time.Now()
		got := s.until("none", func(r []gpu.Reading) bool { return !r[0].Available })
		requireReadings(t, got, lost(0, "GPU driver does not answer"), lost(1, "GPU driver does not answer"))
		time.Sleep(time.Until(began.Add(10 * time.Second)))
		d.Clear("hang.1")
		requireReadings(t, s.until("both again", available), fake(0), fake(1))
	})

	t.Run("WithoutAGPU", func(t *testing.T) {
		t.Parallel()
		d := driver(t)
		d.Set("gpus", 0)
		r := newReader(t, d.Env()...)
		requireReadings(t, r.read(), gpu.Reading{Reason: "no NVIDIA GPU"})
		d.Set("gpus", 2) // plugged in
		requireReadings(t, r.until("both", available), fake(0), fake(1))
	})

	t.Run("ThatIsNoLibrary", func(t *testing.T) {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "libnvidia-ml.so.1"), []byte("not a library"), 0o600); err != nil {
			t.Fatal(err)
		}
		requireReadings(t, newReader(t, "LD_LIBRARY_PATH="+folder).read(), gpu.Reading{Reason: "no NVIDIA GPU"})
	})

	t.Run("ThatIsNotThere", func(t *testing.T) {
		r := gpu.OpenLibrary(filepath.Join(t.TempDir(), "libnvidia-ml.so.1"))
		requireReadings(t, r.Read(t.Context()), gpu.Reading{Reason: "no NVIDIA GPU"})
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
