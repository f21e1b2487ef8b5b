package takeover

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlan(t *testing.T) {
	ollama := Situation{System: "linux", Owner: "Ollama 0.17.4", Ollama: true, Service: "shell", NewPort: 11437, SystemUnits: "/etc/systemd/system", UserUnits: "/home/u/units", Unit: "ollama.service"}
	for _, tt := range []struct {
		name   string
		change func(*Situation)
		do     string
		says   string // a part
		steps  string // a part; "" = none
	}{
		{"StartedByHand", func(*Situation) {}, DoHand, "moves to 127.0.0.1:11437", "OLLAMA_HOST=127.0.0.1:11437 ollama serve"},
		{"ServiceOfTheSystemWithoutTheRight", func(s *Situation) { s.Service = "systemd" }, DoHand, "run this again", "sudo tee /etc/systemd/system/ollama.service.d/zz-carpool-takeover.conf"},
		{"ServiceOfTheSystemAsRoot", func(s *Situation) { s.Service, s.Root = "systemd", true }, DoUnit, "removed again by --undo", ""},
		{"ServiceOfTheUser", func(s *Situation) { s.Service = "systemd-user" }, DoUnit, "/home/u/units/ollama.service.d", ""},
		{"StartedByCarpool", func(s *Situation) { s.Started = true }, DoRestart, "started again", ""},
		{"Docker", func(s *Situation) { s.Service = "docker" }, DoHand, "run this again", "-p 127.0.0.1:11437:11434"},
		{"MacApp", func(s *Situation) { s.System, s.Service = "darwin", "mac-app" }, DoHand, "run this again", "launchctl setenv OLLAMA_HOST 127.0.0.1:11437"},
		{"Brew", func(s *Situation) { s.System, s.Service = "darwin", "brew" }, DoHand, "run this again", "brew services restart"},
		{"MovedAlready", func(s *Situation) { s.Owner, s.Ollama, s.Moved = "", false, "127.0.0.1:11436" }, DoTake, "listens at 127.0.0.1:11436", ""},
		{"NobodyThere", func(s *Situation) { s.Owner, s.Ollama = "", false }, DoHand, "Nobody listens", "OLLAMA_HOST=127.0.0.1:11437 ollama serve"},
		{"AnotherProgram", func(s *Situation) { s.Owner, s.Ollama = "LM Studio", false }, DoNothing, "taken by LM Studio", ""},
		{"CarpoolItself", func(s *Situation) { s.Carpool = true }, DoNothing, "gateway.listen", ""},
		{"DoneAlready", func(s *Situation) { s.Record = &Record{Port: 11434, Engine: "127.0.0.1:11436"} }, DoNothing, "--undo", ""},
		{"Windows", func(s *Situation) { s.System = "windows" }, DoNothing, "Linux and macOS only", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := ollama
			tt.change(&s)
			p := NewPlan(s)
			if p.Do != tt.do || !strings.Contains(strings.Join(p.Says, "\n"), tt.says) {
				t.Errorf("got %s: %q", p.Do, p.Says)
			}
			if (tt.steps == "") != (p.Steps == "") || !strings.Contains(p.Steps, tt.steps) {
				t.Errorf("steps %q", p.Steps)
			}
			if (p.Do == DoUnit) != (p.Unit != nil) {
				t.Errorf("unit %+v", p.Unit)
			}
		})
	}
}

func TestRecord(t *testing.T) {
	dir := t.TempDir()
	if r, err := Load(dir); r != nil || err != nil {
		t.Errorf("without one: got %+v, %v", r, err)
	}
	kept := &Record{Port: 11434, Engine: "127.0.0.1:11436", Kind: "ollama", By: ByUnit, Unit: &Unit{Name: "ollama.service", Before: []byte("a\x00\xff")}}
	if err := kept.Save(dir); err != nil {
		t.Fatal(err)
	}
	if r, err := Load(dir); err != nil || r.Engine != kept.Engine || string(r.Unit.Before) != "a\x00\xff" {
		t.Errorf("got %+v, %v", r, err)
	}
	if err := errors.Join(Remove(dir), Remove(dir)); err != nil {
		t.Error(err)
	}
	for _, bad := range []Record{
		{Port: 11434, Engine: "127.0.0.1:11434"},  // it would pass on to itself
		{Port: 11434, Engine: "10.0.0.1:11436"},   // prompts would leave the machine
		{Port: 11434, Engine: "localhost:11436"},  // whatever that is
		{Port: 11434, Engine: "127.0.0.1"},        // no port
		{Port: 0, Engine: "127.0.0.1:11436"},      // any port
		{Port: 11434, Engine: "127.0.0.1:999999"}, // none
	} {
		if err := bad.Save(dir); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// systemctl is a stand-in that notes what it is asked, and fails if told to.
func systemctl(t *testing.T, status string) (asked func() string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	script := "#!/bin/sh\necho \"$*\" >>" + log + "\nexit " + status + "\n"
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	return func() string {
		text, _ := os.ReadFile(log)
		return string(text)
	}
}

// TestUnitsFileIsReadLast: systemd applies the files beside a unit in the order of
// their names.
func TestUnitsFileIsReadLast(t *testing.T) {
	for _, other := range []string{"override.conf", "parallel.conf", "90-local.conf", "environment.conf"} {
		if mine := filepath.Base(NewUnit("ollama.service", false, "/units").File); mine < other {
			t.Errorf("%s comes before %s, which may set OLLAMA_HOST too", mine, other)
		}
	}
}

func TestUnit(t *testing.T) {
	if os.PathSeparator != '/' {
		t.Skip("systemd is Linux's")
	}
	const engine = "127.0.0.1:11436"
	t.Run("MovesAndLeavesNothing", func(t *testing.T) {
		asked := systemctl(t, "0")
		folder := t.TempDir()
		u := NewUnit("ollama.service", true, folder)
		if err := u.Move(t.Context(), engine); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(u.File); err != nil || !strings.Contains(string(text), "[Service]\nEnvironment=\"OLLAMA_HOST="+engine+"\"\n") {
			t.Errorf("wrote %q, %v", text, err)
		}
		if err := u.Restore(t.Context(), engine); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
		if want := strings.Repeat("--user daemon-reload\n--user restart ollama.service\n", 2); asked() != want {
			t.Errorf("asked %q", asked())
		}
	})
	t.Run("PutsBackWhatWasThereByteForByte", func(t *testing.T) {
		systemctl(t, "0")
		u := NewUnit("ollama.service", false, t.TempDir())
		was := "# mine\r\n[Service]\nEnvironment=A=\xff\n"
		if err := os.MkdirAll(filepath.Dir(u.File), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(u.File, []byte(was), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(u.Move(t.Context(), engine), u.Restore(t.Context(), engine)); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(u.File); err != nil || string(text) != was {
			t.Errorf("got %q, %v", text, err)
		}
	})
	t.Run("LeavesWhatSomebodyChanged", func(t *testing.T) {
		systemctl(t, "0")
		u := NewUnit("ollama.service", false, t.TempDir())
		if err := u.Move(t.Context(), engine); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(u.File, []byte("theirs"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := u.Restore(t.Context(), engine); err == nil {
			t.Error("it was overwritten")
		}
		if text, err := os.ReadFile(u.File); err != nil || string(text) != "theirs" {
			t.Errorf("got %q, %v", text, err)
		}
	})
	t.Run("SaysWhySystemdRefused", func(t *testing.T) {
		systemctl(t, "5")
		u := NewUnit("ollama.service", false, t.TempDir())
		if err := u.Move(t.Context(), engine); err == nil || !strings.Contains(err.Error(), "systemctl daemon-reload") {
			t.Errorf("got %v", err)
		}
	})
}
