package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"carpool/app/config"
	"carpool/app/energy"
	"carpool/storage"
)

func (c *cli) historyEnergyCommand() *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:   "energy",
		Short: "Show what tokens cost in energy, by model and by how many ran at once",
		Long: `Show the energy that the GPU drew for past requests, by model and by how many ran
at once: RUNNING is how many were in flight when a request began, itself
included. J/1,000 TOKENS is for written tokens, and holds the reading of prompts
too. While any request runs, all that the GPU draws is theirs, in equal parts.
Requests whose energy is not known are not in it: those of engines elsewhere, of
a GPU that does not tell, and of the last second.

With energy.price set ("0.35 EUR", a kilowatt-hour) it shows the cost as well.`,
		Example: `  carpool history energy
  carpool history energy --since 1h
  carpool history energy --since 2026-01-01 --until 2026-02-01 --csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.historyEnergy(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.since, "since", "7d", "begin of the range, as a `time`")
	f.StringVar(&o.until, "until", "", "end of the range, as a `time` (default now)")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	f.BoolVar(&o.asCSV, "csv", false, "print CSV")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	return cmd
}

// energyRow is a row of the table; nil = not known, or no price is set.
type energyRow struct {
	Engine        string   `json:"engine"`
	Model         string   `json:"model"`
	Running       int      `json:"running"`
	Requests      int64    `json:"requests"`
	PromptTokens  int64    `json:"prompt_tokens"`
	OutputTokens  int64    `json:"output_tokens"`
	JoulesPer1000 *float64 `json:"joules_per_1000_tokens"`
	WattHours     float64  `json:"watt_hours"`
	Cost          *float64 `json:"cost"`
	Currency      string   `json:"currency"`
}

func (c *cli) historyEnergy(ctx context.Context, o historyOptions) error {
	q, err := o.query(time.Now())
	if err != nil {
		return err
	}
	uses, err := c.running().EnergyUse(ctx, q)
	if err != nil {
		return err
	}
	s, _, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	rows := energyRows(uses, s.Config.Energy)
	switch {
	case o.asJSON:
		return c.printJSON(rows)
	case o.asCSV:
		return c.printCSV(csvRows(rows))
	case len(rows) == 0:
		return c.print("No request of that time has its energy known.\n")
	}
	return c.print(energyText(rows))
}

func energyRows(uses []storage.EnergyUse, e config.Energy) []energyRow {
	price, currency, priced := e.PerKWh()
	rows := make([]energyRow, 0, len(uses))
	for _, u := range uses {
		r := energyRow{Engine: u.Engine, Model: u.Model, Running: u.Running, Requests: u.Requests,
			PromptTokens: u.PromptTokens, OutputTokens: u.OutputTokens,
			JoulesPer1000: energy.Per1000(u.Joules, u.OutputTokens), WattHours: energy.WattHours(u.Joules)}
		if priced {
			cost := energy.Cost(u.Joules, price)
			r.Cost, r.Currency = &cost, currency
		}
		rows = append(rows, r)
	}
	return rows
}

// energyText is the table and its sums.
func energyText(rows []energyRow) string {
	cells := [][]string{{"MODEL", "ENGINE", "RUNNING", "REQUESTS", "READ", "WRITTEN", "J/1,000 TOKENS", "WH"}}
	if rows[0].Cost != nil {
		cells[0] = append(cells[0], "COST")
	}
	var requests int64
	var wattHours, cost float64
	for _, r := range rows {
		per := "-"
		if r.JoulesPer1000 != nil {
			per = significant(*r.JoulesPer1000)
		}
		row := []string{r.Model, r.Engine, strconv.Itoa(r.Running), humanize.Comma(r.Requests), humanize.Comma(r.PromptTokens),
			humanize.Comma(r.OutputTokens), per, significant(r.WattHours)}
		if r.Cost != nil {
			row = append(row, significant(*r.Cost)+" "+r.Currency)
			cost += *r.Cost
		}
		cells = append(cells, row)
		requests += r.Requests
		wattHours += r.WattHours
	}
	sum := fmt.Sprintf("\n%s, %s Wh", counted(requests, "request", "requests"), significant(wattHours))
	if rows[0].Cost != nil {
		sum += ", " + significant(cost) + " " + rows[0].Currency
	}
	return table(cells) + sum + "\n"
}

// significant writes a number with about three figures that count, never with an
// exponent: "1,234", "12.3", "0.0045".
func significant(v float64) string {
	switch {
	case v >= 100:
		return humanize.Comma(int64(v + 0.5))
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 2, 64), 64)
	if err != nil {
		rounded = v
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
