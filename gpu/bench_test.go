//go:build cgo && linux

package gpu_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"carpool/gpu"
	"carpool/gpu/gputest"
)

const (
	mostOfACore = 0.2      // percent, at a sample a second
	mostKept    = 64 << 10 // bytes, after 10,000 samples
)

// Benchmark measures what reading the GPUs costs Carpool itself: the fake driver
// answers at once.
func Benchmark(b *testing.B) {
	d := gputest.BuildDriver(b)
	for _, e := range d.Env() {
		name, value, _ := strings.Cut(e, "=")
		if err := os.Setenv(name, value); err != nil {
			b.Fatal(err)
		}
	}
	d.Set("processes", 20)

	for _, count := range []int{1, 8} {
		d.Set("gpus", count)
		b.Run(fmt.Sprintf("Sample/GPUs=%d", count), func(b *testing.B) {
			r := open(b, d.Library, count)
			b.ReportAllocs()
			for b.Loop() {
				r.Read(b.Context())
			}
			reportShare(b, 1)
		})
		b.Run(fmt.Sprintf("Kept/GPUs=%d", count), func(b *testing.B) {
			r := open(b, d.Library, count)
			before := live()
			for b.Loop() {
				for range 10_000 {
					r.Read(b.Context())
				}
			}
			kept := live() - before
			b.ReportMetric(float64(kept), "kept-B")
			if kept > mostKept {
				b.Errorf("%d B were kept, want at most %d", kept, mostKept)
			}
			runtime.KeepAlive(r)
		})
	}

	// Each op is a look for a driver; while there is none there is one in 300 s.
	b.Run("NoDriver", func(b *testing.B) {
		missing := filepath.Join(b.TempDir(), "libnvidia-ml.so.1")
		b.ReportAllocs()
		for b.Loop() {
			r := gpu.OpenLibrary(missing)
			if r.Read(b.Context())[0].Available {
				b.Fatal("there is a driver")
			}
		}
		reportShare(b, 300)
	})
}

func open(b *testing.B, library string, gpus int) gpu.Reader {
	r := gpu.OpenLibrary(library)
	got := r.Read(b.Context())
	if len(got) != gpus || !available(got) || len(got[0].Processes) != 20 {
		b.Fatalf("read %+v", got)
	}
	b.Cleanup(func() {
		if err := r.Close(); err != nil {
			b.Error(err)
		}
	})
	return r
}

// reportShare tells which share of a core an op takes once in so many seconds.
func reportShare(b *testing.B, seconds float64) {
	share := 100 * b.Elapsed().Seconds() / float64(b.N) / seconds
	b.ReportMetric(share, "%core@"+map[bool]string{true: "1Hz", false: "1/300Hz"}[seconds == 1])
	if share > mostOfACore {
		b.Errorf("takes %.3f %% of a core, want at most %g", share, mostOfACore)
	}
}

// live is the heap in use that a collection leaves.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
