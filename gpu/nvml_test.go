//go:build cgo && linux

package gpu_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"carpool/gpu"
	"carpool/gpu/gputest"
)

// A wrong call into a driver library ends the process, so each test here is
// played by a child process: this test binary with play set to an act.
const play = "CARPOOL_TEST_ACT"

var acts = map[string]func(){
	"read once": func() {
		r := gpu.OpenNVIDIA()
		show(r)
		finish(r)
	},
	"lose the GPU and find it again": func() {
		r := gpu.OpenNVIDIA()
		show(r)
		set("FAKE_NVML_ERROR", "15")
		show(r)
		set("FAKE_NVML_ERROR", "")
		show(r)
		time.Sleep(5 * time.Second)
		show(r)
		finish(r)
	},
	"load the driver later": func() {
		r := gpu.OpenNVIDIA()
		show(r)
		set("FAKE_NVML_INIT", "")
		time.Sleep(5 * time.Second)
		show(r)
		finish(r)
	},
	"open and close": func() { finish(gpu.OpenNVIDIA()) },
}

func set(name, value string) {
	if err := os.Setenv(name, value); err != nil {
		panic(err)
	}
}

func show(r gpu.Reader) { fmt.Println(gpu.Sum(r)) }

func finish(r gpu.Reader) {
	if err := r.Close(); err != nil {
		fmt.Println(err)
	}
	fmt.Println("closed")
}

func init() {
	if act, ok := acts[os.Getenv(play)]; ok {
		act()
		os.Exit(0)
	}
}

// child plays an act where the loader finds the given library, and returns what
// it printed.
func child(t *testing.T, act, library string, env ...string) string {
	t.Helper()
	if _, ok := acts[act]; !ok {
		t.Fatalf("no act %q", act)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self)
	c.Env = append(os.Environ(), play+"="+act, "LD_LIBRARY_PATH="+filepath.Dir(library))
	c.Env = append(c.Env, env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("the child process ended: %v\n%s", err, out)
	}
	return string(out)
}

func TestDriverLibrary(t *testing.T) {
	const whole = "NVIDIA Fake 4090/570.00.01 4294967296 of 25769803776, 0.37\n"
	t.Parallel()

	t.Run("OfAnyAge", func(t *testing.T) {
		for name, c := range map[string]struct {
			defines []string
			env     []string
			want    string
		}{
			"Complete":              {nil, nil, whole},
			"WithoutMemoryV2":       {[]string{"WITHOUT_MEMORY_V2"}, nil, whole},
			"WithoutMemory":         {[]string{"WITHOUT_MEMORY", "WITHOUT_MEMORY_V2"}, nil, "NVIDIA Fake 4090/570.00.01 ? of ?, 0.37\n"},
			"WithoutUtilization":    {[]string{"WITHOUT_UTILIZATION"}, nil, "NVIDIA Fake 4090/570.00.01 4294967296 of 25769803776, ?\n"},
			"WithoutNameAndVersion": {[]string{"WITHOUT_NAME", "WITHOUT_DRIVER_VERSION"}, nil, "/ 4294967296 of 25769803776, 0.37\n"},
			"WithoutInit":           {[]string{"WITHOUT_INIT"}, nil, "NVIDIA driver too old to be read\n"},
			"WithOtherValues": {nil, []string{"FAKE_NVML_TOTAL=8192", "FAKE_NVML_USED=100", "FAKE_NVML_RESERVED=0", "FAKE_NVML_UTILIZATION=100"},
				"NVIDIA Fake 4090/570.00.01 104857600 of 8589934592, 1\n"},
			"WithNoGPU":          {nil, []string{"FAKE_NVML_COUNT=0"}, "no NVIDIA GPU\n"},
			"NotLoaded":          {nil, []string{"FAKE_NVML_INIT=9"}, "NVIDIA driver not loaded\n"},
			"OfAnotherVersion":   {nil, []string{"FAKE_NVML_INIT=18"}, "NVIDIA driver was updated: restart the computer\n"},
			"WithUnknownError":   {nil, []string{"FAKE_NVML_INIT=999"}, "GPU driver reports an unknown error\n"},
			"WithUnifiedMemory":  {nil, []string{"FAKE_NVML_MEMORY_ERROR=3"}, "NVIDIA Fake 4090/570.00.01 ? of ?, 0.37\n"},
			"WithNeedForAReset":  {nil, []string{"FAKE_NVML_ERROR=16"}, "GPU needs a reset\n"},
			"WithUtilizationOff": {nil, []string{"FAKE_NVML_UTILIZATION_ERROR=3"}, "NVIDIA Fake 4090/570.00.01 4294967296 of 25769803776, ?\n"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				library := gputest.BuildDriver(t, c.defines...)
				if got := child(t, "read once", library, c.env...); got != c.want+"closed\n" {
					t.Errorf("printed %q, want %q", got, c.want)
				}
			})
		}
	})

	t.Run("ThatLosesTheGPUAndFindsItAgain", func(t *testing.T) {
		t.Parallel()
		const lost = "GPU lost: it stopped answering its driver\n"
		got := child(t, "lose the GPU and find it again", gputest.BuildDriver(t))
		if want := whole + lost + lost + whole + "closed\n"; got != want {
			t.Errorf("printed %q, want %q", got, want)
		}
	})

	t.Run("ThatIsLoadedLater", func(t *testing.T) {
		t.Parallel()
		got := child(t, "load the driver later", gputest.BuildDriver(t), "FAKE_NVML_INIT=9")
		if want := "NVIDIA driver not loaded\n" + whole + "closed\n"; got != want {
			t.Errorf("printed %q, want %q", got, want)
		}
	})

	t.Run("ThatIsNoLibrary", func(t *testing.T) {
		library := filepath.Join(t.TempDir(), "libnvidia-ml.so.1")
		if err := os.WriteFile(library, []byte("not a library"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := child(t, "open and close", library); got != "closed\n" {
			t.Errorf("printed %q", got)
		}
	})

	t.Run("ThatIsNotThere", func(t *testing.T) {
		r := gpu.OpenLibrary(filepath.Join(t.TempDir(), "libnvidia-ml.so.1"))
		if got := gpu.Sum(r); got != "no NVIDIA GPU" {
			t.Errorf("got %q", got)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
