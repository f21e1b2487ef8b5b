package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"carpool/app/config"
	"carpool/app/doctor"
)

func TestDoctorText(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	troubled := doctor.Facts{
		System: "linux", Now: now,
		Running:  &doctor.Running{PID: 42, Version: "1.2.3", Endpoint: "http://127.0.0.1:11435"},
		Others:   []doctor.Other{{PID: 11, Address: "127.0.0.1:11445"}},
		Settings: doctor.Settings{File: "/c/carpool.toml", Problem: "/c/carpool.toml:3: batching.mode: no such choice", Connections: 16384},
		Port:     doctor.Port{Address: "127.0.0.1:11435", Owner: "Ollama 0.17.4", Program: "ollama (PID 7)"},
		Engines: []doctor.Engine{{Name: "ollama", Label: "Ollama", Version: "0.17.4", URL: "http://127.0.0.1:11434", Up: true, Models: 1, Slots: 1, Wanted: 4,
			Says: "Ollama runs one request at a time", Steps: "sudo mkdir -p /etc/systemd/system/ollama.service.d\nsudo systemctl restart ollama"}},
		Bypass:     []doctor.Program{{Name: "ed\x1b[2Jitor", PID: 9, Engine: "Ollama"}},
		GPUs:       []doctor.GPU{{Reason: "the driver does not answer", Card: "NVIDIA"}},
		State:      doctor.Folder{Path: "/s", Mode: 0o755},
		Config:     doctor.Folder{Path: "/c", Problem: "permission denied"},
		Socket:     doctor.File{Path: "/s/carpool.sock", Mode: 0o600},
		Display:    doctor.Display{Name: "DISPLAY :0"},
		Disk:       doctor.Disk{Free: 50 << 20, Total: 1 << 40},
		History:    doctor.History{Dropped: 3, Newest: now},
		LAN:        doctor.LAN{Token: doctor.File{Missing: true}},
		Containers: []doctor.Container{{Name: "open-webui", App: "Open WebUI", By: "docker", Points: []string{"http://host.docker.internal:11434"}, Reach: "172.17.0.1:11435", Token: true, Open: "172.17.0.1:11435"}},
		Files:      4096,
	}
	golden(t, "doctor.txt", harmless(doctorText(doctor.Judge(troubled))))
}

// TestDoctorNamesCommandsThatExist goes by the text of package doctor: each command of
// Carpool's own that it names is one, and each setting.
func TestDoctorNamesCommandsThatExist(t *testing.T) {
	sources, err := filepath.Glob(filepath.Join("..", "doctor", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`["n]carpool((?: [a-z_.]+=?)+)`)
	found := 0
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			found++
			words := strings.Fields(m[1])
			if key, ok := strings.CutSuffix(words[len(words)-1], "="); ok {
				words = words[:len(words)-1]
				if !slices.ContainsFunc(config.Settings(), func(s config.Setting) bool { return s.Key == key }) {
					t.Errorf("%s: %s is no setting", filepath.Base(source), key)
				}
			}
			cmd, rest, err := new(cli).root().Find(words)
			if err != nil || cmd.Parent() == nil || len(rest) > 0 {
				t.Errorf("%s: carpool%s is no command: %v", filepath.Base(source), m[1], err)
			}
		}
	}
	if found < 10 {
		t.Errorf("found only %d commands", found)
	}
}

func TestDoctor(t *testing.T) {
	t.Run("FailsWhereThereIsAProblemThoughNothingRuns", func(t *testing.T) {
		i := newInstance(t)
		status, out, errs := i.carpool("doctor", "--json")
		var all []doctor.Finding
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatal(err)
		}
		if n := doctor.Problems(all); status != min(n, 1) {
			t.Errorf("status %d with %d problems: %s", status, n, errs)
		}
		if all[0].Check != "Carpool" || !strings.Contains(all[0].Says, "does not run") {
			t.Errorf("got %+v", all[0])
		}
	})
	t.Run("AsksTheOneThatRuns", func(t *testing.T) {
		i := newInstance(t)
		i.serve(&fake{snapshot: busy()})
		status, out, errs := i.carpool("doctor")
		if status != 1 || !strings.Contains(errs, "found") {
			t.Errorf("status %d, %s", status, errs)
		}
		for _, want := range []string{"1.2.3 runs (PID 42)", "Ollama 0.17.4 answers at http://127.0.0.1:11434 with 2 models.", "history paused: disk full", "RTX 4090"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is missing in %s", want, out)
			}
		}
	})
}
