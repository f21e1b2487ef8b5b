package gpu

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// double is a scripted library with one GPU. Like the real one it does not
// forgive a call that must not be made.
type double struct {
	t       *testing.T
	start   code
	count   int
	lacks   []string
	v2, v1  code
	util    code
	percent uint32
	all     code      // what every call to the GPU returns
	cards   []*double // the further GPUs

	lists   map[string][]use
	listed  code
	samples []sample
	sampled code
	since   []uint64 // as asked
	named   []uint32 // whose names were asked

	started bool
	log     []string
}

func (d *double) call(function string) {
	d.t.Helper()
	d.log = append(d.log, function)
	if !d.started {
		d.t.Fatalf("%s was called before the library was started", function)
	}
	if !d.Has(function) {
		d.t.Fatalf("%s was called, which the library lacks", function)
	}
}

func (d *double) Start() code {
	if d.started {
		d.t.Fatal("started twice")
	}
	d.log = append(d.log, "start")
	d.started = d.start == success
	return d.start
}

func (d *double) Stop() code {
	if !d.started {
		d.t.Fatal("stopped without a start")
	}
	d.log = append(d.log, "stop")
	d.started = false
	return success
}

func (d *double) Has(function string) bool {
	for _, l := range d.lacks {
		if l == function {
			return false
		}
	}
	return true
}

func (d *double) DriverVersion() (string, code) {
	d.call("nvmlSystemGetDriverVersion")
	return "570.1", success
}

func (d *double) Count() (int, code) {
	d.call("nvmlDeviceGetCount")
	return d.count, success
}

func (d *double) Device(index int) (device, code) {
	d.call("nvmlDeviceGetHandleByIndex")
	if index > 0 {
		return d.cards[index-1], success
	}
	return d, success
}

func (d *double) ProgramName(pid uint32) (string, code) {
	d.call("nvmlSystemGetProcessName")
	d.named = append(d.named, pid)
	return fmt.Sprintf("/usr/bin/p%d --x=/y", pid), success
}

func (d *double) UUID() (string, code)                 { return "GPU-1", d.all }
func (d *double) Power() (uint32, code)                { return 1500, d.or(notSupported) }
func (d *double) EnforcedPowerLimit() (uint32, code)   { return 2500, d.or(notSupported) }
func (d *double) PowerLimit() (uint32, code)           { return 3500, d.or(success) }
func (d *double) Energy() (uint64, code)               { return 4500, d.or(notSupported) }
func (d *double) Temperature() (int, code)             { return 50, d.or(notSupported) }
func (d *double) TemperatureV() (int, code)            { return 51, d.or(success) }
func (d *double) ClockEventReasons() (uint64, code)    { return 4, d.or(notSupported) }
func (d *double) ClockThrottleReasons() (uint64, code) { return 4, d.or(success) }
func (d *double) Clock() (uint32, code)                { return 1000, d.or(notSupported) }
func (d *double) MemoryClock() (uint32, code)          { return 2000, d.or(success) }

func (d *double) Running(function string, to []use) ([]use, code) {
	if d.listed != success {
		return to, d.listed
	}
	return append(to, d.lists[function]...), d.or(success)
}

func (d *double) ProcessUtilization(since uint64, to []sample) ([]sample, code) {
	d.since = append(d.since, since)
	return append(to, d.samples...), d.or(d.sampled)
}

func (d *double) or(c code) code {
	if d.all != success {
		return d.all
	}
	return c
}

func (d *double) Name() (string, code) {
	d.call("nvmlDeviceGetName")
	return "Card", success
}

func (d *double) MemoryV2() (memory, code) {
	d.call("nvmlDeviceGetMemoryInfo_v2")
	return memory{total: 1000, reserved: 50, free: 650, used: 350}, d.or(d.v2)
}

func (d *double) Memory() (memory, code) {
	d.call("nvmlDeviceGetMemoryInfo")
	return memory{total: 1000, free: 650, used: 350}, d.or(d.v1)
}

func (d *double) Utilization() (gpu, memory uint32, c code) {
	d.call("nvmlDeviceGetUtilizationRates")
	return d.percent, 2, d.or(d.util)
}

func (d *double) starts() int { return strings.Count(strings.Join(d.log, " "), "start") }

func newDouble(t *testing.T) (*double, *nvidia) {
	d := &double{t: t, count: 1, percent: 37}
	return d, &nvidia{lib: d}
}

// sum is a reading in one line.
func sum(r Reading) string {
	s := func(v any) string {
		if p := reflect.ValueOf(v); !p.IsNil() {
			return fmt.Sprint(p.Elem())
		}
		return "?"
	}
	if !r.Available {
		return r.Reason
	}
	return fmt.Sprintf("%s/%s %s of %s, %s", r.Name, r.Driver, s(r.MemoryUsed), s(r.MemoryTotal), s(r.Utilization))
}

func requireReading(t *testing.T, r Reader, want string) {
	t.Helper()
	got := r.Read(context.Background())[0]
	if sum(got) != want {
		t.Fatalf("got %q, want %q", sum(got), want)
	}
	if got.At.IsZero() || got.Available == (got.Reason != "") {
		t.Fatalf("reading %+v", got)
	}
}

func TestNVIDIA(t *testing.T) {
	const whole = "Card/570.1 300 of 1000, 0.37"
	const withReserve = "Card/570.1 350 of 1000, 0.37"

	t.Run("ReadsWhatTheDriverTells", func(t *testing.T) {
		for name, c := range map[string]struct {
			change func(*double)
			want   string
		}{
			"Everything":         {func(*double) {}, whole},
			"OnlyMemoryVersion1": {func(d *double) { d.lacks = []string{"nvmlDeviceGetMemoryInfo_v2"} }, withReserve},
			"MemoryV2Refused":    {func(d *double) { d.v2 = 25 }, withReserve},
			"NoMemory":           {func(d *double) { d.v2, d.v1 = notSupported, notSupported }, "Card/570.1 ? of ?, 0.37"},
			"NoMemoryFunctions": {func(d *double) {
				d.lacks = []string{"nvmlDeviceGetMemoryInfo", "nvmlDeviceGetMemoryInfo_v2"}
			}, "Card/570.1 ? of ?, 0.37"},
			"NoUtilization":         {func(d *double) { d.util = notSupported }, "Card/570.1 300 of 1000, ?"},
			"UtilizationUnknown":    {func(d *double) { d.util = unknown }, "Card/570.1 300 of 1000, ?"},
			"UtilizationAbove100":   {func(d *double) { d.percent = 104 }, "Card/570.1 300 of 1000, 1"},
			"NoUtilizationFunction": {func(d *double) { d.lacks = []string{"nvmlDeviceGetUtilizationRates"} }, "Card/570.1 300 of 1000, ?"},
			"NoName":                {func(d *double) { d.lacks = []string{"nvmlDeviceGetName"} }, "/570.1 300 of 1000, 0.37"},
			"NoDriverVersion":       {func(d *double) { d.lacks = []string{"nvmlSystemGetDriverVersion"} }, "Card/ 300 of 1000, 0.37"},
			"NoGPU":                 {func(d *double) { d.count = 0 }, "no NVIDIA GPU"},
			"NoCount":               {func(d *double) { d.lacks = []string{"nvmlDeviceGetCount"} }, "NVIDIA driver too old to be read"},
			"NoHandle":              {func(d *double) { d.lacks = []string{"nvmlDeviceGetHandleByIndex"} }, "NVIDIA driver too old to be read"},
		} {
			t.Run(name, func(t *testing.T) {
				d, n := newDouble(t)
				c.change(d)
				requireReading(t, n, c.want)
				requireReading(t, n, c.want)
				if err := n.Close(); err != nil || d.started || d.starts() != 1 {
					t.Errorf("close: %v, calls %v", err, d.log)
				}
			})
		}
	})

	t.Run("SaysWhyItCannotStart", func(t *testing.T) {
		for c, want := range map[code]string{
			3: "this GPU cannot be read", 4: "no permission to read the GPU",
			9: "NVIDIA driver not loaded", 12: "no NVIDIA GPU", 13: "NVIDIA driver too old to be read",
			15: "GPU lost: it stopped answering its driver", 16: "GPU needs a reset",
			18:  "NVIDIA driver was updated: restart the computer",
			999: "GPU driver reports an unknown error", 77: "GPU driver reports error 77",
		} {
			d, n := newDouble(t)
			d.start = c
			requireReading(t, n, want)
			if err := n.Close(); err != nil || !reflect.DeepEqual(d.log, []string{"start"}) {
				t.Errorf("code %d: close: %v, calls %v", c, err, d.log)
			}
		}
	})

	t.Run("StartsAnewAfterTheGPUWasLost", func(t *testing.T) {
		for _, lost := range []code{1, 9, 15, 16, 18, 999} {
			synctest.Test(t, func(t *testing.T) {
				d, n := newDouble(t)
				requireReading(t, n, whole)
				d.v2 = lost
				requireReading(t, n, lost.String())
				if d.started {
					t.Fatal("the library was not released")
				}
				d.v2 = success
				time.Sleep(5*time.Second - 1)
				requireReading(t, n, lost.String())
				time.Sleep(time.Nanosecond)
				requireReading(t, n, whole)
			})
		}
	})

	t.Run("IsLostByItsUtilizationToo", func(t *testing.T) {
		d, n := newDouble(t)
		requireReading(t, n, whole)
		d.util = gpuLost
		requireReading(t, n, "GPU lost: it stopped answering its driver")
		if d.started {
			t.Fatal("the library was not released")
		}
	})

	t.Run("TriesLessAndLessOften", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, n := newDouble(t)
			d.start = driverNotLoaded
			var waits []int
			last := time.Now()
			for range 1400 {
				before := d.starts()
				requireReading(t, n, "NVIDIA driver not loaded")
				if d.starts() > before {
					waits = append(waits, int(time.Since(last).Seconds()))
					last = time.Now()
				}
				time.Sleep(time.Second)
			}
			if want := []int{0, 5, 10, 20, 40, 80, 160, 300, 300, 300}; !reflect.DeepEqual(waits, want) {
				t.Fatalf("started after %v s, want %v", waits, want)
			}

			d.start = success
			time.Sleep(5 * time.Minute)
			requireReading(t, n, whole)
			d.v2 = gpuLost
			requireReading(t, n, gpuLost.String())
			d.v2 = success
			time.Sleep(5 * time.Second) // a success makes it quick again
			requireReading(t, n, whole)
		})
	})
}

func TestNoneSaysWhy(t *testing.T) {
	r := None("this build reads no GPU")
	requireReading(t, r, "this build reads no GPU")
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
