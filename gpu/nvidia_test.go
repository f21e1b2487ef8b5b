package gpu

import (
	"context"
	"fmt"
	"reflect"
	"slices"
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

// barred are the reasons of GPUs that no program can use.
var barred = []string{gpuLost.String(), resetRequired.String(), versionMismatch.String()}

func requireReading(t *testing.T, r Reader, want string) {
	t.Helper()
	got := r.Read(context.Background())[0]
	if sum(got) != want {
		t.Fatalf("got %q, want %q", sum(got), want)
	}
	if got.At.IsZero() || got.Available == (got.Reason != "") || got.Lost != slices.Contains(barred, got.Reason) {
		t.Fatalf("reading %+v", got)
	}
}

func Test27_NVIDIA(t *testing.T) {
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

	t.Run("ReadsTheOthersWhileOneIsLost", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, n := newDouble(t)
			second := &double{t: t, percent: 1, started: true}
			d.count, d.cards = 2, []*double{second}
			second.all = gpuLost
			read := func(wantStarts int, want ...bool) []Reading {
				t.Helper()
				got := n.Read(t.Context())
				for i, r := range got {
					if r.Available != want[i] || r.Index != i || r.Name != "Card" {
						t.Errorf("GPU %d: %+v", i, r)
					}
				}
				if d.starts() != wantStarts {
					t.Errorf("started %d times, want %d", d.starts(), wantStarts)
				}
				return got
			}
			read(1, true, false)
			time.Sleep(5*time.Second - 1)
			read(1, true, false)
			time.Sleep(time.Nanosecond)
			read(2, true, false) // in vain
			time.Sleep(10*time.Second - 1)
			second.all = success
			read(2, true, false)
			time.Sleep(time.Nanosecond)
			if got := read(3, true, true); len(got[1].Throttle) != 1 || got[1].PowerLimit == nil || *got[1].PowerLimit != 3.5 {
				t.Errorf("GPU 1: %+v", got[1])
			}
			d.all = uninitialized
			read(3, false, false)
		})
	})

	t.Run("IsUnavailableWhereNothingIsTold", func(t *testing.T) {
		d, n := newDouble(t)
		requireReading(t, n, whole)
		d.all = notSupported
		requireReading(t, n, "this GPU cannot be read")
		d.all = success // read again without a new start
		requireReading(t, n, whole)
		if d.starts() != 1 {
			t.Errorf("started %d times", d.starts())
		}
	})

	t.Run("StartsAtOnceAfterTheComputerSlept", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, n := newDouble(t)
			d.start = unknown
			for range 10 {
				n.Read(t.Context())
				time.Sleep(lastRetry)
			}
			n.Read(t.Context())
			d.start = success
			time.Sleep(time.Second)
			requireReading(t, n, "GPU driver reports an unknown error")
			if slept(time.Hour, time.Hour) || slept(0, time.Hour) || !slept(time.Hour, time.Second) {
				t.Error("slept")
			}
			n.wall = n.wall.Add(-time.Hour)
			requireReading(t, n, whole)
		})
	})

	t.Run("IsIdleOnlyWithoutAGPU", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for c, want := range map[code]bool{libraryNotFound: true, notFound: true, driverNotLoaded: false, unknown: false, success: false} {
				d, n := newDouble(t)
				d.start = c
				n.Read(t.Context())
				if got := n.Idle(); got.IsZero() == want || want && !got.Equal(time.Now().Add(firstRetry)) {
					t.Errorf("code %d: idle until %v", c, got)
				}
			}
		})
	})

	t.Run("StopsAskingADriverThatIsLate", func(t *testing.T) {
		_, n := newDouble(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if r := n.Read(ctx)[0]; r.Available || r.Reason != hung || r.Name != "Card" || r.MemoryUsed != nil {
			t.Errorf("reading %+v", r)
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

func TestProcesses(t *testing.T) {
	// show is a reading's processes, one a line.
	show := func(r Reading) string {
		var b strings.Builder
		for _, p := range r.Processes {
			fmt.Fprintf(&b, "%d %s %s", p.PID, p.Name, p.Kind)
			if p.Memory != nil {
				fmt.Fprintf(&b, " %d B", *p.Memory)
			}
			if p.Utilization != nil {
				fmt.Fprintf(&b, " %g", *p.Utilization)
			}
			b.WriteByte('\n')
		}
		return b.String()
	}
	lists := map[string][]use{
		computeList:  {{1, 100}, {2, notTold}, {3, 30}, {3, 5}},
		graphicsList: {{4, 40}, {3, 35}},
	}

	t.Run("AreJoinedByTheirNumber", func(t *testing.T) {
		d, n := newDouble(t)
		d.lists = lists
		d.samples = []sample{{1, 10, 50}, {1, 20, 60}, {3, 20, 101}, {2, 0, 7}, {99, 20, 1}}
		want := "1 p1 compute 100 B 0.6\n2 p2 compute 0\n3 p3 compute and graphics 35 B 0\n4 p4 graphics 40 B 0\n"
		if got := show(n.Read(t.Context())[0]); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})

	t.Run("AreNilWhereNotToldAndEmptyWhereNone", func(t *testing.T) {
		d, n := newDouble(t)
		if p := n.Read(t.Context())[0].Processes; p == nil || len(p) != 0 {
			t.Errorf("none: %#v", p)
		}
		d.listed = notSupported
		if p := n.Read(t.Context())[0].Processes; p != nil {
			t.Errorf("not told: %#v", p)
		}
	})

	t.Run("HaveNoShareWhereItIsNotTold", func(t *testing.T) {
		d, n := newDouble(t)
		d.lists, d.sampled = map[string][]use{computeList: {{1, 100}}}, notSupported
		if got := show(n.Read(t.Context())[0]); got != "1 p1 compute 100 B\n" {
			t.Errorf("got %s", got)
		}
	})

	t.Run("KeepTheirShareUntilItIsOld", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, n := newDouble(t)
			d.lists = map[string][]use{computeList: {{1, 100}}}
			d.samples = []sample{{1, 1000, 50}}
			share := func(want float64) {
				t.Helper()
				if got := *n.Read(t.Context())[0].Processes[0].Utilization; got != want {
					t.Errorf("share %g, want %g", got, want)
				}
			}
			share(0.5)
			d.samples, d.sampled = nil, notFound
			time.Sleep(fresh - 1)
			share(0.5)
			time.Sleep(time.Nanosecond)
			share(0)
			if !reflect.DeepEqual(d.since, []uint64{0, 1000, 1000}) {
				t.Errorf("asked since %v", d.since)
			}
		})
	})

	t.Run("AreSampledAgainAfterTheClockWasSetBack", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, n := newDouble(t)
			d.lists = map[string][]use{computeList: {{1, 100}}}
			d.samples = []sample{{1, uint64(time.Now().Add(time.Hour).UnixMicro()), 50}}
			n.Read(t.Context())
			n.Read(t.Context())
			if now := uint64(time.Now().UnixMicro()); d.since[1] != now {
				t.Errorf("asked since %d, want %d", d.since[1], now)
			}
		})
	})

	t.Run("AreAskedForTheirNameOnce", func(t *testing.T) {
		d, n := newDouble(t)
		for _, pids := range [][]uint32{{1, 2}, {1, 2}, {2}, {1, 2}} {
			d.lists = map[string][]use{computeList: {}}
			for _, pid := range pids {
				d.lists[computeList] = append(d.lists[computeList], use{pid, 1})
			}
			n.Read(t.Context())
		}
		if want := []uint32{1, 2, 1}; !reflect.DeepEqual(d.named, want) {
			t.Errorf("asked for %v, want %v", d.named, want)
		}
	})
}

func TestProgram(t *testing.T) {
	for line, want := range map[string]string{
		"ollama": "ollama", "/usr/bin/ollama": "ollama", "/opt/a b/chrome --type=gpu --dir=/x/y": "chrome",
		`C:\Games\game.exe`: "game.exe", "/x/\xff": "?",
	} {
		if got := program(line); got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

func TestThrottle(t *testing.T) {
	for reasons, want := range map[uint64]string{
		0: "", 1: "", 2: "", 3: "", 4: "power limit", 5: "power limit",
		0x08: "hardware slowdown", 0x48: "temperature", 0x88: "power brake", 0x60: "temperature",
		0x10: "clocks kept equal to other GPUs", 0x100: "display setting", 0x200: "board limit", 0x400: "reliability limit",
		0x24: "power limit, temperature", 1 << 40: "another reason",
	} {
		var k throttle
		words := k.words(reasons)
		if got := strings.Join(words, ", "); got != want || words == nil {
			t.Errorf("%#x: %q, want %q", reasons, got, want)
		}
	}
}
