package ui

import (
	"slices"

	"github.com/dustin/go-humanize"

	"carpool/app"
)

// whatIfSizes are the numbers at once of which memory is told.
var whatIfSizes = []int{2, 4, 8, 16, 32, 64}

// whatIf says in words how many at once the GPU's memory would hold of a model, from
// what is known of it: the most that fit, and what the next number lacks.
func whatIf(s app.Snapshot, engine, model string) string {
	i := slices.IndexFunc(s.Fits, func(f app.ModelFit) bool { return f.Engine == engine && f.Model == model })
	switch {
	case !s.GPU.Available && s.GPU.Reason != "":
		return tr("What more at once would take of the GPU's memory is not known: %s.", s.GPU.Reason)
	case i < 0:
		return tr("What more at once would take of the GPU's memory is not known for this model.")
	}
	f := s.Fits[i]
	if !f.Judged || !f.Known || f.KVPerSlot == 0 {
		return sentenceOf(f.Words)
	}
	room, over := 0, 0
	for _, n := range whatIfSizes {
		switch {
		case n <= f.Slots:
		case f.With(n) <= f.Free:
			room = n
		case over == 0:
			over = n
		}
	}
	words := ""
	if room > 0 {
		words = tr("%d at once fit, with %s to spare.", room, humanize.Bytes(f.Free-f.With(room)))
	}
	if over > 0 {
		if words != "" {
			words += " "
		}
		words += tr("%d would need %s more than is free.", over, humanize.Bytes(f.With(over)-f.Free))
	}
	return words
}
