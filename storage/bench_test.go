package storage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
)

// benchDays names how many days of history the benchmarks generate: 30 is 2.6
// million samples and a million requests, and takes minutes.
const benchDays = "CARPOOL_BENCH_DAYS"

const requestsADay = 34_000

// generate fills a store with days of history that end now.
func generate(b *testing.B, s *Store, days int, now time.Time) {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	begin := now.Add(-time.Duration(days) * 24 * time.Hour)
	var rows []row
	write := func() {
		if err := s.order(b.Context(), "generate", func(run context.Context) error {
			refused, err := s.writer.insert(run, rows)
			if refused > 0 {
				err = fmt.Errorf("%d rows refused", refused)
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
		rows = rows[:0]
	}
	batch, requests := uint64(0), 0
	for second := range days * 86400 {
		at := begin.Add(time.Duration(second) * time.Second)
		memory := int64(random.IntN(24<<10)) << 20
		rows = append(rows, Sample{
			At: at, Running: random.IntN(8), Waiting: random.IntN(4), Limit: 8, TokensOut: int64(random.IntN(400)), TokensIn: int64(random.IntN(4000)),
			MemoryUsed: &memory, MemoryTotal: ptr(int64(24 << 30)), MemoryOurs: &memory, MemoryOthers: ptr(int64(1 << 30)),
			Utilization: ptr(float64(random.IntN(101)) / 100), Power: ptr(float64(random.IntN(350_000)) / 1000),
		})
		for ; requests < second*requestsADay/86400; requests++ {
			if requests%3 == 0 {
				batch++
				rows = append(rows, Batch{ID: batch, Started: at, Engine: "ollama", Model: "llama3.1:8b", Mode: "adaptive", Why: "free slot",
					Released: 3, Running: 1 + int(batch%8), Limit: 8, MeanWaitMS: random.Float64() * 100, MaxWaitMS: random.Float64() * 200,
					DurationMS: random.Float64() * 9000, Tokens: 900})
			}
			id := batch
			app := []string{"Open WebUI", "Continue", "n8n", "Home Assistant", "python"}[random.IntN(5)]
			if requests%5000 == 0 {
				app = "cron"
			}
			rows = append(rows, Request{
				ID: uuid.NewString(), Batch: &id, Started: at.Add(-time.Duration(random.IntN(60_000)) * time.Millisecond),
				App: app, Engine: "ollama",
				Model: []string{"llama3.1:8b", "qwen2.5-coder:7b"}[random.IntN(2)], Route: "/v1/chat/completions", Dialect: "openai", Stream: true,
				Priority: "normal", Outcome: []string{"ok", "ok", "ok", "ok", "ok", "ok", "ok", "error", "cancelled"}[random.IntN(9)], Status: 200, EngineStatus: 200,
				PromptBytes: 4000, AnswerBytes: 1200, PromptTokens: ptr(int64(random.IntN(4000))), OutputTokens: ptr(int64(random.IntN(800))),
				QueueMS: random.Float64() * 200, FirstTokenMS: ptr(100 * random.ExpFloat64()), TotalMS: 200 + random.Float64()*20_000,
				EnergyJ: ptr(random.Float64() * 300),
			})
		}
		if len(rows) >= 20_000 {
			write()
		}
	}
	write()
}

// benchStore is a store with history; BENCH_DAYS of it, or one day.
func benchStore(b *testing.B) (s *Store, now time.Time) {
	days := 1
	if text := os.Getenv(benchDays); text != "" {
		var err error
		if days, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	path := filepath.Join(b.TempDir(), "history.db")
	s = openStore(b, Options{Path: path})
	now = time.Now().UTC()
	began := time.Now()
	generate(b, s, days, now)
	flush(b, s)
	size, err := s.Size(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	rows := size.Requests + size.Samples + size.Requests/3
	b.Logf("%d requests and %d samples: %.0f rows/s, %d MB, %.0f bytes a row", size.Requests, size.Samples,
		float64(rows)/time.Since(began).Seconds(), size.Bytes>>20, float64(size.Bytes)/float64(rows))
	return s, now
}

func BenchmarkReading(b *testing.B) {
	s, now := benchStore(b)
	benchReading(b, s, now)
}

func benchReading(b *testing.B, s *Store, now time.Time) {
	bench := func(name string, read func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	last := func(d time.Duration) Query { return Query{Since: now.Add(-d)} }
	ranges := []struct {
		name string
		Query
	}{
		{"15m", last(15 * time.Minute)}, {"1h", last(time.Hour)}, {"6h", last(6 * time.Hour)}, {"day", last(24 * time.Hour)},
		{"week", last(7 * 24 * time.Hour)}, {"month", last(30 * 24 * time.Hour)}, {"all", Query{}},
	}
	for _, r := range ranges {
		bench("Points/"+r.name, func() error { _, err := s.Points(b.Context(), r.Query, 1000); return err })
	}
	for _, r := range ranges {
		bench("AppUse/"+r.name, func() error { _, err := s.AppUse(b.Context(), r.Query); return err })
	}
	bench("Names/all", func() error { _, err := s.Names(b.Context(), Query{}); return err })
	page := Query{Limit: 100}
	for name, f := range map[string]Filter{
		"newest": {Query: page}, "oldest": {Query: page, Ascending: true}, "deep": {Query: page, Offset: requestsADay / 2},
		"of an app": {Query: page, App: "n8n"}, "failed": {Query: page, Outcome: "error"},
		"rare": {Query: page, App: "cron"}, "rare by time": {Query: page, App: "cron", Sort: "total_ms"}, "nothing found": {Query: page, App: "nobody"}, "by time": {Query: page, Sort: "total_ms"},
	} {
		bench("Requests/"+name, func() error { _, _, err := s.FindRequests(b.Context(), f); return err })
	}
	for name, f := range map[string]Filter{"newest": {Query: page}, "by time": {Query: page, Sort: "duration_ms"}, "of a model": {Query: page, Model: "llama3.1:8b"}} {
		bench("Batches/"+name, func() error { _, _, err := s.FindBatches(b.Context(), f); return err })
	}
	bench("Curve", func() error {
		_, err := s.Curve(b.Context(), "ollama", "llama3.1:8b", now.Add(-30*24*time.Hour))
		return err
	})
	bench("Size", func() error { _, err := s.Size(b.Context()); return err })
}

// BenchmarkRetention adds 200 requests each second, with their batches and joules, to
// a file that holds twice what it may. One b.N is a second. It tells how many rows
// waited at most, how long those of a second took to be on disk at most, and what was
// deleted meanwhile.
func BenchmarkRetention(b *testing.B) {
	s, _ := benchStore(b)
	benchRetention(b, s)
}

func benchRetention(b *testing.B, s *Store) {
	held, err := heldBytes(b.Context(), &s.readers)
	if err != nil {
		b.Fatal(err)
	}
	s.SetRetention(Retention{Bytes: held / 2})
	before, err := s.Size(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if err := s.order(b.Context(), "purge", func(context.Context) error { s.writer.chore = time.Time{}; return nil }); err != nil {
		b.Fatal(err)
	}
	const rate = 200
	batch, err := s.LastBatch(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var waiting, added int
	var longest time.Duration
	ticker := time.NewTicker(time.Second / rate)
	defer ticker.Stop()
	for b.Loop() {
		for i := range rate {
			at := <-ticker.C
			if i%3 == 0 {
				batch++
				s.AddBatch(Batch{ID: batch, Started: at, Engine: "ollama", Model: "llama3.1:8b", Mode: "adaptive", Why: "free slot", Released: 3, Running: 3})
			}
			id := batch
			r := Request{ID: uuid.NewString(), Batch: &id, Started: at, App: "n8n", Engine: "ollama", Model: "llama3.1:8b", Route: "/v1/chat/completions",
				Dialect: "openai", Priority: "normal", Outcome: "ok", Status: 200, PromptTokens: ptr(int64(i)), OutputTokens: ptr(int64(i)), QueueMS: 1.5, FirstTokenMS: ptr(100.5), TotalMS: 900.25}
			s.AddRequest(r)
			s.AddEnergy(id, r.ID, 12.5)
			waiting = max(waiting, len(s.writer.queue))
			added++
		}
		s.AddSample(Sample{At: time.Now()})
		began := time.Now()
		flush(b, s)
		longest = max(longest, time.Since(began))
	}
	after, err := s.Size(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	left, err := heldBytes(b.Context(), &s.readers)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(waiting), "rows-waiting")
	b.ReportMetric(longest.Seconds()*1000, "ms-to-disk")
	b.ReportMetric(float64(s.State().Dropped), "rows-lost")
	b.ReportMetric(float64(before.Requests+int64(added)-after.Requests+before.Samples-after.Samples), "rows-deleted")
	b.ReportMetric(float64(left)/float64(held/2), "of-bound")
	b.ReportMetric(float64(after.Bytes)/(1<<20), "MB")
}
