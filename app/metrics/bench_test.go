package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"carpool/app/metrics"
)

// BenchmarkRequest is what counting one request in all its histograms costs, with as
// many apps and models as a desktop has.
func BenchmarkRequest(b *testing.B) {
	m := metrics.New(metrics.Options{State: func() metrics.State { return metrics.State{} }})
	apps, models := []string{"Open WebUI", "Continue", "n8n", "python"}, []string{"llama3.1:8b", "qwen2.5-coder:7b"}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		m.Request(metrics.Request{App: apps[n%len(apps)], Engine: "ollama", Model: models[n%len(models)], Outcome: "ok", Released: true,
			PromptTokens: 100, OutputTokens: 80, Queued: 3 * time.Millisecond, FirstToken: 90 * time.Millisecond, Total: time.Second})
	}
}

// BenchmarkBatch is what counting one batch costs.
func BenchmarkBatch(b *testing.B) {
	m := metrics.New(metrics.Options{State: func() metrics.State { return metrics.State{} }})
	b.ReportAllocs()
	for b.Loop() {
		m.Batch(metrics.Batch{Engine: "ollama", Model: "llama3.1:8b", Size: 1, Running: 8})
	}
}

// BenchmarkScrape is what a reader of GET /metrics costs.
func BenchmarkScrape(b *testing.B) {
	m := metrics.New(metrics.Options{State: func() metrics.State { return metrics.State{} }})
	m.Request(metrics.Request{App: "n8n", Engine: "ollama", Model: "llama3.1:8b", Outcome: "ok", Released: true, Total: time.Second})
	m.Batch(metrics.Batch{Engine: "ollama", Model: "llama3.1:8b", Size: 1, Running: 1})
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
