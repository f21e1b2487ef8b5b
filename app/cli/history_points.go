package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"carpool/storage"
)

// mostPoints is how many points Carpool gives at once.
const mostPoints = 10_000

// pointRow is a point of a chart; nil = not known. Means are over the seconds that
// were sampled.
type pointRow struct {
	At           time.Time `json:"at"`
	Seconds      int       `json:"seconds"` // that were sampled
	Running      float64   `json:"running"`
	MostRunning  int       `json:"most_running"`
	Waiting      float64   `json:"waiting"`
	MostWaiting  int       `json:"most_waiting"`
	Limit        float64   `json:"limit"` // 0 = there was none
	TokensPS     float64   `json:"tokens_per_second"`
	PromptPS     float64   `json:"prompt_tokens_per_second"`
	FirstTokens  int       `json:"first_tokens"` // requests that had one
	FirstP50     *float64  `json:"first_token_p50_s"`
	FirstP95     *float64  `json:"first_token_p95_s"`
	MemoryUsed   *float64  `json:"gpu_memory_used_bytes"`
	MemoryTotal  *float64  `json:"gpu_memory_total_bytes"`
	MemoryOurs   *float64  `json:"gpu_memory_ours_bytes"`
	MemoryOthers *float64  `json:"gpu_memory_others_bytes"`
	Utilization  *float64  `json:"gpu_utilization"` // 0..1
	Power        *float64  `json:"gpu_power_watts"`
}

func (c *cli) historyPoints(ctx context.Context, q storage.Query, o historyOptions) error {
	most := o.limit
	if most == 0 || most > mostPoints {
		most = mostPoints
	}
	found, err := c.running().Points(ctx, q, most)
	if err != nil {
		return err
	}
	rows := make([]pointRow, 0, len(found.Points))
	for _, p := range found.Points {
		rows = append(rows, pointRow{At: p.At, Seconds: p.Seconds, Running: p.Running, MostRunning: p.MostRunning,
			Waiting: p.Waiting, MostWaiting: p.MostWaiting, Limit: p.Limit, TokensPS: p.TokensOut, PromptPS: p.TokensIn,
			FirstTokens: p.FirstTokens, FirstP50: p.FirstP50, FirstP95: p.FirstP95,
			MemoryUsed: p.MemoryUsed, MemoryTotal: p.MemoryTotal, MemoryOurs: p.MemoryOurs, MemoryOthers: p.MemoryOthers,
			Utilization: p.Utilization, Power: p.Power})
	}
	switch {
	case o.asJSON:
		return c.printJSON(map[string]any{"step_s": found.Step.Seconds(), "points": rows})
	case o.asCSV:
		return c.printCSV(csvRows(rows))
	case len(rows) == 0:
		return c.print("Carpool did not run in that time.\n")
	}
	return c.print(table(pointRows(rows)) + fmt.Sprintf("\neach point is %s long\n", span(found.Step)))
}

func pointRows(points []pointRow) [][]string {
	rows := [][]string{{"AT", "RUNNING", "MOST", "WAITING", "MOST", "LIMIT", "TOKENS/S", "READ/S", "FIRST TOKEN", "P95", "GPU MEMORY", "BUSY", "POWER"}}
	for _, p := range points {
		limit := "none"
		if p.Limit > 0 {
			limit = mean(p.Limit)
		}
		rows = append(rows, []string{p.At.Local().Format(time.DateTime), mean(p.Running), strconv.Itoa(p.MostRunning),
			mean(p.Waiting), strconv.Itoa(p.MostWaiting), limit, mean(p.TokensPS), mean(p.PromptPS),
			told(p.FirstP50, seconds), told(p.FirstP95, seconds),
			told(p.MemoryUsed, func(v float64) string { return humanize.IBytes(uint64(v)) }),
			told(p.Utilization, func(v float64) string { return fmt.Sprintf("%.0f %%", v*100) }),
			told(p.Power, func(v float64) string { return significant(v) + " W" })})
	}
	return rows
}

// mean is one with a place after the point where it says something: "0", "0.4", "61".
func mean(v float64) string {
	if v == 0 || v >= 10 {
		return humanize.Comma(int64(v + 0.5))
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

func seconds(v float64) string { return spanMS(v * 1000) }

// told is a value, or a dash where it is not known.
func told(v *float64, say func(float64) string) string {
	if v == nil {
		return "-"
	}
	return say(*v)
}
