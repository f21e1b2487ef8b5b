package gpubench

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"strings"

	"carpool/gpu"
)

const (
	memoryApart = 16   // MiB that two readings of used memory may differ by
	powerApart  = 0.05 // part that two means of the draw may differ by
	mebibyte    = 1 << 20
)

// Comparison is Carpool's reading beside that of nvidia-smi.
type Comparison struct {
	Rows []Compared `json:"rows"`
}

// Compared is one figure of both.
type Compared struct {
	What   string `json:"what"`
	Ours   string `json:"ours"`
	Theirs string `json:"theirs"`
	Equal  bool   `json:"equal"` // or near enough
}

// Equal tells whether all are.
func (c Comparison) Equal() bool {
	for _, r := range c.Rows {
		if !r.Equal {
			return false
		}
	}
	return true
}

// smi is what nvidia-smi tells of one GPU; NaN = not told.
type smi struct {
	uuid, name         string
	used, total, watts float64 // MiB, MiB, W
}

// compare reads both o.Samples times in turn; nil where there is no nvidia-smi.
func compare(ctx context.Context, o Options) (*Comparison, error) {
	program, err := exec.LookPath(o.SMI)
	if o.SMI == "" || errors.Is(err, exec.ErrNotFound) || o.Samples < 1 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("nvidia-smi: %w", err)
	}
	var ours gpu.Reading
	var theirs smi
	var ourWatts, theirWatts float64
	for range o.Samples {
		ours, _ = device(o.Reader.Read(ctx), o.Device)
		if theirs, err = askSMI(ctx, program, ours.UUID); err != nil {
			return nil, fmt.Errorf("nvidia-smi: %w", err)
		}
		ourWatts += valueOr(ours.Power) / float64(o.Samples)
		theirWatts += theirs.watts / float64(o.Samples)
	}
	used, total := mebibytes(ours.MemoryUsed), mebibytes(ours.MemoryTotal)
	return &Comparison{[]Compared{
		{"UUID", ours.UUID, theirs.uuid, ours.UUID == theirs.uuid},
		{"name", ours.Name, theirs.name, ours.Name == theirs.name},
		{"memory used, MiB", figure(used), figure(theirs.used), near(used, theirs.used, memoryApart)},
		{"memory in all, MiB", figure(total), figure(theirs.total), near(total, theirs.total, memoryApart)},
		{fmt.Sprintf("power, W, mean of %d", o.Samples), figure(ourWatts), figure(theirWatts), near(ourWatts, theirWatts, powerApart*theirWatts)},
	}}, nil
}

// askSMI asks for a GPU by its UUID; "" = the first.
func askSMI(ctx context.Context, program, uuid string) (smi, error) {
	text, err := exec.CommandContext(ctx, program, //nolint:gosec // the user's own program
		"--query-gpu=uuid,name,memory.used,memory.total,power.draw", "--format=csv,noheader,nounits").Output()
	if err != nil {
		return smi{}, err
	}
	r := csv.NewReader(strings.NewReader(string(text)))
	r.TrimLeadingSpace = true
	rows, err := r.ReadAll()
	if err != nil {
		return smi{}, err
	}
	for _, row := range rows {
		if len(row) == 5 && (uuid == "" || row[0] == uuid) {
			return smi{row[0], row[1], number(row[2]), number(row[3]), number(row[4])}, nil
		}
	}
	return smi{}, fmt.Errorf("it does not list the GPU %s", uuid)
}

func number(s string) float64 {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		return math.NaN() // "[N/A]"
	}
	return v
}

func valueOr(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

func mebibytes(bytes *uint64) float64 {
	if bytes == nil {
		return math.NaN()
	}
	return float64(*bytes) / mebibyte
}

func figure(v float64) string {
	if math.IsNaN(v) {
		return "not told"
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// near tells whether two figures are; what neither tells is equal.
func near(a, b, apart float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	return math.Abs(a-b) <= apart
}
