// Package tuner turns settings and measurements into the scheduler's limits.
package tuner

import (
	"fmt"
	"time"

	"carpool/app/config"
	"carpool/batching"
)

// SizeKey is the setting that every mode takes its size from, adaptive within
// adaptive.max: until the governor finds the size, it is constant there too.
const SizeKey = "batching.max_batch_size"

// Settings are the scheduler's rules under c, each with the reason that people
// see.
func Settings(c config.Config) batching.Settings {
	return batching.Settings{
		Limits:         limits(c.Batching, c.Adaptive.Max),
		MaxWaiting:     c.Queue.MaxWaiting,
		ReservedOthers: c.Queue.ReservedOthers,
		MaxWait:        time.Duration(c.Queue.MaxWaitS) * time.Second,
		CancelGrace:    time.Duration(c.Batching.CancelGraceMS) * time.Millisecond,
	}
}

func limits(b config.Batching, ceiling int) batching.Limits {
	if !b.Enabled {
		if b.OffMode == string(batching.Passthrough) {
			return batching.Limits{Mode: batching.Passthrough, Reason: "batching is off: straight to the engine"}
		}
		return batching.Limits{Mode: batching.Serial, Reason: "batching is off: one request at a time"}
	}
	l := batching.Limits{
		Mode:     batching.Fixed,
		Size:     b.MaxBatchSize,
		Wait:     time.Duration(b.MaxBatchWaitMS) * time.Millisecond,
		Parallel: b.MaxParallelBatches,
	}
	switch b.Mode {
	case "static":
		l.Mode = batching.Static
		l.Reason = fmt.Sprintf("static: batches of %d, or after %d ms", b.MaxBatchSize, b.MaxBatchWaitMS)
	case "fixed":
		l.Reason = fmt.Sprintf("fixed at %d", b.MaxBatchSize)
	default:
		l.Size = min(b.MaxBatchSize, ceiling)
		l.Reason = fmt.Sprintf("adaptive, for now fixed at %d", l.Size)
	}
	return l
}
