package storage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 4, 12, 0, 0, 123e6, time.UTC)

func ptr[T any](v T) *T { return &v }

func fullRequest() Request {
	return Request{
		ID: "r-1", Batch: ptr(uint64(7)), Started: noon, App: "editor", Engine: "ollama", Model: "llama3:8b",
		Route: "/api/chat", Dialect: "ollama", Stream: true, Priority: "urgent", Outcome: "error",
		ErrorKind: "backend_timeout", Status: 504, EngineStatus: 200, PromptBytes: 1234, AnswerBytes: 5678,
		PromptTokens: ptr(int64(11)), OutputTokens: ptr(int64(22)), TokensEstimated: true,
		QueueMS: 1.25, FirstTokenMS: ptr(33.5), TotalMS: 44.75, Simulated: true,
		LoadMS: ptr(20.5), Reload: "num_ctx", EnergyJ: ptr(123.5),
	}
}

func fullBatch() Batch {
	return Batch{
		ID: 7, Started: noon, Engine: "ollama", Model: "llama3:8b", Mode: "fixed", Why: "free slot",
		Released: 3, Running: 8, Limit: 9, MeanWaitMS: 1.5, MaxWaitMS: 2.5, DurationMS: 333.25, Tokens: 444,
		GPUMemoryUsed: ptr(int64(5 << 30)), GPUMemoryTotal: ptr(int64(24 << 30)), GPUUtilization: ptr(0.87), EnergyJ: ptr(370.5),
	}
}

func fullDecision() Decision {
	return Decision{
		At: noon, Engine: "ollama", Model: "llama3:8b", Kind: "limit", OldLimit: ptr(int64(4)), NewLimit: ptr(int64(5)),
		Slots: ptr(int64(8)), SlotsBy: "engine wait", TokenBudget: ptr(int64(16384)), Reason: "4 streams seen at once, more are waiting",
		InFlight: ptr(int64(4)), Waiting: ptr(int64(9)),
		GPUMemoryUsed: ptr(int64(5 << 30)), GPUMemoryTotal: ptr(int64(24 << 30)), GPUUtilization: ptr(0.87),
	}
}

func fullSample() Sample {
	return Sample{
		At: noon.Truncate(time.Second), Running: 3, Waiting: 4, Limit: 5, TokensOut: 66, TokensIn: 77,
		MemoryUsed: ptr(int64(5 << 30)), MemoryTotal: ptr(int64(24 << 30)), MemoryOurs: ptr(int64(3 << 30)), MemoryOthers: ptr(int64(2 << 30)),
		Utilization: ptr(0.87), Power: ptr(212.5),
	}
}

func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "history.db")
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func flush(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func requests(t testing.TB, s *Store, q Query) []Request {
	t.Helper()
	rows, err := s.Requests(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func batches(t testing.TB, s *Store, q Query) []Batch {
	t.Helper()
	rows, err := s.Batches(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func decisions(t testing.TB, s *Store, q Query) []Decision {
	t.Helper()
	rows, err := s.Decisions(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func ids(rows []Request) []string {
	all := []string{}
	for _, r := range rows {
		all = append(all, r.ID)
	}
	return all
}

// requireEveryFieldSet keeps a new field from being forgotten in the round trip.
func requireEveryFieldSet(t *testing.T, row any) {
	t.Helper()
	v := reflect.ValueOf(row)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Fatalf("%s.%s is not set by the test", v.Type(), v.Type().Field(i).Name)
		}
	}
}

func TestStore(t *testing.T) {
	t.Run("KeepsEveryFieldOfARequest", func(t *testing.T) {
		requireEveryFieldSet(t, fullRequest())
		s := openStore(t, Options{})
		bare := Request{ID: "r-2", Started: noon.Add(-time.Second)}
		s.AddRequest(fullRequest())
		s.AddRequest(bare)
		flush(t, s)
		if got, want := requests(t, s, Query{}), []Request{fullRequest(), bare}; !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})

	t.Run("KeepsEveryFieldOfABatch", func(t *testing.T) {
		requireEveryFieldSet(t, fullBatch())
		s := openStore(t, Options{})
		bare := Batch{ID: 6, Started: noon.Add(-time.Second)}
		s.AddBatch(fullBatch())
		s.AddBatch(bare)
		for range fullBatch().Released {
			s.AddRequest(fullRequest())
		}
		flush(t, s)
		if got, want := batches(t, s, Query{}), []Batch{fullBatch(), bare}; !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})

	t.Run("KeepsEveryFieldOfADecision", func(t *testing.T) {
		requireEveryFieldSet(t, fullDecision())
		s := openStore(t, Options{})
		bare := Decision{At: noon, Kind: "merge", Reason: "slower than one by one"}
		s.AddDecision(bare)
		s.AddDecision(fullDecision())
		flush(t, s)
		if got, want := decisions(t, s, Query{}), []Decision{fullDecision(), bare}; !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})

	t.Run("KeepsEveryFieldOfASample", func(t *testing.T) {
		requireEveryFieldSet(t, fullSample())
		s := openStore(t, Options{})
		bare := Sample{At: fullSample().At.Add(-time.Second)}
		again := fullSample()
		again.Running++
		again.At = noon // the same second
		s.AddSample(bare)
		s.AddSample(fullSample())
		s.AddSample(again)
		flush(t, s)
		want := []Sample{fullSample(), bare}
		if got, err := s.Samples(t.Context(), Query{}); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v, %v\nwant %+v", got, err, want)
		}
		if got, err := s.Samples(t.Context(), Query{Since: noon, Until: noon.Add(time.Second)}); err != nil || len(got) != 0 {
			t.Errorf("a second that began before the range: %+v, %v", got, err)
		}
		if st := s.State(); st.Dropped != 0 {
			t.Errorf("%d dropped", st.Dropped)
		}
	})

	t.Run("KeepsBenchmarks", func(t *testing.T) {
		s := openStore(t, Options{})
		for i := range 3 {
			id, err := s.AddTrial(t.Context(), Trial{At: noon.Add(time.Duration(i) * time.Hour), Engine: "ollama", Model: "m", Figures: []byte(fmt.Sprintf(`{"size":%d}`, i))})
			if err != nil || id != int64(i+1) {
				t.Fatalf("id %d, %v", id, err)
			}
		}
		got, err := s.Trials(t.Context(), 2)
		if err != nil || len(got) != 2 || got[0].ID != 3 || !got[0].At.Equal(noon.Add(2*time.Hour)) || got[0].Engine != "ollama" ||
			got[0].Model != "m" || string(got[0].Figures) != `{"size":2}` || got[1].ID != 2 {
			t.Errorf("got %+v, %v", got, err)
		}
	})

	t.Run("SelectsDecisionsOfARange", func(t *testing.T) {
		s := openStore(t, Options{})
		for i := range 5 {
			s.AddDecision(Decision{At: noon.Add(time.Duration(i) * time.Second), Reason: fmt.Sprint(i)})
		}
		flush(t, s)
		for want, q := range map[string]Query{
			"43":  {Limit: 2},
			"321": {Since: noon.Add(time.Second), Until: noon.Add(4 * time.Second)},
		} {
			var got string
			for _, d := range decisions(t, s, q) {
				got += d.Reason
			}
			if got != want {
				t.Errorf("%+v: got %s, want %s", q, got, want)
			}
		}
	})

	t.Run("KeepsTimesInUTCToTheMillisecond", func(t *testing.T) {
		s := openStore(t, Options{})
		zone := time.FixedZone("east", 5*3600)
		s.AddRequest(Request{Started: time.Date(2026, 1, 1, 3, 0, 0, 999_999, zone)})
		flush(t, s)
		got := requests(t, s, Query{})[0].Started
		if want := time.Date(2025, 12, 31, 22, 0, 0, 0, time.UTC); got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
	})

	t.Run("KeepsRowsOverARestart", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a folder", "history?100% of #1.db")
		s := openStore(t, Options{Path: path})
		s.AddRequest(fullRequest())
		closeStore(t, s)
		if _, err := os.Stat(path + "-wal"); err == nil {
			t.Error("the log was left beside the file")
		}
		s = openStore(t, Options{Path: path})
		if got := requests(t, s, Query{}); len(got) != 1 {
			t.Fatalf("got %d rows", len(got))
		}
		if st := s.State(); !st.OK || st.Problem != "" || st.Path != path {
			t.Errorf("state %+v", st)
		}
	})

	t.Run("SelectsByStartTimeNewestFirst", func(t *testing.T) {
		s := openStore(t, Options{})
		for i := range 5 {
			s.AddRequest(Request{ID: fmt.Sprint(i), Started: noon.Add(time.Duration(i) * time.Second)})
		}
		s.AddRequest(Request{ID: "4b", Started: noon.Add(4 * time.Second)})
		flush(t, s)
		at := func(sec float64) time.Time { return noon.Add(time.Duration(sec * float64(time.Second))) }
		for _, c := range []struct {
			q    Query
			want []string
		}{
			{Query{}, []string{"4b", "4", "3", "2", "1", "0"}},
			{Query{Limit: 2}, []string{"4b", "4"}},
			{Query{Since: at(3)}, []string{"4b", "4", "3"}},
			{Query{Until: at(1)}, []string{"0"}},
			{Query{Until: at(1.0001)}, []string{"1", "0"}},
			{Query{Since: at(1), Until: at(3)}, []string{"2", "1"}},
			{Query{Since: at(9)}, []string{}},
		} {
			if got := ids(requests(t, s, c.q)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v: got %v, want %v", c.q, got, c.want)
			}
		}
	})

	t.Run("SumsUpARange", func(t *testing.T) {
		s := openStore(t, Options{})
		s.AddRequest(Request{Started: noon, Batch: ptr(uint64(1)), Outcome: "ok", PromptTokens: ptr(int64(10)), OutputTokens: ptr(int64(100))})
		s.AddRequest(Request{Started: noon, Batch: ptr(uint64(1)), Outcome: "ok", OutputTokens: ptr(int64(7))})
		s.AddRequest(Request{Started: noon, Outcome: "cancelled"})
		s.AddRequest(Request{Started: noon.Add(-time.Hour), Outcome: "ok", OutputTokens: ptr(int64(1000))})
		s.AddBatch(Batch{ID: 1, Started: noon})
		s.AddBatch(Batch{ID: 2, Started: noon.Add(-time.Hour)})
		flush(t, s)
		got, err := s.Summary(t.Context(), Query{Since: noon, Limit: 1})
		want := Summary{Requests: 3, Released: 2, Batches: 1, Outcomes: map[string]int64{"ok": 2, "cancelled": 1}, PromptTokens: 10, OutputTokens: 107}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v %v\nwant %+v", got, err, want)
		}
		got, err = s.Summary(t.Context(), Query{Since: noon.Add(time.Hour)})
		if want := (Summary{Outcomes: map[string]int64{}}); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("of nothing: got %+v %v", got, err)
		}
	})

	t.Run("KnowsTheLastBatch", func(t *testing.T) {
		s := openStore(t, Options{})
		for _, want := range []uint64{0, 41, 42} {
			if want > 0 {
				s.AddBatch(Batch{ID: want, Started: noon})
			}
			flush(t, s)
			if got, err := s.LastBatch(t.Context()); err != nil || got != want {
				t.Fatalf("got %d %v, want %d", got, err, want)
			}
		}
		s.AddRequest(Request{Batch: ptr(uint64(50)), Started: noon}) // its batch did not end
		flush(t, s)
		if got, err := s.LastBatch(t.Context()); err != nil || got != 50 {
			t.Fatalf("got %d %v", got, err)
		}
	})

	t.Run("LeavesOutARowThatItsTableRefuses", func(t *testing.T) {
		s := openStore(t, Options{})
		s.AddBatch(Batch{ID: 1, Started: noon, Why: "first"})
		s.AddBatch(Batch{ID: 1, Started: noon, Why: "again"})
		s.AddBatch(Batch{ID: 2, Started: noon})
		flush(t, s)
		got := batches(t, s, Query{})
		if len(got) != 2 || got[1].Why != "first" {
			t.Fatalf("got %+v", got)
		}
		if st := s.State(); !st.OK || st.Dropped != 1 {
			t.Errorf("state %+v", st)
		}
	})

	t.Run("CloseWritesEverythingQueued", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		s := openStore(t, Options{Path: path})
		const n = 3*keepRows + 7
		for range n {
			s.AddRequest(Request{Started: noon})
		}
		closeStore(t, s)
		closeStore(t, s)
		s.AddRequest(Request{Started: noon})
		if st := s.State(); st.Dropped != 1 {
			t.Errorf("a row added after close is not counted: %+v", st)
		}
		if err := s.Flush(t.Context()); err == nil {
			t.Error("flush of a closed store succeeds")
		}
		s = openStore(t, Options{Path: path})
		if sum, err := s.Summary(t.Context(), Query{}); err != nil || sum.Requests != n {
			t.Fatalf("got %d rows %v, want %d", sum.Requests, err, n)
		}
	})

	t.Run("ReadsWhileItWrites", func(t *testing.T) {
		s := openStore(t, Options{})
		const writers, readers, each = 4, 4, 500
		var adding, reading sync.WaitGroup
		written := make(chan struct{})
		for range writers {
			adding.Go(func() {
				for range each {
					s.AddRequest(Request{Started: noon, Outcome: "ok"})
				}
			})
		}
		for range readers {
			reading.Go(func() {
				var last int64
				for {
					sum, err := s.Summary(t.Context(), Query{})
					if err != nil || sum.Requests < last {
						t.Errorf("%d requests after %d, %v", sum.Requests, last, err)
						return
					}
					last = sum.Requests
					select {
					case <-written:
						return
					default:
					}
				}
			})
		}
		adding.Wait()
		flush(t, s)
		close(written)
		reading.Wait()
		if sum, err := s.Summary(t.Context(), Query{}); err != nil || sum.Requests != writers*each {
			t.Fatalf("got %d %v", sum.Requests, err)
		}
	})
}

func BenchmarkInsert(b *testing.B) {
	for _, size := range []int{1, 10, 100, 1000, writeRows} {
		b.Run(fmt.Sprintf("transaction=%d", size), func(b *testing.B) {
			s := openStore(b, Options{})
			r := fullRequest()
			rows := 0
			b.ReportAllocs()
			for b.Loop() {
				s.AddRequest(r)
				if rows++; rows%size == 0 {
					flush(b, s)
				}
			}
			flush(b, s)
			if st := s.State(); st.Dropped > 0 {
				b.Fatalf("%d dropped", st.Dropped)
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
