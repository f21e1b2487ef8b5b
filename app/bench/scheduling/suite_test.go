package scheduling

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

func TestMeasure(t *testing.T) {
	t.Run("RunsOneScenarioAsked", func(t *testing.T) {
		r, err := Measure(t.Context(), Options{Quick: true, Only: []string{"slots1"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Sections) != 1 || len(r.Sections[0].Tables[0].Rows) != 1 || len(r.Requirements) == 0 {
			t.Errorf("report %+v", r)
		}
	})

	t.Run("PrintsTheSameTwice", func(t *testing.T) {
		print := func() string {
			r, err := Measure(t.Context(), Options{Quick: true, Only: []string{"slots1", "prefixes"}})
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := errors.Join(r.Text(&b), r.Markdown(&b)); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
		if first := print(); first != print() {
			t.Error("two runs differ")
		} else if !strings.Contains(first, "| 1 slot, 16 clients |") || !strings.Contains(first, "REQUIREMENTS") {
			t.Errorf("printed %s", first)
		}
	})

	t.Run("RefusesAnUnknownName", func(t *testing.T) {
		_, err := Measure(t.Context(), Options{Only: []string{"nothing"}})
		if err == nil || !strings.Contains(err.Error(), "slots8") {
			t.Errorf("err = %v, want one that lists the names", err)
		}
	})

	t.Run("EndsWithItsContext", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Measure(ctx, Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v, want canceled", err)
		}
	})
}

// The simulated engine must not be kinder than the one the rules were designed
// on: what serial and fixed 8 reach is known from there.
func TestEngineIsAsStrictAsTheDesigns(t *testing.T) {
	for _, c := range controllerScenarios() {
		want, ok := designed[c.Name]
		if !ok || c.Name == "dynmem" || c.Name == "kvpool" { // these need many seeds
			continue
		}
		results, err := grid(t.Context(), []Scenario{c}, append([]Policy{Serial(), Static(), FixedAt(8)}, constant()...), []uint64{1})
		if err != nil {
			t.Fatal(err)
		}
		oracle, _ := best(results[0][3:])
		for i, p := range []string{"serial", "static", "fixed 8"} {
			if got := 100 * summarize(results[0][i]).Tokens / oracle; got < want[i]-tolerance || got > want[i]+tolerance {
				t.Errorf("%s, %s: %.0f %% of the oracle, want %.0f", c.Name, p, got, want[i])
			}
		}
	}
}
