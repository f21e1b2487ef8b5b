package app

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"carpool/app/gateway"
	"carpool/app/metrics"
	"carpool/batching"
	"carpool/storage"
)

// BenchmarkRecorder is what one request and its batch cost whoever records them:
// counted in the metrics, and handed to the writer of a real file, whose own work is
// storage's BenchmarkInsert.
func BenchmarkRecorder(b *testing.B) {
	for _, history := range []bool{false, true} {
		b.Run(fmt.Sprintf("history=%t", history), func(b *testing.B) {
			r := &recorder{metrics: metrics.New(metrics.Options{}), device: func() string { return "" }}
			if history {
				store, err := storage.Open(b.Context(), storage.Options{Path: filepath.Join(b.TempDir(), "history.db")})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = store.Close(b.Context()) }) // what is left of the rows is of no use
				r.store = store
			}
			at := time.Now()
			var n uint64
			b.ReportAllocs()
			for b.Loop() {
				n++
				r.batch(batching.Batch{ID: n, Started: at, Key: batching.Key{Engine: "ollama", Model: "m"}, Mode: batching.Fixed,
					Released: 1, Running: 8, Limit: 8, Duration: time.Second, Tokens: 80})
				r.request(gateway.Record{ID: "0191f7a2-5c1e-7b7a-9c57-000000000001", Batch: n, Started: at, App: "n8n", Engine: "ollama", Model: "m",
					Route: "/v1/chat/completions", Dialect: gateway.OpenAI, Stream: true, Outcome: gateway.OK, Status: 200, EngineStatus: 200,
					PromptBytes: 400, AnswerBytes: 900, PromptTokens: 100, OutputTokens: 80, Queued: time.Millisecond,
					FirstToken: 90 * time.Millisecond, Total: time.Second})
				if n%1000 == 0 && history {
					b.StopTimer()
					if err := r.store.Flush(b.Context()); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			}
			if history && r.store.State().Dropped > 0 {
				b.Fatalf("%d rows lost", r.store.State().Dropped)
			}
		})
	}
}

// BenchmarkFirstTokens is one more request with a first token, of so many in the last
// seconds: each as old as it may be by then drops out.
func BenchmarkFirstTokens(b *testing.B) {
	for _, kept := range []int{10, 10_000} {
		b.Run(fmt.Sprint(kept), func(b *testing.B) {
			var r recorder
			now, step := time.Now(), firstTokenWindow/time.Duration(kept)
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(step)
				r.first(now, time.Second)
			}
		})
	}
}
