package tuner

import (
	"fmt"
	"strconv"
	"time"

	"carpool/app/config"
	"carpool/batching"
	"carpool/batching/adaptive"
	"carpool/gpu"
)

// SizeKey is the setting that bounds the requests in flight in c's mode.
func SizeKey(c config.Config) string {
	if c.Batching.Mode == "adaptive" {
		return "adaptive.max"
	}
	return "batching.max_batch_size"
}

// Settings are the scheduler's rules under c, each with the reason that people
// see. In adaptive mode their limits are those of a model that was never used.
func Settings(c config.Config) batching.Settings {
	order := batching.Fair
	if c.Queue.Order == "arrival" {
		order = batching.Arrival
	}
	pinned := make(map[string]bool, len(c.Models.Pinned))
	for _, m := range c.Models.Pinned {
		pinned[m] = true
	}
	return batching.Settings{
		Limits:         limits(c),
		MaxWaiting:     c.Queue.MaxWaiting,
		ReservedOthers: c.Queue.ReservedOthers,
		MaxWait:        time.Duration(c.Queue.MaxWaitS) * time.Second,
		MergeTexts:     c.Embed.MaxMerge,
		CancelGrace:    time.Duration(c.Batching.CancelGraceMS) * time.Millisecond,
		Order:          order,
		Weights:        c.Apps.WeightOf(),
		ReservedUrgent: c.Queue.ReservedUrgent,
		Guard:          time.Duration(c.Queue.GuardS) * time.Second,
		PrefixCredit:   float64(c.Queue.PrefixCredit),
		ShortestFirst:  c.Queue.ShortestFirst,
		Pinned:         pinned,
		ModelMaxWait:   time.Duration(c.Models.MaxWaitS) * time.Second,
	}
}

func limits(c config.Config) batching.Limits {
	b := c.Batching
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
		low, high := bounds(c.Adaptive)
		l.Size = min(max(start(c.Adaptive, gpu.Reading{}), low), high)
		l.Reason = fmt.Sprintf("adaptive: begins at %d", l.Size)
	}
	return l
}

// governor are the bounds of a governor under c. In the other modes its limit
// is the constant one, and it only reports what the engine does.
func governor(c config.Config, r gpu.Reading) adaptive.Config {
	low, high := bounds(c.Adaptive)
	g := adaptive.Config{
		Min: low, Max: high, Start: start(c.Adaptive, r),
		Latency: time.Duration(c.Adaptive.LatencyTargetMS) * time.Millisecond,
		Reserve: float64(c.GPU.ReserveMiB),
	}
	if l := limits(c); c.Batching.Mode != "adaptive" || !c.Batching.Enabled {
		g.Fixed = max(l.InFlight(), 1)
	}
	return g
}

// bounds are the least and the most of adaptive mode; of a least above the most
// the most counts.
func bounds(a config.Adaptive) (low, high int) { return min(a.Min, a.Max), a.Max }

// start is the first limit for a model. The table is that of the gateway from
// which Carpool grew; without a reading it takes the default.
func start(a config.Adaptive, r gpu.Reading) int {
	if n, err := strconv.Atoi(a.Start); err == nil {
		return n
	}
	if r.MemoryUsed == nil || r.MemoryTotal == nil || *r.MemoryTotal == 0 {
		return defaultStart
	}
	switch free := 1 - float64(*r.MemoryUsed)/float64(*r.MemoryTotal); {
	case free > 0.9:
		return 16
	case free < 0.5:
		return 4
	}
	return 8
}

const defaultStart = 4
