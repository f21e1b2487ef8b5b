package bench_test

import (
	"bytes"
	"strings"
	"testing"

	"carpool/app/bench"
	"carpool/batching"
)

func TestMeasureEfficiency(t *testing.T) {
	e, err := bench.MeasureEfficiency(t.Context(), "1.2.3", true)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("HasEveryModeAndSize", func(t *testing.T) {
		seen := map[batching.Mode]int{}
		for _, r := range e.Sizes {
			seen[r.Mode] += r.Size
			if r.Direct <= 0 || r.Carpool <= 0 || r.ToDirect <= 0 || r.OfBest <= 0 {
				t.Errorf("%+v", r)
			}
		}
		if seen[batching.Fixed] != 31 || seen[batching.Static] != 31 {
			t.Errorf("%v", seen)
		}
	})
	t.Run("TheRulesAloneLeaveNoPlaceEmpty", func(t *testing.T) {
		for _, r := range e.Sizes {
			if r.Virtual != 1 {
				t.Errorf("%s %d: %v of the best", r.Mode, r.Size, r.Virtual)
			}
		}
	})
	t.Run("LoneRequestsGoAtOnce", func(t *testing.T) {
		if l := e.Lone; l.Requests != 50 || l.P50 <= 0 || l.P50 > l.P99 || l.Counted != 0 {
			t.Errorf("%+v", l)
		}
	})
	t.Run("WritesItsReport", func(t *testing.T) {
		var text, doc bytes.Buffer
		if err := e.Text(&text); err != nil {
			t.Fatal(err)
		}
		if err := e.Markdown(&doc); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"efficiency, fixed, 16 at once", "≥ 97 % of the engine alone", "wait of a lone request, p99"} {
			if !strings.Contains(text.String(), want) || !strings.Contains(doc.String(), want) {
				t.Errorf("%q is missing in\n%s\n%s", want, &text, &doc)
			}
		}
		if !strings.Contains(doc.String(), "not to be quoted") || !strings.Contains(doc.String(), "Carpool 1.2.3") {
			t.Error(doc.String())
		}
	})
	t.Run("CountsWhatWasMissed", func(t *testing.T) {
		e := bench.Efficiency{Goals: []bench.Goal{{Met: true}, {}, {}}}
		if e.Missed() != 2 {
			t.Errorf("%d missed", e.Missed())
		}
	})
}
