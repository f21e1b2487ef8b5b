package cli

import (
	"context"
	"time"

	"github.com/dustin/go-humanize"

	"carpool/app/energy"
	"carpool/storage"
)

func (c *cli) historyApps(ctx context.Context, q storage.Query, o historyOptions) error {
	rows, err := c.running().AppUse(ctx, q)
	if err != nil {
		return err
	}
	switch {
	case o.asJSON:
		return c.printJSON(map[string]any{"apps": rows})
	case o.asCSV:
		return c.printCSV(csvRows(rows))
	case len(rows) == 0:
		return c.print("No app asked for anything in that time.\n")
	}
	return c.print(table(appRows(rows)))
}

func appRows(apps []storage.AppUse) [][]string {
	rows := [][]string{{"APP", "REQUESTS", "FAILED", "CANCELLED", "READ", "WRITTEN", "RAN", "WAITED", "LONGEST WAIT", "FIRST TOKEN", "WH", "LAST"}}
	for _, a := range apps {
		first, wattHours := "-", "-"
		if a.FirstP50 != nil && a.FirstP95 != nil {
			first = spanMS(*a.FirstP50*1000) + ", p95 " + spanMS(*a.FirstP95*1000)
		}
		if a.Joules != nil {
			wattHours = significant(energy.WattHours(*a.Joules))
		}
		rows = append(rows, []string{a.App, humanize.Comma(a.Requests), humanize.Comma(a.Failed), humanize.Comma(a.Cancelled),
			humanize.Comma(a.PromptTokens), humanize.Comma(a.OutputTokens), span(a.Run), span(a.Wait), span(a.LongestWait),
			first, wattHours, a.Last.Local().Format(time.DateTime)})
	}
	return rows
}
