package ui

import (
	"strings"
	"testing"

	"carpool/app"
	"carpool/app/tuner"
)

func TestNoticeOf(t *testing.T) {
	chosen := simulated()
	chosen.Config.Engine.URL = "demo"
	many := inTrouble()
	many.Problems = append(many.Problems, "a third", "a fourth")
	draining := idle()
	draining.Draining = true
	tight := idle()
	tight.Tuning = []tuner.State{{}, {Advice: "Ollama runs one request at a time: set OLLAMA_NUM_PARALLEL"}}
	tests := []struct {
		name     string
		snapshot app.Snapshot
		failed   string
		lead     string
		body     string // a part of it
		trouble  bool
	}{
		{"all is well", idle(), "", "", "", false},
		{"the demo engine by default", simulated(), "", "Simulated.", "No engine found", false},
		{"the demo engine by choice", chosen, "", "Simulated.", "as the settings say", false},
		{"trouble", inTrouble(), "", "Needs attention.", "Ollama at 127.0.0.1:11434 does not answer", true},
		{"much trouble", many, "", "Needs attention.", "And 2 problems more", true},
		{"a setting that was not taken", inTrouble(), "out of range", "Not set.", "out of range", true},
		{"advice", tight, "", "Tip.", "OLLAMA_NUM_PARALLEL.", false},
		{"the end", draining, "", "Quitting.", "new ones are refused", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := noticeOf(tt.snapshot, tt.failed)
			if n.lead != tt.lead || !strings.Contains(n.body, tt.body) || n.trouble != tt.trouble {
				t.Errorf("got %+v", n)
			}
		})
	}
}

func TestSentenceOf(t *testing.T) {
	for problem, want := range map[string]string{"": "", "no engine": "No engine.", "Ready!": "Ready!", "äußerst": "äußerst."} {
		if got := sentenceOf(problem); got != want {
			t.Errorf("sentenceOf(%q) = %q, want %q", problem, got, want)
		}
	}
}
