package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"carpool/app"
	"carpool/app/fit"
	"carpool/backends"
	"carpool/backends/launch"
)

// withEngines is a state with engines that Carpool runs, and programs of others.
func withEngines() app.Snapshot {
	s := busy()
	s.Engines = append(s.Engines, backends.Info{Name: "llamacpp", Kind: backends.KindLlamaCPP, Label: "llama.cpp",
		URL: "http://127.0.0.1:8080", Health: backends.Down, Problem: "llama.cpp at http://127.0.0.1:8080 does not answer"})
	s.Launch = []launch.State{
		{Name: "ollama", Kind: launch.Ollama, Label: "Ollama", Status: launch.Running, PID: 77, URL: "http://127.0.0.1:11434", Slots: 4, Restarts: 2},
		{Name: "llamacpp", Kind: launch.LlamaCPP, Label: "llama.cpp", Status: launch.Failed, URL: "http://127.0.0.1:8080", Slots: 4, Restarts: 9,
			Reason: "it ended with exit status 1: the model cannot be loaded (error loading model); it is started again in 30s"},
	}
	s.Launchable = []launch.Program{{Kind: launch.Ollama, Label: "Ollama", Path: "/usr/bin/ollama"},
		{Kind: launch.LMStudio, Label: "LM Studio", Path: "/home/me/.lmstudio/bin/lms"}}
	return s
}

func TestEngine(t *testing.T) {
	i := newInstance(t)
	f := &fake{snapshot: withEngines()}
	i.serve(f)
	t.Run("ShowsAll", func(t *testing.T) {
		_, out, _ := i.carpool("engine")
		golden(t, "engine.txt", out)
	})
	t.Run("AsJSON", func(t *testing.T) {
		_, out, _ := i.carpool("engine", "--json")
		var got struct {
			Known      []backends.Info
			Started    []launch.State
			Launchable []launch.Program
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Known) != 3 || len(got.Started) != 2 || len(got.Launchable) != 2 {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("Starts", func(t *testing.T) {
		status, out, errs := i.carpool("engine", "start", "ollama", "--slots", "4", "--context", "8192", "--port", "11434")
		if status != 0 || out != "Ollama is running at http://127.0.0.1:11434 (PID 77)\n4 slots, as asked for\n" || errs != "" {
			t.Errorf("%d %q %q", status, out, errs)
		}
		if got := f.asked[len(f.asked)-1]; got != "start {Kind:ollama Slots:4 Context:8192 Model: Port:11434}" {
			t.Errorf("asked for %s", got)
		}
	})
	t.Run("SaysWhatIsWrong", func(t *testing.T) {
		for _, tt := range []struct{ args, says string }{
			{"engine start lmstudio", "install LM Studio"},
			{"engine start gpt4all", "say which engine: ollama, llamacpp or lmstudio"},
			{"engine start", "say which engine"},
			{"engine start ollama --slot 4", `"carpool engine start --help" shows the flags`},
			{"engine start ollama --slots 65", "--slots is a number from 1 to 64"},
			{"engine start ollama --port 70000", "--port is a number"},
			{"engine check --slots 4", "need a --model"},
			{"engine check --model a --slots 0", "--slots is a number from 1 to 64"},
			{"engine check --model a --context -1", "--context a number of tokens"},
			{"engine check --model nope", "no engine on this machine has the model nope"},
		} {
			status, out, errs := i.carpool(strings.Fields(tt.args)...)
			if status != 1 || out != "" || !strings.Contains(errs, tt.says) {
				t.Errorf("%s: %d %q %q", tt.args, status, out, errs)
			}
		}
	})
	t.Run("StopsAndPrintsTheLog", func(t *testing.T) {
		if status, out, _ := i.carpool("engine", "stop", "ollama"); status != 0 || out != "ollama is stopped\n" || f.asked[len(f.asked)-1] != "stop ollama" {
			t.Errorf("%d %q %v", status, out, f.asked)
		}
		if _, out, _ := i.carpool("engine", "log", "ollama"); out != "one\nt\uFFFDwo\n" {
			t.Errorf("%q", out)
		}
	})
	t.Run("Checks", func(t *testing.T) {
		_, out, _ := i.carpool("engine", "check")
		golden(t, "engine-check.txt", out)
		_, out, _ = i.carpool("engine", "check", "--json")
		var all []engineCheck
		if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 2 || all[0].Service != launch.Systemd || len(all[0].Guide.Steps) == 0 {
			t.Errorf("%+v, %v", all, err)
		}
		if len(all[0].Memory) != 1 || all[0].Memory[0].Largest != 4 || all[1].Memory == nil || len(all[1].Memory) != 0 {
			t.Errorf("memory %+v, %+v", all[0].Memory, all[1].Memory)
		}
	})
	t.Run("ChecksAModelForSlotsThatItDoesNotHave", func(t *testing.T) {
		_, out, _ := i.carpool("engine", "check", "--model", "llama3.1:8b", "--slots", "8", "--context", "32768")
		golden(t, "engine-check-model.txt", out)
		if got := f.asked[len(f.asked)-1]; got != "memory {Engine: Model:llama3.1:8b Slots:8 Context:32768}" {
			t.Errorf("asked for %s", got)
		}
		_, out, _ = i.carpool("engine", "check", "--model", "llama3.1:8b", "--slots", "8", "--context", "32768", "--json")
		var all []fit.Table
		if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 || all[0].Now.Slots != 8 || all[0].Now.KV != 32<<30 || all[0].Now.Fits || len(all[0].Rows) != 5 {
			t.Errorf("%+v, %v", all, err)
		}
	})
	t.Run("MarksBoundsAndWhatIsNotKnown", func(t *testing.T) {
		some := fit.Model{Known: true, AtMost: true, Weights: 8 << 30, KVPerToken: 128 << 10}
		for want, free := range map[string]fit.Free{"4      ≤ 4.0 GiB   ≤ 12.7 GiB  up to 2.7 GiB too much\n": {Bytes: 10 << 30, Known: true},
			"4      ≤ 4.0 GiB   ≤ 12.7 GiB  not known\n": {}, "1      ≤ 1.0 GiB   ≤ 9.7 GiB   fits, the most of these\n": {Bytes: 10 << 30, Known: true}} {
			table := fit.NewTable(fit.Judge(some, fit.NewNeed(some, 4, 8192), free), some, free, 0)
			if got := memoryText(table); !strings.Contains(strings.ReplaceAll(got, "            ", "      "), want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
	})
	t.Run("ChecksWhereNothingRuns", func(t *testing.T) {
		for says, programs := range map[string][]launch.Program{
			"install Ollama (https://ollama.com/download)":  nil,
			"\"carpool engine\" shows which can be started": {{Kind: launch.Ollama, Label: "Ollama", Path: "/usr/bin/ollama"}},
		} {
			i, none := newInstance(t), &fake{snapshot: busy()}
			none.snapshot.Engines, none.snapshot.Launchable = nil, programs
			i.serve(none)
			if _, out, _ := i.carpool("engine", "check"); !strings.Contains(out, says) {
				t.Errorf("with %d programs: %q", len(programs), out)
			}
		}
	})
	t.Run("WithNothingThere", func(t *testing.T) {
		if got := enginesText(app.Snapshot{}); !strings.HasPrefix(got, "No engine was found, nor a program of one: install Ollama") {
			t.Errorf("%q", got)
		}
	})
}
