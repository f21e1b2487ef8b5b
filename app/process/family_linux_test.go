package process

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkFamily is a second's look at 20 processes that are known, and the first.
// The time that the processor worked is told too, for machines that have more to do.
func BenchmarkFamily(b *testing.B) {
	var pids []int
	var engines []Engine
	for range 7 {
		all := generations(b, 2)
		engines = []Engine{{Name: "mine", Kind: "openai", URL: "http://" + all[2].address}, {Name: "ollama", Kind: "ollama", URL: "http://127.0.0.1:9"}}
		for _, m := range all {
			pids = append(pids, m.pid)
		}
	}
	look := func(f *Family) {
		f.Look(b.Context(), engines)
		for _, pid := range pids[:20] {
			f.Engine(pid)
			f.Program(pid)
		}
	}
	b.Run("known", func(b *testing.B) {
		f := NewFamily()
		defer f.Close()
		look(f)
		before := worked(b)
		for b.Loop() {
			look(f)
		}
		b.ReportMetric(float64(worked(b)-before)/float64(b.N), "cpu-ns/op")
	})
	b.Run("new", func(b *testing.B) {
		before := worked(b)
		for b.Loop() {
			f := NewFamily()
			look(f)
			f.Close()
		}
		b.ReportMetric(float64(worked(b)-before)/float64(b.N), "cpu-ns/op")
	})
}

// worked is how long the processor has worked for this process.
func worked(b *testing.B) time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
