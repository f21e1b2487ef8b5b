// Package gpubench measures what batching gains on a real GPU: chats through the
// real gateway to an engine that runs, with fixed numbers of them at once, beside
// what the GPU's driver tells. It changes nothing on the GPU.
package gpubench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"carpool/gpu"
)

// Options say what to measure. Start from Default.
type Options struct {
	Engine  string        // its URL; "" = the first that is found
	Model   string        // "" = one that is loaded, else the first
	Device  string        // UUID or number of the GPU; "" = the first that can be read
	Sizes   []int         // chats at once, each 1–256
	Rounds  int           // chats that each of them has, one after the other; at least 1
	Tokens  int           // most that an answer has; at least 1
	Every   time.Duration // between two readings of the GPU; at least 10 ms
	Reader  gpu.Reader    // of the GPU; closed by Measure; nil = this machine's own
	SMI     string        // the program nvidia-smi, to check the readings; "" = not checked
	Samples int           // readings of both that are compared
	Done    func(Size)    // hears of each size as it is measured; nil = nobody
}

// Default is a run of some minutes on a desktop's GPU.
func Default() Options {
	return Options{Sizes: []int{1, 2, 4, 8, 16, 32}, Rounds: 4, Tokens: 256, Every: 500 * time.Millisecond,
		SMI: "nvidia-smi", Samples: 5}
}

// Check says what of the options cannot be measured; nil = nothing.
func (o Options) Check() error {
	if len(o.Sizes) == 0 || slices.Min(o.Sizes) < 1 || slices.Max(o.Sizes) > 256 {
		return errors.New("sizes must be 1–256 each")
	}
	if o.Rounds < 1 || o.Tokens < 1 || o.Every < 10*time.Millisecond {
		return errors.New("rounds and tokens must be at least 1, readings at least 10 ms apart")
	}
	return nil
}

// Report is what was measured. GPU figures that are nil were not told.
type Report struct {
	At      time.Time   `json:"at"`
	Missing string      `json:"missing,omitempty"` // why nothing was measured; "" = it was
	Engine  string      `json:"engine,omitempty"`  // with its version
	Model   string      `json:"model,omitempty"`
	GPU     string      `json:"gpu,omitempty"`
	Driver  string      `json:"driver,omitempty"`
	Rounds  int         `json:"rounds"`
	Tokens  int         `json:"tokens"`
	Sizes   []Size      `json:"sizes"`
	Check   *Comparison `json:"check,omitempty"` // with nvidia-smi; nil = there is none
	Ended   string      `json:"ended,omitempty"` // why it ended before all was measured; "" = it did not
}

// Size is one row: as many chats at once.
type Size struct {
	Size          int           `json:"size"`
	Requests      int           `json:"requests"`
	Tokens        int           `json:"tokens"` // written
	Duration      time.Duration `json:"duration_ns"`
	TokensPS      float64       `json:"tokens_per_second"`
	Speedup       float64       `json:"speedup"` // over the first size
	FirstP50      time.Duration `json:"first_token_p50_ns"`
	FirstP95      time.Duration `json:"first_token_p95_ns"`
	MemoryPeak    *uint64       `json:"gpu_memory_peak_bytes"` // of all programs
	Joules        *float64      `json:"energy_j"`
	JoulesPer1000 *float64      `json:"joules_per_1000_tokens"`
}

// ErrNoGPU says that no GPU can be read here. The report says why.
var ErrNoGPU = errors.New("no GPU can be read")

// Measure runs all sizes, the smallest first. Where no GPU can be read it returns
// ErrNoGPU and a report that says so, and asks no engine anything. With any other error
// the report has what was measured before it.
func Measure(ctx context.Context, o Options) (r Report, err error) {
	if o.Reader == nil {
		o.Reader = gpu.Open()
	}
	defer func() { err = errors.Join(err, o.Reader.Close()) }()
	r = Report{At: time.Now(), Rounds: o.Rounds, Tokens: o.Tokens}
	if err := o.Check(); err != nil {
		return r, err
	}
	first, why := device(o.Reader.Read(ctx), o.Device)
	if why != "" {
		r.Missing = why
		return r, fmt.Errorf("%w: %s", ErrNoGPU, why)
	}
	r.GPU, r.Driver = first.Name, first.Driver
	b, err := openBench(ctx, o)
	if err != nil {
		return r, err
	}
	defer b.close()
	r.Engine, r.Model = b.engine, b.model
	defer func() {
		if err != nil {
			r.Ended = err.Error()
		}
	}()
	for _, n := range slices.Compact(slices.Sorted(slices.Values(o.Sizes))) {
		s, err := b.measure(ctx, o, n)
		if err != nil {
			return r, fmt.Errorf("size %d: %w", n, err)
		}
		r.Sizes = append(r.Sizes, s)
		last := &r.Sizes[len(r.Sizes)-1]
		last.Speedup = last.TokensPS / r.Sizes[0].TokensPS
		if o.Done != nil {
			o.Done(*last)
		}
	}
	r.Check, err = compare(ctx, o)
	return r, err
}

// device finds a GPU by its UUID or number among readings; why is not empty where
// it cannot be read.
func device(all []gpu.Reading, name string) (_ gpu.Reading, why string) {
	for _, r := range all {
		switch {
		case name != "" && r.UUID != name && strconv.Itoa(r.Index) != name:
		case r.Available:
			return r, ""
		case why == "":
			why = r.Reason
		}
	}
	if why == "" {
		why = "there is no GPU " + name
	}
	return gpu.Reading{}, why
}
