package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"carpool/storage"
)

// historyOptions are the flags of `carpool history`.
type historyOptions struct {
	since, until  string
	limit         int
	batches       bool
	decisions     bool
	apps, points  bool
	wipe, yes     bool
	compact       bool
	asJSON, asCSV bool
}

func (c *cli) historyCommand() *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show past requests, batches, decisions and apps",
		Long: `Show past requests, newest first, and their sums: when, which app and model, how
long they waited and ran. Prompts and answers are never kept. LOAD is how long the
engine took to load the model for a request, and what made it load it again.
Decisions are what Carpool chose by itself, such as how many requests run at once,
and what it found out, such as who made a model load again, each with why.
Apps are who used the GPU: their requests, tokens, time in the engine and waiting.
Points are what a chart of the range shows, of as many seconds, minutes or hours
each as it takes for at most --limit of them.

A time is a duration before now (90s, 15m, 1h, 7d), a date (2026-01-31), or a
date with a time (2026-01-31T18:00:00Z; without a zone, your own).`,
		Example: `  carpool history --since 1h
  carpool history --since 1h --batches
  carpool history --since 1h --decisions
  carpool history --since 7d --apps
  carpool history --since 7d --points --limit 24
  carpool history energy
  carpool history --since 7d --csv --limit 0 > requests.csv
  carpool history --since 2026-01-31 --until 2026-02-01 --json
  carpool history --wipe           delete all of it`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.wipe:
				return c.wipeHistory(cmd.Context(), o.yes)
			case o.compact:
				return c.compactHistory(cmd.Context())
			}
			return c.history(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.since, "since", "24h", "begin of the range, as a `time`")
	f.StringVar(&o.until, "until", "", "end of the range, as a `time` (default now)")
	f.IntVar(&o.limit, "limit", 100, "most `rows`; 0 = as many as Carpool gives at once, 10,000")
	f.BoolVar(&o.batches, "batches", false, "show batches, not requests")
	f.BoolVar(&o.decisions, "decisions", false, "show decisions, not requests")
	f.BoolVar(&o.apps, "apps", false, "show apps, not requests: all of the range")
	f.BoolVar(&o.points, "points", false, "show points of a chart, not requests")
	f.BoolVar(&o.asJSON, "json", false, "print JSON, with the sums of the range")
	f.BoolVar(&o.asCSV, "csv", false, "print CSV")
	f.BoolVar(&o.wipe, "wipe", false, "delete all of the history, whatever the range; asks first")
	f.BoolVar(&o.yes, "yes", false, "with --wipe: do not ask")
	f.BoolVar(&o.compact, "compact", false, "give the space of deleted rows back to the disk")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	cmd.MarkFlagsMutuallyExclusive("batches", "decisions", "apps", "points", "wipe", "compact")
	cmd.AddCommand(c.historyEnergyCommand())
	return cmd
}

func (c *cli) history(ctx context.Context, o historyOptions) error {
	q, err := o.query(time.Now())
	if err != nil {
		return err
	}
	if o.batches {
		rows, err := c.running().Batches(ctx, q)
		if err != nil {
			return err
		}
		return printHistory(ctx, c, q, o, "batches", rows, batchRows)
	}
	if o.decisions {
		rows, err := c.running().Decisions(ctx, q)
		if err != nil {
			return err
		}
		return printHistory(ctx, c, q, o, "decisions", rows, decisionRows)
	}
	if o.apps {
		return c.historyApps(ctx, q, o)
	}
	if o.points {
		return c.historyPoints(ctx, q, o)
	}
	rows, err := c.running().Requests(ctx, q)
	if err != nil {
		return err
	}
	return printHistory(ctx, c, q, o, "requests", rows, requestRows)
}

// printHistory writes rows of one kind. The sums cover the range, not only the
// rows that the limit lets through.
func printHistory[T any](ctx context.Context, c *cli, q storage.Query, o historyOptions, name string, rows []T, columns func([]T) [][]string) error {
	if o.limit > 0 && len(rows) == o.limit {
		c.note("only the newest %d are shown; --limit 0 shows more", o.limit)
	}
	if o.asCSV {
		return c.printCSV(csvRows(rows))
	}
	sums, err := c.running().Summary(ctx, q)
	if err != nil {
		return err
	}
	if o.asJSON {
		if rows == nil {
			rows = []T{}
		}
		return c.printJSON(map[string]any{"summary": sums, name: rows})
	}
	text := summaryText(sums) + "\n"
	if len(rows) > 0 {
		text = table(columns(rows)) + "\n" + text
	}
	return c.print(text)
}

func (o historyOptions) query(now time.Time) (storage.Query, error) {
	q := storage.Query{Limit: o.limit}
	if o.limit < 0 {
		return q, errors.New("--limit must be 0 or more")
	}
	var err error
	if q.Since, err = moment(o.since, now); err != nil {
		return q, fmt.Errorf("--since: %w", err)
	}
	if o.until == "" {
		return q, nil
	}
	if q.Until, err = moment(o.until, now); err != nil {
		return q, fmt.Errorf("--until: %w", err)
	}
	if !q.Since.Before(q.Until) {
		return q, errors.New("--until must be later than --since")
	}
	return q, nil
}

// moment reads a duration before now, a date, or a date with a time.
func moment(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a duration such as 1h or 7d nor a date such as 2026-01-31", text)
}

func requestRows(requests []storage.Request) [][]string {
	rows := [][]string{{"STARTED", "APP", "MODEL", "ROUTE", "OUTCOME", "WAITED", "LOAD", "FIRST TOKEN", "TOTAL", "TOKENS"}}
	for _, r := range requests {
		outcome := r.Outcome
		if r.ErrorKind != "" {
			outcome += " (" + r.ErrorKind + ")"
		}
		if r.Simulated {
			outcome += ", simulated"
		}
		load, first, tokens := "-", "-", "-"
		if r.LoadMS != nil {
			load = spanMS(*r.LoadMS)
		}
		if r.Reload != "" {
			load += " (" + r.Reload + ")"
		}
		if r.FirstTokenMS != nil {
			first = spanMS(*r.FirstTokenMS)
		}
		if r.OutputTokens != nil {
			tokens = strconv.FormatInt(*r.OutputTokens, 10)
		}
		rows = append(rows, []string{r.Started.Local().Format(time.DateTime), r.App, r.Model, r.Route, outcome,
			spanMS(r.QueueMS), load, first, spanMS(r.TotalMS), tokens})
	}
	return rows
}

func batchRows(batches []storage.Batch) [][]string {
	rows := [][]string{{"STARTED", "BATCH", "MODEL", "MODE", "WHY", "RELEASED", "RUNNING", "LIMIT", "MAX WAIT", "DURATION", "TOKENS"}}
	for _, b := range batches {
		limit := "-"
		if b.Limit > 0 {
			limit = strconv.Itoa(b.Limit)
		}
		rows = append(rows, []string{b.Started.Local().Format(time.DateTime), strconv.FormatUint(b.ID, 10), b.Model, b.Mode, b.Why,
			strconv.Itoa(b.Released), strconv.Itoa(b.Running), limit, spanMS(b.MaxWaitMS), spanMS(b.DurationMS), strconv.FormatInt(b.Tokens, 10)})
	}
	return rows
}

func decisionRows(decisions []storage.Decision) [][]string {
	rows := [][]string{{"DECIDED", "MODEL", "ABOUT", "LIMIT", "SLOTS", "TOKEN BUDGET", "WHY"}}
	for _, d := range decisions {
		limit := countOr(d.NewLimit, "-")
		if d.OldLimit != nil && d.NewLimit != nil && *d.OldLimit != *d.NewLimit {
			limit = countOr(d.OldLimit, "") + " → " + limit
		}
		slots := countOr(d.Slots, "-")
		if d.SlotsBy != "" {
			slots += " (" + d.SlotsBy + ")"
		}
		rows = append(rows, []string{d.At.Local().Format(time.DateTime), d.Model, d.Kind, limit, slots, countOr(d.TokenBudget, "-"), d.Reason})
	}
	return rows
}

func countOr(n *int64, unknown string) string {
	if n == nil {
		return unknown
	}
	return humanize.Comma(*n)
}

func summaryText(s storage.Summary) string {
	text := counted(s.Requests, "request", "requests")
	var outcomes []string
	for _, o := range []string{"ok", "error", "cancelled", "rejected", "interrupted"} {
		if n := s.Outcomes[o]; n > 0 {
			outcomes = append(outcomes, humanize.Comma(n)+" "+o)
		}
	}
	if outcomes != nil {
		text += ": " + strings.Join(outcomes, ", ")
	}
	if s.Batches > 0 {
		text += fmt.Sprintf("\n%s of them released in %s, mean size %.1f", humanize.Comma(s.Released),
			counted(s.Batches, "batch", "batches"), float64(s.Released)/float64(s.Batches))
	}
	return text + fmt.Sprintf("\n%s read, %s written", counted(s.PromptTokens, "token", "tokens"), counted(s.OutputTokens, "token", "tokens"))
}

func spanMS(ms float64) string { return span(time.Duration(ms * float64(time.Millisecond))) }
