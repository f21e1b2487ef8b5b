package ui

import (
	"strings"
	"testing"

	"carpool/app"
)

func TestNoticeOf(t *testing.T) {
	chosen := simulated()
	chosen.Config.Engine.URL = "demo"
	many := inTrouble()
	many.Problems = append(many.Problems, "a third", "a fourth")
	draining := idle()
	draining.Draining = true
	tight, deep, small := idle(), idle(), idle()
	tight.Advice = []app.Advice{{Title: "Ollama could run 6 at once", Text: "3.1 GiB are free.", Button: "Show how", Engine: "ollama"}, {Title: "Another"}}
	deep.Advice = []app.Advice{{Title: "Queue is deep: 12 on average", Text: "Raise the size.", Button: "Apply 6", Key: keySize, Value: "6"}}
	small.Advice = []app.Advice{{Title: "Batches are small: 1.4 of 8", Text: "No setting will help."}}
	offered, elsewhere, broken, unlooked, starting, own := installed(), installed(), installed(), installed(), installed(), installed()
	offered.Simulated, offered.Problems = true, nil
	offered.Engines = append(offered.Engines, simulated().Engines[0])
	elsewhere.Config.Engine.URL = "http://gpu.lan:11434"
	broken.Problems = append(broken.Problems, "history is not written")
	unlooked.Problems = nil
	starting.Launch = []app.EngineState{{Kind: "ollama", Label: "Ollama", Status: "starting", Since: now}}
	own.Launch = []app.EngineState{{Kind: "ollama", Label: "Ollama", Status: "failed", Reason: "it ended", Since: now}}
	own.Problems = append(own.Problems, "Ollama does not run: it ended")
	chosen.Launchable = installed().Launchable
	network, advised := idle(), deep
	network.LAN = app.LAN{Address: "0.0.0.0:11436", Listening: true}
	advised.LAN = network.LAN
	tests := []struct {
		name     string
		snapshot app.Snapshot
		failed   string
		lead     string
		body     string // a part of it
		trouble  bool
		button   string
	}{
		{"all is well", idle(), "", "", "", false, ""},
		{"a program and no engine", installed(), "", "Ollama is installed and does not run.", "refused", false, "Start Ollama"},
		{"a program and the demo engine", offered, "", "Ollama is installed and does not run.", "the demo engine answers", false, "Start Ollama"},
		{"a program, and the engine is elsewhere", elsewhere, "", "Needs attention.", "does not answer", true, "Start Ollama"},
		{"a program and more trouble", broken, "", "Needs attention.", "History is not written.", true, "Start Ollama"},
		{"a program before engines were looked for", unlooked, "", "", "", false, ""},
		{"a program that was not started", installed(), "port 11434 is taken.", "Not set.", "taken", true, "Start Ollama"},
		{"an engine comes up", starting, "", "Starting.", "Ollama", false, ""},
		{"an engine that Carpool runs does not", own, "", "Needs attention.", "Ollama does not run: it ended.", true, ""},
		{"the demo engine by default", simulated(), "", "Simulated.", "No engine found", false, ""},
		{"the demo engine by choice", chosen, "", "Simulated.", "as the settings say", false, ""},
		{"trouble", inTrouble(), "", "Needs attention.", "Ollama at 127.0.0.1:11434 does not answer", true, ""},
		{"much trouble", many, "", "Needs attention.", "And 2 problems more", true, ""},
		{"a setting that was not taken", inTrouble(), "out of range", "Not set.", "out of range", true, ""},
		{"advice about an engine", tight, "", "Ollama could run 6 at once.", "3.1 GiB are free.", false, "Show how"},
		{"advice about a setting", deep, "", "Queue is deep: 12 on average.", "Raise the size.", false, "Apply 6"},
		{"advice that nothing can be done", small, "", "", "", false, ""},
		{"other computers may come in", network, "", "Open to the network.", "0.0.0.0:11436", false, ""},
		{"advice goes first", advised, "", "Queue is deep: 12 on average.", "Raise the size.", false, "Apply 6"},
		{"the end", draining, "", "Quitting.", "new ones are refused", true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := noticeOf(tt.snapshot, failure{lead: "Not set.", text: tt.failed}, pageNow)
			if elsewhere := noticeOf(tt.snapshot, failure{lead: "Not set.", text: tt.failed}, pageTune); (elsewhere != notice{}) != tt.trouble {
				t.Errorf("on another page: %+v", elsewhere)
			}
			if n.lead != tt.lead || !strings.Contains(n.body, tt.body) || n.trouble != tt.trouble || n.action.text != tt.button {
				t.Errorf("got %+v", n)
			}
		})
	}
}

func TestSentenceOf(t *testing.T) {
	for problem, want := range map[string]string{"": "", "no engine": "No engine.", "Ready!": "Ready!", "äußerst": "äußerst.",
		"llama.cpp fails": "llama.cpp fails.", "vLLM rests": "vLLM rests.", "taken: by whom": "Taken: by whom.", "...": "...", "已停止。": "已停止。"} {
		if got := sentenceOf(problem); got != want {
			t.Errorf("sentenceOf(%q) = %q, want %q", problem, got, want)
		}
	}
}
