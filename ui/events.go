package ui

import (
	"slices"
	"time"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"carpool/app"
	"carpool/ui/chart"
)

const (
	markRoom  = 6  // pixels: marks that would come closer are one
	markWords = 72 // letters of what a mark says, at the most
)

// marks are events on a time axis of a width, those that would lie on each other
// told by the last of them.
func marks(events []app.Event, from, to time.Time, width float32) []chart.Mark {
	events = slices.DeleteFunc(slices.Clone(events), func(e app.Event) bool { return e.At.Before(from) || e.At.After(to) })
	slices.SortStableFunc(events, func(a, b app.Event) int { return a.At.Compare(b.At) })
	least := time.Duration(float64(to.Sub(from)) * markRoom / float64(max(width, markRoom)))
	var all []chart.Mark
	var began time.Time // the first event of the last mark
	more := 0
	for _, e := range events {
		m := chart.Mark{X: chart.Unix(e.At), Label: eventWords(e), Color: theme.Color(eventColor(e.Kind))}
		if len(all) > 0 && e.At.Sub(began) < least {
			more++
			m.Label += " " + trn(more, "(and %d more)", "(and %d more)")
			all[len(all)-1] = m
			continue
		}
		began, more = e.At, 0
		all = append(all, m)
	}
	return all
}

// eventWords says what happened, and why.
func eventWords(e app.Event) string {
	text := eventTitle(e)
	if e.Model != "" {
		text += " · " + short(e.Model)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	if utf8.RuneCountInString(text) > markWords {
		text = string([]rune(text)[:markWords-1]) + "…"
	}
	return text
}

func eventTitle(e app.Event) string {
	switch e.Kind {
	case "limit":
		if e.OldLimit != nil && e.NewLimit != nil {
			return tr("Limit %d to %d", *e.OldLimit, *e.NewLimit)
		}
		return tr("Limit")
	case "slots":
		if e.Slots != nil {
			return tr("%d slots", *e.Slots)
		}
		return tr("Slots")
	case "budget":
		return tr("Token budget")
	case "merge":
		return tr("Merging embeddings")
	case "model":
		return tr("Model switched")
	case "load":
		return tr("Model loaded")
	case "reload":
		return tr("Model loaded again")
	case "memory":
		return tr("Memory")
	case "engine":
		if e.Engine != "" {
			return tr("Engine %s", e.Engine)
		}
		return tr("Engine")
	case "wedged":
		return tr("Engine does not answer")
	case "batching":
		return tr("Batching")
	case "yield":
		return tr("GPU for others")
	case "history":
		return tr("History")
	case "full":
		return tr("Connections")
	}
	return e.Kind
}

// eventColor is that of the thing which an event is about.
func eventColor(kind string) fyne.ThemeColorName {
	switch kind {
	case "engine", "history", "memory", "wedged", "full":
		return colorVermilion
	case "batching":
		return colorAccent
	case "model", "load", "reload":
		return colorSky
	case "yield":
		return colorOrange
	}
	return colorMuted
}
