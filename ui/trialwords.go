package ui

import (
	"fmt"
	"math"
	"strings"

	"fyne.io/fyne/v2/theme"

	"carpool/app"
	"carpool/ui/chart"
)

const (
	littleGain = 1.15 // times the tokens per second, below which it is not worth the words
	tellEnergy = 0.05 // of the joules per token, from which a saving is told
)

// verdict is what a benchmark comes to, in a sentence; "" while it has no figures.
func verdict(t app.Trial) string {
	best, found := t.Best()
	switch {
	case len(t.Rows) == 0:
		return ""
	case !found:
		return tr("Nothing is known yet of more than one at a time.")
	case best.Speedup < littleGain:
		return tr("More at once gains little here: %s with %d at once.", times(best.Speedup), best.Size)
	}
	words := tr("%d at once is best here: %s the tokens per second of batching off; 19 of 20 first tokens come within %s.",
		best.Size, times(best.Speedup), span(best.FirstP95))
	if saved := saving(t, best); saved >= tellEnergy {
		words += " " + tr("Each token takes %.0f %% less energy.", 100*saved)
	}
	return words
}

// saving is the part of a token's joules that a size saves over batching off; 0 =
// none, or not measured.
func saving(t app.Trial, r app.TrialRow) float64 {
	off := t.Rows[0]
	if off.Size > 0 || off.JoulesPer1000 == nil || r.JoulesPer1000 == nil || *off.JoulesPer1000 <= 0 {
		return 0
	}
	return 1 - *r.JoulesPer1000 / *off.JoulesPer1000
}

func times(speedup float64) string { return fmt.Sprintf("%.1f×", speedup) }

// trialNotes are what a reader of the figures must know.
func trialNotes(t app.Trial) string {
	var notes []string
	if t.Simulated {
		notes = append(notes, tr("Simulated: the figures of the demo engine say nothing of your GPU."))
	}
	switch {
	case t.Problem != "":
		notes = append(notes, tr("It ended early: %s", sentenceOf(t.Problem)))
	case t.Cancelled:
		notes = append(notes, tr("It was cancelled before all was measured."))
	}
	if t.Others > 0 {
		notes = append(notes, trn(t.Others, "%d request of another app ran meanwhile and slowed it.", "%d requests of other apps ran meanwhile and slowed it."))
	}
	return strings.Join(notes, " ")
}

// trialTitle names what was measured.
func trialTitle(t app.Trial) string { return tr("%s on %s", t.Model, t.Label) }

// trialCharts are the tokens per second and the first tokens of a benchmark, by how
// many ran at once: on a scale on which twice as many is one step. Batching off is a
// dashed line across, as it has no number at once.
func trialCharts(t app.Trial) (tokens, first chart.Data) {
	var d chart.Data
	var rates, firsts []float64
	offRate, offFirst := math.NaN(), math.NaN()
	for _, r := range t.Rows {
		if r.Size == 0 {
			offRate, offFirst = r.TokensPS, r.FirstP95.Seconds()
			continue
		}
		at := math.Log2(float64(r.Size))
		d.X = append(d.X, at)
		d.XTicks = append(d.XTicks, chart.Tick{At: at, Label: fmt.Sprint(r.Size)})
		rates, firsts = append(rates, r.TokensPS), append(firsts, r.FirstP95.Seconds())
	}
	const least = 2 // the axis reaches to 4 at once at the least
	end := float64(least)
	if n := len(d.X); n > 0 {
		end = max(end, d.X[n-1])
	}
	if n := len(d.X); n == 0 || d.X[n-1] < end { // so that the line of batching off goes all across
		d.X = append(d.X, end)
		rates, firsts = append(rates, math.NaN()), append(firsts, math.NaN())
	}
	if d.X[0] > 0 {
		d.X = append([]float64{0}, d.X...)
		rates, firsts = append([]float64{math.NaN()}, rates...), append([]float64{math.NaN()}, firsts...)
	}
	d.XMax, d.XLabel = end, tr("requests at once")
	d.FormatX = func(x float64) string { return tr("%d at once", int(math.Round(math.Exp2(x)))) }
	d.Empty = tr("The first figures are drawn when batching off has been measured.")
	if best, found := t.Best(); found {
		at := math.Log2(float64(best.Size))
		d.Now = &at
	}
	series := func(values []float64, off float64, named string, d *chart.Data, color, muted chart.Series) {
		color.Name, color.Values, color.Dots = named, values, true
		muted.Name, muted.Values, muted.Dash = tr("batching off"), across(off, len(values)), true
		d.Series = []chart.Series{color, muted}
	}
	tokens, first = d, d
	tokens.Unit, tokens.YMax = " tok/s", 10
	first.Measure, first.YMax = chart.Seconds, 0.1
	muted := chart.Series{Color: theme.Color(colorMuted)}
	series(rates, offRate, tr("tokens/s"), &tokens, chart.Series{Color: theme.Color(colorAccent)}, muted)
	series(firsts, offFirst, tr("first token p95"), &first, chart.Series{Color: theme.Color(colorPink)}, muted)
	if d.Now != nil {
		tokens.NowLabel = tr("best")
	}
	return tokens, first
}

// across is a value at n places.
func across(v float64, n int) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = v
	}
	return all
}
