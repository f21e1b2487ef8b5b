package storage

import "strings"

// piece is a part of a range, and the roll-up of requests that it is read from.
type piece struct {
	step     int64 // seconds; 0 = the requests themselves
	from, to int64 // UTC, milliseconds since 1970
}

// cover splits [from, to) into whole days, whole hours, and what is left of hours at
// its ends. Requests are kept from kept on: of an end that lies before, the whole
// hour counts.
func cover(from, to, kept int64) []piece {
	const h, d = 1000 * hour, 1000 * day
	if from >= to {
		return nil
	}
	hours, hoursEnd := ceil(from, h), floor(to, h)
	if from < kept {
		hours = floor(from, h)
	}
	if max(from, hoursEnd) < kept {
		hoursEnd = ceil(to, h)
	}
	if hours >= hoursEnd {
		return []piece{{0, from, to}}
	}
	days, daysEnd := ceil(hours, d), floor(hoursEnd, d)
	if days >= daysEnd {
		days, daysEnd = hoursEnd, hoursEnd
	}
	var all []piece
	for _, p := range []piece{{0, from, hours}, {hour, hours, days}, {day, days, daysEnd}, {hour, daysEnd, hoursEnd}, {0, hoursEnd, to}} {
		if p.from < p.to {
			all = append(all, p)
		}
	}
	return all
}

const usageColumns = `app, engine, model, outcome, requests, prompt_tokens, output_tokens,
	run_ms, wait_ms, most_wait_ms, first_tokens, metered, energy_j, last`

const selectUsage = `SELECT ` + usageColumns + ` FROM usage WHERE step = ? AND at >= ? AND at < ?`

// selectUsageOfOne has requests as usages of one each.
const selectUsageOfOne = `SELECT app, engine, model, outcome, 1 AS requests,
	coalesce(prompt_tokens, 0) AS prompt_tokens, coalesce(output_tokens, 0) AS output_tokens,
	CASE WHEN batch IS NULL THEN 0 ELSE total_ms - queue_ms END AS run_ms, queue_ms AS wait_ms, queue_ms AS most_wait_ms,
	first_token_ms AS first_tokens, energy_j IS NOT NULL AS metered, coalesce(energy_j, 0) AS energy_j, started AS last
	FROM request_row WHERE started >= ? AND started < ?`

// usageOf is SQL for the usage of pieces, as a table to select from.
func usageOf(pieces []piece) (table string, args []any) {
	if len(pieces) == 0 {
		pieces = []piece{{}}
	}
	parts := make([]string, len(pieces))
	for i, p := range pieces {
		if p.step == 0 {
			parts[i] = selectUsageOfOne
			args = append(args, p.from, p.to)
		} else {
			parts[i] = selectUsage
			args = append(args, p.step, p.from/1000, p.to/1000)
		}
	}
	return "(" + strings.Join(parts, " UNION ALL ") + ")", args
}
