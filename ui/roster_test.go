package ui

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"carpool/app"
	"carpool/backends"
)

// told is what the lines of the card say, a line each.
func told(lines []engineLine) string {
	var b strings.Builder
	for _, l := range lines {
		for _, part := range []string{l.name, l.aside, l.detail, l.action.text} {
			if part != "" {
				b.WriteString(part + " | ")
			}
		}
		if l.loaded {
			b.WriteString("loaded")
		}
		if l.warns {
			b.WriteString("warns")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func one(engineLine) float32 { return 1 }

func TestEngineBlocks(t *testing.T) {
	with := func(s app.Snapshot, change func(*app.Snapshot)) app.Snapshot {
		change(&s)
		return s
	}
	started := func(status, reason string) app.Snapshot {
		return with(installed(), func(s *app.Snapshot) {
			s.Launch = []app.EngineState{{Name: "ollama", Kind: "ollama", Label: "Ollama", URL: "http://127.0.0.1:11434", Reason: reason}}
			for _, known := range []app.EngineState{{Status: "starting"}, {Status: "restarting"}, {Status: "failed"}, {Status: "stopped"}} {
				if string(known.Status) == status {
					s.Launch[0].Status = known.Status
				}
			}
		})
	}
	for _, tt := range []struct {
		name     string
		snapshot app.Snapshot
		want     []string // each within a line
		not      string
	}{
		{"OneIsNotPreferredToAnything", idle(), []string{"Ollama | 127.0.0.1:11434 · 0.17.4 | slots… | ", "qwen3:8b | 5.2 GB | loaded", "nomic-embed-text | 274 MB | "}, "preferred"},
		{"SlotsAsTheTunerFoundThem", busy(), []string{"4 slots… | "}, ""},
		{"SeveralAreToldApart", several(), []string{
			"Ollama | 127.0.0.1:11434 · preferred · 0.17.4 | 4 slots… | ", "run by Carpool · 0 restarts · GPU group desk | Stop | ",
			"LM Studio | 127.0.0.1:1234 · 0.4 or newer | 1 slot… | ", "google/gemma-3-12b | 8.1 GB | loaded",
			"cluster | gpu.lan:8000 · 0.21.0 | rests… | ", "OpenAI-compatible engine · failed 5 times in a row and is tried again in 8 s", "box | 192.168.178.23:8080 | not reached… | ", "llama.cpp · does not answer: start llama-server, or set engines.list"}, "not-loaded"},
		{"WhatWasNeverReachedHasNoMakeInItsProblem", with(installed(), func(s *app.Snapshot) {
			s.Engines[0].Problem = "the engine at http://127.0.0.1:11434 does not answer: start it, or set engine.url"
		}), []string{"\ndoes not answer: start it, or set engine.url | \n"}, "the engine at"},
		{"TheDemoEngineHasNoGuide", simulated(), []string{"Demo engine (simulated) | \n"}, "slots…"},
		{"ProgramsBesideTheOfferOfTheStrip", installed(), []string{"LM Studio | installed | Start | "}, "Ollama | installed"},
		{"NoModelYet", with(idle(), func(s *app.Snapshot) { s.Engines[0].Models = nil }), []string{"No model yet"}, "more"},
		{"Starting", started("starting", ""), []string{"starting | ", "run by Carpool | Stop | "}, "not reached"},
		{"StartedAgain", started("restarting", "it ended with exit status 1"), []string{"restarting… | ", "run by Carpool: it ended with exit status 1 | Stop | "}, "Start | "},
		{"GivenUpOn", started("failed", "it ended"), []string{"failed… | "}, ""},
		{"StoppedIsForgotten", started("stopped", ""), []string{"not reached… | "}, "Carpool"},
		{"StartedButNotFoundYet", with(started("starting", ""), func(s *app.Snapshot) { s.Engines = nil }), []string{"Ollama | 127.0.0.1:11434 | starting | ", "Stop | "}, ""},
		{"Nothing", app.Snapshot{}, []string{"No engine yet"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := told(fit(engineBlocks(tt.snapshot), 100, one))
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			if tt.not != "" && strings.Contains(got, tt.not) {
				t.Errorf("%q in\n%s", tt.not, got)
			}
		})
	}
}

// weighed is busy with what its models take of the GPU.
func weighed(fits ...app.ModelFit) app.Snapshot {
	s := busy()
	s.Fits = fits
	return s
}

func TestEngineBlocks_SayWhatTheModelThatMattersTakes(t *testing.T) {
	fitting := func(model string, loaded, judged, fits bool) app.ModelFit {
		return app.ModelFit{Engine: "ollama", Model: model, Loaded: loaded, Judged: judged, Fits: fits, Words: "takes some"}
	}
	elsewhere := fitting("qwen3:8b", true, true, false)
	elsewhere.Engine = "lmstudio"
	advised := fitting("gemma3:4b", true, true, false)
	advised.Advice = "2 slots of 32k would fit"
	for _, tt := range []struct {
		name string
		fits []app.ModelFit
		want string
	}{
		{"TheLoadedOne", []app.ModelFit{fitting("gemma3:4b", true, true, true), fitting("qwen3:8b", false, true, true)}, "\ngemma3:4b: takes some | \n"},
		{"ButOneThatSpillsFirst", []app.ModelFit{fitting("qwen3:8b", true, true, true), advised}, "\ngemma3:4b: takes some; 2 slots of 32k would fit | warns\n"},
		{"ElseTheOneUsedLast", []app.ModelFit{fitting("gemma3:4b", false, true, true), fitting("qwen3:8b:latest", false, true, true), fitting("qwen3:8b", false, true, false)}, "\nqwen3:8b: takes some | warns\n"},
		{"WhatIsNotKnownIsNoWarning", []app.ModelFit{fitting("qwen3:8b", true, false, false)}, "\nqwen3:8b: takes some | \n"},
		{"ElseNothing", []app.ModelFit{fitting("gemma3:4b", false, true, false), elsewhere}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := told(fit(engineBlocks(weighed(tt.fits...)), 100, one))
			if !strings.Contains(got, tt.want) || strings.Count(got, "takes some") != min(1, len(tt.want)) {
				t.Errorf("want %q in\n%s", tt.want, got)
			}
		})
	}
	t.Run("OneThatFitsGoesBeforeLoadedModels", func(t *testing.T) {
		calm := told(fit(engineBlocks(weighed(fitting("qwen3:8b", true, true, true))), 3, one))
		warn := told(fit(engineBlocks(weighed(fitting("qwen3:8b", true, true, false))), 3, one))
		if strings.Contains(calm, "takes some") || !strings.Contains(calm, "5.2 GB") || !strings.Contains(warn, "takes some") || strings.Contains(warn, "5.2 GB") {
			t.Errorf("calm\n%s\nwarning\n%s", calm, warn)
		}
	})
	t.Run("IsOrangeOnlyWhereItSpills", func(t *testing.T) {
		r := newEngineRow(func(order) {})
		for _, c := range []struct {
			warns bool
			want  fyne.ThemeColorName
		}{{true, colorOrange}, {false, colorMuted}} {
			if r.set(engineLine{kind: ofDetail, id: "x", name: "qwen3:8b: takes some", warns: c.warns}, nil); r.remark.color != c.want {
				t.Errorf("warns %v: %s", c.warns, r.remark.color)
			}
		}
	})
}

func TestFit_LeavesOutWhatMattersLeast(t *testing.T) {
	s := several()
	for _, tt := range []struct {
		name string
		room float32
		want []string
		not  []string
	}{
		{"NothingIfThereIsRoom", 13, []string{"nomic-embed-text", "gemma-3-12b"}, []string{"more"}},
		{"FirstModelsThatAreNotLoaded", 12, []string{"qwen3:8b", "gemma-3-12b", "Llama-3.3", "and 2 more models"}, []string{"nomic", "gemma3:4b"}},
		{"ThenLoadedOnesOfTheLastEngine", 11, []string{"qwen3:8b", "gemma-3-12b", "GPU group", "and 3 more models"}, []string{"Llama-3.3"}},
		{"ThenRemarks", 8, []string{"preferred", "and 5 more models", "failed 5 times", "not answer"}, []string{"qwen3:8b", "GPU group desk | \n"}},
		{"TroubleLast", 6, []string{"Stop", "LM Studio", "box", "and 5 more models"}, []string{"not answer", "5 times"}},
		{"ThenTheLastEngines", 4, []string{"Stop", "LM Studio", "and 2 more engines, 5 more models"}, []string{"cluster"}},
		{"ButOneStays", 0, []string{"Ollama", "Stop", "and 3 more engines, 5 more models"}, []string{"LM Studio"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := fit(engineBlocks(s), tt.room, one)
			got := told(lines)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(got, not) {
					t.Errorf("%q in\n%s", not, got)
				}
			}
			if len(lines) > int(tt.room) && tt.room > 0 {
				t.Errorf("%d lines in room for %.0f", len(lines), tt.room)
			}
		})
	}
}

func TestFit_ListsSixModelsAtTheMost(t *testing.T) {
	s := idle()
	s.Engines[0].Models = make([]backends.Model, 9)
	for i := range s.Engines[0].Models {
		s.Engines[0].Models[i].Name = strings.Repeat("m", i+1)
	}
	lines := fit(engineBlocks(s), 100, one)
	if len(lines) != 7 || !strings.Contains(told(lines), "and 4 more models") {
		t.Errorf("got\n%s", told(lines))
	}
}

func TestFit_CountsNoModelWhereThereIsNone(t *testing.T) {
	s := idle()
	s.Engines[0].Models = nil
	if got := told(fit(engineBlocks(s), 1, one)); strings.Contains(got, "more") || strings.Contains(got, "No model") {
		t.Errorf("got\n%s", got)
	}
}
