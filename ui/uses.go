package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"carpool/app"
)

// useColumn is a column of the table of apps.
type useColumn struct {
	title   string
	width   float32 // at least
	spare   int     // where there is no room, the column with the most goes first; 0 = it stays
	figure  func(app.AppUse) string
	compare func(a, b app.AppUse) int // rising
	names   bool                      // it rises at the first click, and stands at the left
	bar     bool                      // a bar of the share stands before the figure
}

// useColumns are those of the table, with what energy costs if a currency is set.
func useColumns(currency string, perKWh float64) []useColumn {
	all := []useColumn{
		{title: tr("App"), width: 116, names: true, figure: func(u app.AppUse) string { return u.App },
			compare: func(a, b app.AppUse) int { return cmp.Compare(strings.ToLower(a.App), strings.ToLower(b.App)) }},
		{title: tr("Requests"), width: 68, figure: func(u app.AppUse) string { return humanize.Comma(u.Requests) },
			compare: by(func(u app.AppUse) int64 { return u.Requests })},
		{title: tr("Failed"), width: 54, spare: 3, figure: func(u app.AppUse) string { return none(u.Failed == 0, humanize.Comma(u.Failed)) },
			compare: by(func(u app.AppUse) int64 { return u.Failed })},
		{title: tr("Tokens in"), width: 72, spare: 2, figure: func(u app.AppUse) string { return amount(u.PromptTokens) },
			compare: by(func(u app.AppUse) int64 { return u.PromptTokens })},
		{title: tr("Tokens out"), width: 80, figure: func(u app.AppUse) string { return amount(u.OutputTokens) },
			compare: by(func(u app.AppUse) int64 { return u.OutputTokens })},
		{title: tr("GPU time"), width: 110, bar: true, figure: func(u app.AppUse) string { return long(u.Run) },
			compare: by(func(u app.AppUse) time.Duration { return u.Run })},
		{title: tr("Mean wait"), width: 74, figure: func(u app.AppUse) string { return span(meanWait(u)) },
			compare: by(meanWait)},
		{title: tr("Longest"), width: 64, spare: 4, figure: func(u app.AppUse) string { return span(u.LongestWait) },
			compare: by(func(u app.AppUse) time.Duration { return u.LongestWait })},
		{title: tr("First p95"), width: 70, spare: 1, figure: func(u app.AppUse) string { return optional(u.FirstP95, seconds) },
			compare: by(func(u app.AppUse) float64 { return or(u.FirstP95) })},
		{title: tr("Energy"), width: 80, spare: 5, figure: func(u app.AppUse) string { return optional(u.Joules, wattHours) },
			compare: by(func(u app.AppUse) float64 { return or(u.Joules) })},
	}
	if currency != "" {
		cost := func(joules float64) string { return money(joules/joulesPerKWh*perKWh, currency) }
		all[len(all)-1].spare = 6 // the cost tells the same
		all = append(all, useColumn{title: tr("Cost"), width: 84, spare: 1, figure: func(u app.AppUse) string { return optional(u.Joules, cost) },
			compare: all[len(all)-1].compare})
	}
	return all
}

// fitted are the columns that fit into a width; the others are left out.
func fitted(all []useColumn, width float32) []useColumn {
	all = slices.Clone(all)
	for {
		need, worst := float32(0), 0
		for i, c := range all {
			need += c.width
			if c.spare > all[worst].spare {
				worst = i
			}
		}
		if need <= width || all[worst].spare == 0 {
			return all
		}
		all = slices.Delete(all, worst, worst+1)
	}
}

// by compares what a column shows.
func by[V cmp.Ordered](value func(app.AppUse) V) func(a, b app.AppUse) int {
	return func(a, b app.AppUse) int { return cmp.Compare(value(a), value(b)) }
}

// sorted are the uses by a column; of equal ones the app with more GPU time is first.
func sorted(uses []app.AppUse, c useColumn, rising bool) []app.AppUse {
	uses = slices.Clone(uses)
	slices.SortStableFunc(uses, func(a, b app.AppUse) int {
		order := c.compare(a, b)
		if !rising {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(b.Run, a.Run), cmp.Compare(a.App, b.App))
	})
	return uses
}

// usesBasis adds up what all apps had.
func usesBasis(uses []app.AppUse, when string) string {
	var sum app.AppUse
	for _, u := range uses {
		sum.Requests += u.Requests
		sum.OutputTokens += u.OutputTokens
		sum.Run += u.Run
	}
	return tr("%s %s: %s requests, %s tokens written, %s in the engine", trn(len(uses), "%d app", "%d apps"), when,
		humanize.Comma(sum.Requests), amount(sum.OutputTokens), long(sum.Run))
}

const joulesPerKWh = 3.6e6

func meanWait(u app.AppUse) time.Duration { return u.Wait / time.Duration(max(1, u.Requests)) }

// optional writes *v; a dash stands for what is not known.
func optional(v *float64, write func(float64) string) string {
	if v == nil {
		return "–"
	}
	return write(*v)
}

// or is *v for sorting: what is not known is least.
func or(v *float64) float64 {
	if v == nil {
		return -1
	}
	return *v
}

func none(is bool, otherwise string) string {
	if is {
		return "–"
	}
	return otherwise
}

func seconds(s float64) string { return span(time.Duration(s * float64(time.Second))) }

// span is a duration with two digits that matter below 10 s.
func span(d time.Duration) string {
	switch {
	case d <= 0:
		return "0 s"
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return brief(d)
}

// long is a duration of minutes and hours, to be compared with others.
func long(d time.Duration) string {
	switch {
	case d >= 100*time.Minute:
		return fmt.Sprintf("%.1f h", d.Hours())
	case d >= 100*time.Second && d < 10*time.Minute:
		return fmt.Sprintf("%.1f min", d.Minutes())
	}
	return brief(d)
}

// money is an amount to the hundredth.
func money(amount float64, currency string) string {
	if amount > 0 && amount < 0.01 {
		return "< 0.01 " + currency
	}
	return fmt.Sprintf("%.2f %s", amount, currency)
}

// amount is a count in a few letters: 9,500, 12.3k, 4.5M.
func amount(n int64) string {
	if n < 10_000 {
		return humanize.Comma(n)
	}
	return strings.ReplaceAll(humanize.SIWithDigits(float64(n), 1, ""), " ", "")
}

// wattHours are joules as meters count them.
func wattHours(joules float64) string {
	return humanize.SIWithDigits(joules/3600, 1, "Wh")
}
