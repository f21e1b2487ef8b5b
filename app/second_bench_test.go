package app

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"carpool/batching"
	"carpool/gpu"
)

// BenchmarkSecond is what comes with each second while so many streams run on a GPU,
// of which a tenth ends and begins in it: the locks are those that each token, release
// and end takes too.
func BenchmarkSecond(b *testing.B) {
	for _, streams := range []int{8, 5000} {
		b.Run(fmt.Sprintf("meter/streams=%d", streams), func(b *testing.B) {
			m := newMeter(deaf{}, func(string) string { return "GPU-1" }, func(batching.Key, float64) {})
			now, watts := time.Now(), 100.
			var all []batching.Stream
			for range streams {
				all = append(all, m.Released(now, batching.Request{}))
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				now = now.Add(time.Second)
				for range max(streams/10, 1) {
					all[0].Ended(now, batching.Served, batching.Untold())
					all = append(all[1:], m.Released(now, batching.Request{}))
				}
				b.StartTimer()
				m.read(now, time.Second, []gpu.Reading{{At: now, Available: true, UUID: "GPU-1", Power: &watts}})
			}
		})
		b.Run(fmt.Sprintf("steady/streams=%d", streams), func(b *testing.B) {
			s, now := newSteady(deaf{}), time.Now()
			for range streams {
				s.Released(now, batching.Request{Streams: true}).Tokens(now, 1)
			}
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Second)
				s.second(now)
			}
		})
	}
	b.Run("state", func(b *testing.B) { // a snapshot without what runs
		a, err := Open(b.Context(), Options{ConfigFile: filepath.Join(b.TempDir(), "carpool.toml"), StateDir: b.TempDir(), Listen: "127.0.0.1:0", Engine: "demo"})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			a.state()
		}
		a.Quit()
		if err := a.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
}
