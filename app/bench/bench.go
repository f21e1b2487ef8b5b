// Package bench measures what batching gains: the same requests through the
// real gateway over loopback HTTP, one at a time and in batches, before a
// simulated engine whose time per request is known.
package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"carpool/batching"
)

// Options say what to measure. Start from Default.
type Options struct {
	Mode     batching.Mode // Static or Fixed
	Requests int           // sent at once; at least 1
	Size     int           // batch size (static) or most in flight (fixed); at least 1
	Wait     time.Duration // static: longest wait for company
	Parallel int           // static: batches at once; at least 1
	Delay    time.Duration // the engine's time per request, at least 1 ms
}

// Default is the setting of the reference gateway's benchmark: 32 requests of
// 50 ms, batches of 8, 50 ms of waiting.
func Default() Options {
	return Options{Mode: batching.Static, Requests: 32, Size: 8, Wait: 50 * time.Millisecond,
		Parallel: 1, Delay: 50 * time.Millisecond}
}

func (o Options) validate() error {
	var errs []error
	check := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	check(o.Mode == batching.Static || o.Mode == batching.Fixed, "mode must be static or fixed")
	check(o.Requests >= 1 && o.Requests <= 100_000, "requests must be 1–100000")
	check(o.Size >= 1 && o.Size <= 8192, "size must be 1–8192")
	check(o.Parallel >= 1 && o.Parallel <= 16, "parallel must be 1–16")
	check(o.Wait >= 0 && o.Wait <= 5*time.Second, "wait must be 0–5 s")
	check(o.Delay >= time.Millisecond && o.Delay <= time.Minute, "delay must be 1 ms–1 min")
	return errors.Join(errs...)
}

// slots is how many requests the engine runs at once: as many as the mode ever
// lets in, so that it is the scheduler that is measured.
func (o Options) slots() int {
	if o.Mode == batching.Static {
		return o.Size * o.Parallel
	}
	return o.Size
}

func (o Options) limits() batching.Limits {
	return batching.Limits{Mode: o.Mode, Size: o.Size, Wait: o.Wait, Parallel: o.Parallel}
}

// Result is one run.
type Result struct {
	Requests int             `json:"requests"`
	Duration time.Duration   `json:"duration_ns"`
	RPS      float64         `json:"rps"` // requests per second
	Batching batching.Totals `json:"batching"`
}

// Report compares a serial and a batched run of the same requests.
type Report struct {
	Options     Options      `json:"-"`
	Serial      Result       `json:"serial"`
	Batched     Result       `json:"batched"`
	SerialRPS   float64      `json:"serial_rps"`
	BatchedRPS  float64      `json:"batched_rps"`
	Speedup     float64      `json:"speedup"`
	Theoretical float64      `json:"theoretical_maximum"` // speedup if nothing but the engine took time
	Efficiency  float64      `json:"efficiency"`          // Speedup / Theoretical
	Sizes       []SizeResult `json:"sizes"`               // what Sizes measured; nil = not asked for
}

// Compare runs o's requests one at a time and then in batches.
func Compare(ctx context.Context, o Options) (Report, error) {
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	serial, err := run(ctx, o, batching.Limits{Mode: batching.Serial})
	if err != nil {
		return Report{}, fmt.Errorf("serial run: %w", err)
	}
	batched, err := run(ctx, o, o.limits())
	if err != nil {
		return Report{}, fmt.Errorf("batched run: %w", err)
	}
	r := Report{Options: o, Serial: serial, Batched: batched,
		SerialRPS: serial.RPS, BatchedRPS: batched.RPS, Speedup: batched.RPS / serial.RPS}
	rounds := (o.Requests + o.slots() - 1) / o.slots()
	r.Theoretical = float64(o.Requests) / float64(rounds)
	r.Efficiency = r.Speedup / r.Theoretical
	return r, nil
}

// SizeResult is one row of the table of sizes.
type SizeResult struct {
	Size       int     `json:"size"`
	Requests   int     `json:"requests"`
	RPS        float64 `json:"rps"`
	Speedup    float64 `json:"speedup"`    // over one at a time
	Efficiency float64 `json:"efficiency"` // Speedup / Size
}

// RequestsPerSlot is how many requests each slot gets in the table of sizes.
const RequestsPerSlot = 8

// Sizes measures several batch sizes, each with RequestsPerSlot requests per
// slot, against serialRPS requests per second one at a time.
func Sizes(ctx context.Context, o Options, serialRPS float64, sizes []int) ([]SizeResult, error) {
	results := make([]SizeResult, 0, len(sizes))
	for _, size := range sizes {
		o.Size = size
		o.Requests = RequestsPerSlot * o.slots()
		if err := o.validate(); err != nil {
			return nil, err
		}
		got, err := run(ctx, o, o.limits())
		if err != nil {
			return nil, fmt.Errorf("size %d: %w", size, err)
		}
		speedup := got.RPS / serialRPS
		results = append(results, SizeResult{Size: size, Requests: o.Requests, RPS: got.RPS,
			Speedup: speedup, Efficiency: speedup / float64(o.slots())})
	}
	return results, nil
}
