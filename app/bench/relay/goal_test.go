package relay

import (
	"strings"
	"testing"
)

func TestGoals(t *testing.T) {
	rounds := func(all map[string][]float64) Figure { return Figure{Name: "f", Rounds: all} }
	for _, tt := range []struct {
		name     string
		goal     goal
		figure   Figure
		met      bool
		measured string
	}{
		{"AtMostIsMetAtItsBound", goal{most: 60, unit: "KiB"}, rounds(map[string][]float64{carpool: {60}}), true, "60.0 KiB"},
		{"AtMostIsMissedAbove", goal{most: 60, unit: "KiB"}, rounds(map[string][]float64{carpool: {60.1}}), false, "60.1 KiB"},
		{"AtLeastIsMissedBelow", goal{of: toDirect, least: 3}, rounds(map[string][]float64{carpool: {290}, direct: {100}}), false, "2.90 ×"},
		{"AtLeastIsMetAbove", goal{of: toDirect, least: 3}, rounds(map[string][]float64{carpool: {310}, direct: {100}}), true, "3.10 ×"},
		{"AMachineThatSlowsAllDownChangesNoRatio", goal{of: toPlain, least: .9},
			rounds(map[string][]float64{carpool: {1000, 100, 500}, plain: {1000, 100, 500}}), true, "1.00 × (1.00–1.00)"},
		{"ComparesRoundByRound", goal{of: toPlain, least: .9}, // medians alone would say 0.55
			rounds(map[string][]float64{carpool: {550, 1100, 110}, plain: {500, 1000, 1000}}), true, "1.10 × (0.11–1.10)"},
		{"TellsWhatIsAboveTheEngine", goal{of: over, most: 1000, unit: "µs"}, rounds(map[string][]float64{carpool: {400, 300}, direct: {100, 100}}), true, "250.0 µs (200.0–300.0)"},
		{"ComparesWhatIsAdded", goal{of: toPlain, most: 1.1},
			Figure{added: true, Rounds: map[string][]float64{direct: {100}, plain: {200}, carpool: {250}}}, false, "1.50 ×"},
		{"NothingMeasuredIsNotMet", goal{of: toPlain, most: 1.1}, rounds(nil), false, "nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.goal.judge(tt.figure)
			if got.Met != tt.met || got.Measured != tt.measured {
				t.Errorf("%+v, want %v, %s", got, tt.met, tt.measured)
			}
		})
	}

	t.Run("EachIsOfAScenarioAndAFigure", func(t *testing.T) {
		for _, g := range goals {
			found := false
			for _, sc := range scenarios(false) {
				for _, f := range sc.figures {
					found = found || sc.name == g.scenario && f.name == g.figure
				}
			}
			if !found || (g.least == 0) == (g.most == 0) {
				t.Errorf("%+v", g)
			}
		}
	})

	t.Run("AFullRunFailsWhereOneIsMissed", func(t *testing.T) {
		missed := Report{Goals: []Goal{{Met: true}, {Met: false}}}
		if err := missed.Missed(); err == nil || !strings.Contains(err.Error(), "1 of the figures") {
			t.Errorf("error %v", err)
		}
		if err := (Report{Goals: []Goal{{Met: true}}}).Missed(); err != nil {
			t.Errorf("fails with all met: %v", err)
		}
		missed.Quick = true
		if err := missed.Missed(); err != nil {
			t.Errorf("a quick run fails: %v", err)
		}
	})
}
