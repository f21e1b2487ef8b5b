package bench_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"carpool/app/bench"
	"carpool/batching"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quick() bench.Options {
	o := bench.Default()
	o.Requests, o.Delay, o.Wait = 16, 5*time.Millisecond, 5*time.Second // a batch that is not full is none of a slow machine
	return o
}

func TestCompare(t *testing.T) {
	r, err := bench.Compare(t.Context(), quick())
	if err != nil {
		t.Fatal(err)
	}
	if b := r.Serial.Batching; b.Requests != 16 || b.Batches != 16 || b.AvgConcurrency != 1 {
		t.Errorf("serial: %+v", b)
	}
	if b := r.Batched.Batching; b.Requests != 16 || b.Batches != 2 || b.AvgBatchSize != 8 || b.AvgConcurrency != 8 {
		t.Errorf("batched: %+v", b)
	}
	if r.Theoretical != 8 || r.Serial.Duration < 16*5*time.Millisecond {
		t.Errorf("theoretical maximum %v, serial %v", r.Theoretical, r.Serial.Duration)
	}
	if r.Speedup != r.BatchedRPS/r.SerialRPS || r.Efficiency != r.Speedup/8 {
		t.Errorf("%+v", r)
	}
}

func TestTheLastBatchCounts(t *testing.T) {
	o := quick()
	o.Requests = o.Size // there is no other one
	r, err := bench.Compare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if b := r.Batched.Batching; b.Batches != 1 || b.AvgBatchDuration <= 0 || b.InFlight != 0 {
		t.Errorf("%+v", b)
	}
}

func TestSizes(t *testing.T) {
	rows, err := bench.Sizes(t.Context(), quick(), 100, []int{1, 4})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].Speedup != rows[0].RPS/100 || rows[1].Efficiency != rows[1].Speedup/4 || rows[0].Requests != bench.RequestsPerSlot || rows[1].Requests != 4*bench.RequestsPerSlot {
		t.Fatalf("%+v", rows)
	}
}

func TestCompareRefusesWhatItCannotMeasure(t *testing.T) {
	o := quick()
	o.Mode, o.Size, o.Delay = "serial", 0, 0
	_, err := bench.Compare(t.Context(), o)
	for _, want := range []string{"mode", "size", "delay"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

func TestReport(t *testing.T) {
	r := bench.Report{Options: bench.Default(),
		Serial:    bench.Result{Requests: 32, Duration: 1632 * time.Millisecond, RPS: 19.61},
		Batched:   bench.Result{Requests: 32, Duration: 280 * time.Millisecond, RPS: 114.29, Batching: batching.Totals{Batches: 4, AvgBatchSize: 8, AvgConcurrency: 8, AvgBatchDuration: 60}},
		SerialRPS: 19.61, BatchedRPS: 114.29, Speedup: 5.83, Theoretical: 8, Efficiency: 0.728}
	var out bytes.Buffer
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"static", "32 at once", "50ms per request, 8 slots", "19.61 req/s", "114.29 req/s",
		"5.83×", "8.00×", "72.8 %", "Batching helps: 5.8 times the throughput, of 8.0 possible."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
