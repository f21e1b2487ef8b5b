package storage

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEnergy(t *testing.T) {
	// request adds a row of a batch of its own id.
	request := func(s *Store, id string, batch uint64, outputs int64) {
		s.AddRequest(Request{ID: id, Batch: &batch, Started: noon.Add(time.Duration(batch) * time.Second),
			PromptTokens: ptr(int64(100)), OutputTokens: &outputs})
	}

	t.Run("ComesAfterItsRequest", func(t *testing.T) {
		s := openStore(t, Options{})
		request(s, "r", 1, 5)
		flush(t, s)
		if got := requests(t, s, Query{})[0].EnergyJ; got != nil {
			t.Errorf("%v J before they are known", *got)
		}
		s.AddEnergy(1, "r", 2.5)
		flush(t, s)
		if got := requests(t, s, Query{})[0].EnergyJ; got == nil || *got != 2.5 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("IsEachOnesOwnUnderOneID", func(t *testing.T) {
		s := openStore(t, Options{})
		request(s, "same", 1, 5)
		request(s, "same", 1, 5)
		request(s, "same", 2, 5)
		for i, batch := range []uint64{2, 1, 1} {
			s.AddEnergy(batch, "same", float64(i+1))
		}
		flush(t, s)
		var got []float64
		for _, r := range requests(t, s, Query{}) {
			got = append(got, *r.EnergyJ)
		}
		slices.Sort(got[1:])
		if !slices.Equal(got, []float64{1, 2, 3}) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("IsDroppedWithoutItsRequest", func(t *testing.T) {
		s := openStore(t, Options{})
		request(s, "r", 1, 5)
		s.AddEnergy(1, "other", 1)
		s.AddEnergy(2, "r", 1)
		flush(t, s)
		if got := requests(t, s, Query{})[0].EnergyJ; got != nil || s.State().Dropped != 2 {
			t.Errorf("got %v, %d dropped", got, s.State().Dropped)
		}
	})
	t.Run("OfABatchIsKnownWhenThatOfAllIs", func(t *testing.T) {
		s := openStore(t, Options{})
		s.AddBatch(Batch{ID: 1, Started: noon, Released: 2})
		request(s, "a", 1, 5)
		request(s, "b", 1, 5)
		s.AddEnergy(1, "a", 1)
		flush(t, s)
		if got := batches(t, s, Query{})[0].EnergyJ; got != nil {
			t.Errorf("%v J of one of two", *got)
		}
		s.AddEnergy(1, "b", 2)
		flush(t, s)
		if got := batches(t, s, Query{})[0].EnergyJ; got == nil || *got != 3 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("AddsUpByModelAndSize", func(t *testing.T) {
		s := openStore(t, Options{})
		for i, b := range []struct {
			model   string
			running int
			joules  float64 // below 0: not known
		}{{"m", 1, 40}, {"m", 8, 10}, {"m", 8, 20}, {"m", 8, -1}, {"a", 2, 5}, {"m", 1, 7}} {
			id := uint64(i + 1)
			s.AddBatch(Batch{ID: id, Started: noon, Engine: "ollama", Model: b.model, Running: b.running, Released: 1})
			request(s, "r", id, int64(10*id))
			if b.joules >= 0 {
				s.AddEnergy(id, "r", b.joules)
			}
		}
		request(s, "r", 99, 1) // its batch has not ended
		s.AddEnergy(99, "r", 1000)
		flush(t, s)
		got, err := s.EnergyUse(t.Context(), Query{Until: noon.Add(6 * time.Second)})
		want := []EnergyUse{
			{Engine: "ollama", Model: "a", Running: 2, Requests: 1, PromptTokens: 100, OutputTokens: 50, Joules: 5},
			{Engine: "ollama", Model: "m", Running: 1, Requests: 1, PromptTokens: 100, OutputTokens: 10, Joules: 40},
			{Engine: "ollama", Model: "m", Running: 8, Requests: 2, PromptTokens: 200, OutputTokens: 50, Joules: 30},
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
		}
	})
	t.Run("IsAddedUpFromTheIndexAlone", func(t *testing.T) {
		s := openStore(t, Options{})
		rows, err := s.readers.db.Load().Query("EXPLAIN QUERY PLAN "+sumEnergy, 0, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		var plan strings.Builder
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan.WriteString(detail + "\n")
		}
		if !strings.Contains(plan.String(), "USING COVERING INDEX request_started") {
			t.Errorf("plan:\n%s", &plan)
		}
	})
}
