package ui

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"fyne.io/fyne/v2"

	"carpool/app"
)

func requestColumns() []tableColumn {
	return []tableColumn{
		{title: tr("Started"), sort: "started", width: 122},
		{title: tr("App"), sort: "app", grows: true},
		{title: tr("Model"), sort: "model", grows: true},
		{title: tr("Outcome"), sort: "outcome", width: 84},
		{title: tr("Waited"), sort: "queue_ms", width: 66, number: true},
		{title: tr("First token"), sort: "first_token_ms", width: 86, number: true, rank: 2},
		{title: tr("Took"), sort: "total_ms", width: 66, number: true},
		{title: tr("Tokens"), sort: "output_tokens", width: 66, number: true, rank: 1},
		{title: tr("Energy"), sort: "energy_j", width: 70, number: true, rank: 3},
	}
}

func requestRow(r app.RequestRow, now time.Time) tableRow {
	return tableRow{id: r.ID,
		cells: []string{moment(r.Started, now), r.App, short(r.Model), outcomeName(r.Outcome), milliseconds(&r.QueueMS),
			milliseconds(r.FirstTokenMS), milliseconds(&r.TotalMS), countOf(r.OutputTokens), joules(r.EnergyJ)},
		tones: []fyne.ThemeColorName{colorMuted, "", colorMuted, outcomeTone(r.Outcome)},
	}
}

func batchColumns() []tableColumn {
	return []tableColumn{
		{title: tr("Started"), sort: "started", width: 122},
		{title: tr("Model"), sort: "model", grows: true},
		{title: tr("Engine"), sort: "engine", grows: true, rank: 3},
		{title: tr("Released for"), sort: "why", width: 86},
		{title: tr("Requests"), sort: "released", width: 62, number: true},
		{title: tr("Running"), sort: "running", width: 66, number: true},
		{title: tr("Limit"), sort: "limit", width: 48, number: true, rank: 2},
		{title: tr("Longest wait"), sort: "max_wait_ms", width: 84, number: true},
		{title: tr("Took"), sort: "duration_ms", width: 66, number: true},
		{title: tr("Tokens"), sort: "tokens", width: 66, number: true, rank: 1},
	}
}

func batchRow(b app.BatchRow, now time.Time) tableRow {
	limit := tr("none")
	if b.Limit > 0 {
		limit = fmt.Sprint(b.Limit)
	}
	return tableRow{id: fmt.Sprint(b.ID),
		cells: []string{moment(b.Started, now), short(b.Model), b.Engine, whyName(b.Why), fmt.Sprint(b.Released), fmt.Sprint(b.Running),
			limit, milliseconds(&b.MaxWaitMS), milliseconds(&b.DurationMS), humanize.Comma(b.Tokens)},
		tones: []fyne.ThemeColorName{colorMuted, "", colorMuted, colorMuted},
	}
}

// moment is a local time as short as it is clear now.
func moment(at, now time.Time) string {
	at, now = at.Local(), now.Local()
	if at.YearDay() == now.YearDay() && at.Year() == now.Year() {
		return at.Format(time.TimeOnly)
	}
	return at.Format("2006-01-02 15:04")
}

// milliseconds is a time in its largest unit; "–" = not known.
func milliseconds(ms *float64) string {
	switch {
	case ms == nil:
		return "–"
	case *ms < 0.5:
		return "0 ms"
	case *ms < 999.5:
		return fmt.Sprintf("%.0f ms", *ms)
	case *ms < 9950:
		return fmt.Sprintf("%.1f s", *ms/1000)
	}
	return brief(time.Duration(*ms * float64(time.Millisecond)))
}

func joules(j *float64) string {
	switch {
	case j == nil:
		return "–"
	case *j < 9.95:
		return fmt.Sprintf("%.1f J", *j)
	case *j < 9999.5:
		return fmt.Sprintf("%.0f J", *j)
	}
	return fmt.Sprintf("%.1f kJ", *j/1000)
}

func countOf(n *int64) string {
	if n == nil {
		return "–"
	}
	return humanize.Comma(*n)
}

func tokensOf(n *int64) string {
	if n == nil {
		return "–"
	}
	return tr("%s tokens", humanize.Comma(*n))
}

func outcomeName(outcome string) string {
	switch outcome {
	case "ok":
		return tr("served")
	case "error":
		return tr("error")
	case "cancelled":
		return tr("cancelled")
	case "rejected":
		return tr("rejected")
	case "interrupted":
		return tr("interrupted")
	}
	return outcome
}

func outcomeTone(outcome string) fyne.ThemeColorName {
	switch outcome {
	case "error", "interrupted":
		return colorVermilion
	case "rejected":
		return colorOrange
	}
	return colorMuted
}

func whyName(why string) string {
	switch why {
	case "full":
		return tr("it was full")
	case "timeout":
		return tr("the wait")
	case "free slot":
		return tr("a free slot")
	case "urgent":
		return tr("urgency")
	case "serial":
		return tr("its turn")
	}
	return why
}

// detail is one thing that is known of a request or a batch.
type detail struct {
	name, value string
	tone        fyne.ThemeColorName // "" = of the text
}

func requestDetails(r app.RequestRow) []detail {
	status := func(code int, none string) string {
		if code == 0 {
			return none
		}
		return fmt.Sprint(code)
	}
	answer := tokensOf(r.OutputTokens)
	if r.TokensEstimated && r.OutputTokens != nil {
		answer = tr("%s, counted from chunks", answer)
	}
	all := []detail{
		{name: tr("Started"), value: r.Started.Local().Format("2006-01-02 15:04:05.000")},
		{name: tr("Outcome"), value: outcomeName(r.Outcome), tone: outcomeTone(r.Outcome)},
		{name: tr("Error"), value: orNone(r.ErrorKind)},
		{name: tr("Waited in the queue"), value: milliseconds(&r.QueueMS)},
		{name: tr("Model load"), value: milliseconds(r.LoadMS)},
		{name: tr("Loaded again for"), value: orNone(r.Reload)},
		{name: tr("First token after"), value: milliseconds(r.FirstTokenMS)},
		{name: tr("Took in all"), value: milliseconds(&r.TotalMS)},
		{name: tr("Prompt"), value: tokensOf(r.PromptTokens)},
		{name: tr("Answer"), value: answer},
		{name: tr("Energy"), value: joules(r.EnergyJ)},
		{name: tr("Batch"), value: tr("none: it was never released")},
		{name: tr("App"), value: r.App},
		{name: tr("Model"), value: r.Model},
		{name: tr("Engine"), value: orNone(r.Engine)},
		{name: tr("Priority"), value: priorityName(r.Priority)},
		{name: tr("Route"), value: r.Route},
		{name: tr("Dialect"), value: r.Dialect},
		{name: tr("Streamed"), value: yesNo(r.Stream)},
		{name: tr("Status sent"), value: status(r.Status, "–")},
		{name: tr("Engine's status"), value: status(r.EngineStatus, tr("not asked"))},
		{name: tr("Prompt's text"), value: humanize.IBytes(uint64(max(0, r.PromptBytes)))},
		{name: tr("Answer's text"), value: humanize.IBytes(uint64(max(0, r.AnswerBytes)))},
		{name: tr("Simulated"), value: yesNo(r.Simulated)},
	}
	if r.Batch != nil {
		all[11].value = fmt.Sprint(*r.Batch)
	}
	return all
}

func batchDetails(b app.BatchRow) []detail {
	limit := tr("none")
	if b.Limit > 0 {
		limit = fmt.Sprint(b.Limit)
	}
	memory, utilization := tr("not measured"), tr("not measured")
	if b.GPUMemoryUsed != nil && b.GPUMemoryTotal != nil {
		memory = tr("%s of %s", humanize.IBytes(uint64(*b.GPUMemoryUsed)), humanize.IBytes(uint64(*b.GPUMemoryTotal)))
	}
	if b.GPUUtilization != nil {
		utilization = fmt.Sprintf("%.0f %%", *b.GPUUtilization*100)
	}
	return []detail{
		{name: tr("Started"), value: b.Started.Local().Format("2006-01-02 15:04:05.000")},
		{name: tr("Took"), value: milliseconds(&b.DurationMS)},
		{name: tr("Mean wait"), value: milliseconds(&b.MeanWaitMS)},
		{name: tr("Longest wait"), value: milliseconds(&b.MaxWaitMS)},
		{name: tr("Requests released"), value: fmt.Sprint(b.Released)},
		{name: tr("Running then"), value: fmt.Sprint(b.Running)},
		{name: tr("Limit then"), value: limit},
		{name: tr("Released for"), value: whyName(b.Why)},
		{name: tr("Model"), value: b.Model},
		{name: tr("Engine"), value: b.Engine},
		{name: tr("Mode"), value: b.Mode},
		{name: tr("Answers"), value: tokensOf(&b.Tokens)},
		{name: tr("GPU memory then"), value: memory},
		{name: tr("GPU in use then"), value: utilization},
		{name: tr("Energy"), value: joules(b.EnergyJ)},
	}
}

func orNone(s string) string {
	if s == "" {
		return tr("none")
	}
	return s
}

func yesNo(yes bool) string {
	if yes {
		return tr("yes")
	}
	return tr("no")
}
