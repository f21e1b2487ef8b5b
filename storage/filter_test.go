package storage

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFind(t *testing.T) {
	find := func(t *testing.T, s *Store, f Filter) string {
		t.Helper()
		rows, total, err := s.FindRequests(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(strings.Join(ids(rows), ""), " of ", total)
	}

	t.Run("SelectsSortsAndPagesRequests", func(t *testing.T) {
		s := openStore(t, Options{})
		for i, r := range []Request{
			{ID: "a", App: "chat", Model: "m", Outcome: "ok", TotalMS: 3, FirstTokenMS: ptr(2.0)},
			{ID: "b", App: "chat", Model: "n", Outcome: "error", TotalMS: 1},
			{ID: "c", App: "editor", Model: "m", Outcome: "ok", TotalMS: 2, FirstTokenMS: ptr(1.0), Batch: ptr(uint64(5))},
			{ID: "d", App: "editor", Engine: "vllm", Model: "m", Outcome: "ok", TotalMS: 2, Batch: ptr(uint64(5))},
		} {
			r.Started = noon.Add(time.Duration(i) * time.Minute)
			s.AddRequest(r)
		}
		flush(t, s)
		for _, c := range []struct {
			f    Filter
			want string
		}{
			{Filter{}, "dcba of 4"},
			{Filter{Ascending: true}, "abcd of 4"},
			{Filter{Query: Query{Limit: 2}, Offset: 1}, "cb of 4"},
			{Filter{Offset: 9}, " of 4"},
			{Filter{App: "chat"}, "ba of 2"},
			{Filter{App: "chat", Outcome: "ok"}, "a of 1"},
			{Filter{Engine: "vllm", Model: "m"}, "d of 1"},
			{Filter{Model: "%"}, " of 0"},
			{Filter{Batch: 5}, "dc of 2"},
			{Filter{Query: Query{Since: noon.Add(time.Minute), Until: noon.Add(3 * time.Minute)}}, "cb of 2"},
			{Filter{Sort: "total_ms"}, "adcb of 4"},
			{Filter{Sort: "total_ms", Ascending: true}, "bcda of 4"},
			{Filter{Sort: "first_token_ms"}, "acdb of 4"},
			{Filter{Sort: "first_token_ms", Ascending: true}, "cabd of 4"},
		} {
			if got := find(t, s, c.f); got != c.want {
				t.Errorf("%+v: got %s, want %s", c.f, got, c.want)
			}
		}
	})

	t.Run("SelectsSortsAndPagesBatches", func(t *testing.T) {
		s := openStore(t, Options{})
		for i := range 4 {
			s.AddBatch(Batch{ID: uint64(i + 1), Started: noon.Add(time.Duration(i) * time.Second), Engine: "e", Model: []string{"m", "n"}[i%2], Limit: 9 - i})
		}
		flush(t, s)
		for _, c := range []struct {
			f    Filter
			want []uint64
			of   int64
		}{
			{Filter{App: "no matter"}, []uint64{4, 3, 2, 1}, 4},
			{Filter{Sort: "limit", Query: Query{Limit: 3}}, []uint64{1, 2, 3}, 4},
			{Filter{Model: "n", Ascending: true}, []uint64{2, 4}, 2},
			{Filter{Sort: "energy_j"}, []uint64{4, 3, 2, 1}, 4},
		} {
			rows, total, err := s.FindBatches(t.Context(), c.f)
			var got []uint64
			for _, b := range rows {
				got = append(got, b.ID)
			}
			if err != nil || total != c.of || !slices.Equal(got, c.want) {
				t.Errorf("%+v: got %v of %d, %v", c.f, got, total, err)
			}
		}
	})

	t.Run("SortsByEveryColumnAndNothingElse", func(t *testing.T) {
		s := openStore(t, Options{})
		s.AddRequest(fullRequest())
		s.AddBatch(fullBatch())
		flush(t, s)
		for _, name := range names(requestCSV) {
			if _, n, err := s.FindRequests(t.Context(), Filter{Sort: name, Ascending: true}); err != nil || n != 1 {
				t.Errorf("requests by %s: %d, %v", name, n, err)
			}
		}
		for _, name := range names(batchCSV) {
			if _, n, err := s.FindBatches(t.Context(), Filter{Sort: name}); err != nil || n != 1 {
				t.Errorf("batches by %s: %d, %v", name, n, err)
			}
		}
		for _, name := range []string{"seq", "started; DROP TABLE request", "1"} {
			if _, _, err := s.FindRequests(t.Context(), Filter{Sort: name}); err == nil {
				t.Errorf("sorts by %q", name)
			}
		}
	})

	t.Run("SortsTheNewestOfMany", func(t *testing.T) {
		s := openStore(t, Options{})
		s.AddRequest(Request{ID: "rare", App: "editor", Started: noon.Add(-30 * time.Hour), TotalMS: 9})
		s.AddRequest(Request{ID: "old", App: "chat", Started: noon.Add(-26 * time.Hour), TotalMS: 8})
		s.AddRequest(Request{ID: "new", App: "chat", Started: noon, TotalMS: 7})
		flush(t, s)
		execute(t, s.path, fmt.Sprintf(`WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < %d)
			INSERT INTO request SELECT seq + n, 'many', batch, started, app, engine, model, route, dialect, stream,
			priority, outcome, error_kind, status, engine_status, prompt_bytes, answer_bytes, prompt_tokens, output_tokens, tokens_estimated,
			queue_ms, first_token_ms, 1, simulated, load_ms, reload, energy_j, kind FROM request, n WHERE id = 'new'`, sortable))
		execute(t, s.path, fmt.Sprintf(`UPDATE usage SET requests = requests + %d WHERE at >= %d / step * step`, sortable, noon.Unix()))
		for _, c := range []struct {
			f    Filter
			want string
		}{
			{Filter{Sort: "total_ms"}, fmt.Sprint("many of ", sortable+3)},
			{Filter{App: "chat"}, fmt.Sprint("many of ", sortable+2)},
			{Filter{App: "chat", Ascending: true}, fmt.Sprint("old of ", sortable+2)},
			{Filter{App: "editor", Sort: "total_ms"}, "rare of 1"},
		} {
			c.f.Limit = 1
			if got := find(t, s, c.f); got != c.want {
				t.Errorf("%+v: got %s, want %s", c.f, got, c.want)
			}
		}
	})

	t.Run("TellsTheNamesOfARange", func(t *testing.T) {
		s := openStore(t, Options{})
		s.AddRequest(Request{Started: noon, App: "b", Engine: "e", Model: "m", Outcome: "ok"})
		s.AddRequest(Request{Started: noon, App: "a", Engine: "", Model: "m", Outcome: "ok"})
		s.AddRequest(Request{Started: noon.Add(-48 * time.Hour), App: "c", Outcome: "error"})
		flush(t, s)
		got, err := s.Names(t.Context(), Query{Since: noon.Add(-time.Hour)})
		want := Names{Apps: []string{"a", "b"}, Engines: []string{"e"}, Models: []string{"m"}, Outcomes: []string{"ok"}}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
