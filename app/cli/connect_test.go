package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"carpool/app"
	"carpool/app/connect/wiring"
)

// atHome gives a command a home of its own.
func atHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	for _, name := range []string{"HOME", "USERPROFILE"} {
		t.Setenv(name, home)
	}
	for _, name := range []string{"XDG_CONFIG_HOME", "APPDATA", "CODEX_HOME", "CONTINUE_GLOBAL_DIR", "LLM_USER_PATH", "AICHAT_CONFIG_DIR", "AICHAT_CONFIG_FILE", "CRUSH_GLOBAL_CONFIG", "OPENAI_API_KEY"} {
		t.Setenv(name, "")
	}
	for _, name := range []string{"DOCKER_HOST", "CONTAINER_HOST"} {
		t.Setenv(name, "unix://"+filepath.Join(home, "none")) // no container of this machine's
	}
	return home
}

func TestConnect(t *testing.T) {
	i := newInstance(t)
	i.serve(&fake{snapshot: busy()})
	t.Run("ShowsTheStepsOfAllApps", func(t *testing.T) {
		_, out, _ := i.carpool("connect", "--steps")
		golden(t, "connect.txt", out)
	})
	t.Run("FindsOneByAPartOfItsName", func(t *testing.T) {
		if _, out, _ := i.carpool("connect", "CUR"); out != "curl\n1. A chat:\n\ncurl http://127.0.0.1:11435/v1/models\n\n" {
			t.Errorf("got %q", out)
		}
		if status, _, notes := i.carpool("connect", "emacs"); status != 1 || !strings.Contains(notes, "there are Zed, curl") {
			t.Errorf("status %d, says %q", status, notes)
		}
	})
	t.Run("PrintsStepsAsJSON", func(t *testing.T) {
		_, out, _ := i.carpool("connect", "zed", "--steps", "--json")
		var got []app.ConnectGuide
		if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 1 || len(got[0].Steps) != 2 {
			t.Errorf("got %s, %v", out, err)
		}
	})
	t.Run("ListsWhatIsHere", func(t *testing.T) {
		home := atHome(t)
		write(t, filepath.Join(home, ".continue", "config.yaml"), "models:\n  - provider: ollama\n    apiBase: http://localhost:11434\n")
		write(t, filepath.Join(home, ".codex", "config.toml"), "a = \n")
		write(t, filepath.Join(home, ".aider.conf.yml"), "set-env:\n  - OLLAMA_API_BASE=http://127.0.0.1:11435\n")
		_, out, _ := i.carpool("connect")
		out = strings.ReplaceAll(strings.Join(strings.Fields(out), " "), `\`, "/")
		for _, want := range []string{
			"Continue continue http://localhost:11434 ~/.continue/config.yaml", "Codex codex not clear: it does not parse",
			"aider aider Carpool ~/.aider.conf.yml", `"carpool connect continue" shows the change`, "Not found: zed,", "With steps to do by hand: curl.",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not in\n%s", want, out)
			}
		}
		_, out, _ = i.carpool("connect", "--json")
		var got listedApps
		if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Apps) != len(wiring.Apps()) || got.Apps[0].State != wiring.Direct {
			t.Errorf("got %s, %v", out, err)
		}
	})
}

func TestConnectAnApp(t *testing.T) {
	const before, after = "set-env:\n  - OLLAMA_API_BASE=http://localhost:11434 # mine\n", "set-env:\n  - OLLAMA_API_BASE=http://127.0.0.1:11435 # mine\n"
	home := atHome(t)
	file := filepath.Join(home, ".aider.conf.yml")
	i := newInstance(t)
	i.serve(&fake{snapshot: busy()})
	text := func() string {
		t.Helper()
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	t.Run("ShowsStepsWhereNothingIsFound", func(t *testing.T) {
		status, out, notes := i.carpool("connect", "zed")
		if status != 0 || !strings.HasPrefix(out, "Zed\n1. ") || !strings.Contains(notes, "Zed: its settings were not found") {
			t.Errorf("status %d, %q, %q", status, out, notes)
		}
		if status, _, _ := i.carpool("connect", "zed", "--yes"); status != 1 {
			t.Errorf("--yes with nothing to change: status %d", status)
		}
	})
	t.Run("ShowsStepsWhereItDoesNotUnderstand", func(t *testing.T) {
		odd := filepath.Join(home, "settings.json")
		write(t, odd, `{"language_models": 7}`)
		status, out, notes := i.carpool("connect", "zed", "--yes", "--file", odd)
		if status != 1 || !strings.HasPrefix(out, "Zed\n1. ") || !strings.Contains(notes, "holds something else than was expected") {
			t.Errorf("status %d, %q, %q", status, out, notes)
		}
	})
	write(t, file, before)
	t.Run("ShowsTheChangeAlone", func(t *testing.T) {
		status, out, notes := i.carpool("connect", "aider", "--dry-run")
		if status != 0 || !strings.Contains(out, "\n-  - OLLAMA_API_BASE=http://localhost:11434 # mine\n+  - OLLAMA_API_BASE=http://127.0.0.1:11435 # mine\n") ||
			!strings.Contains(notes, "nothing was changed") || text() != before {
			t.Errorf("status %d, %q, %q", status, out, notes)
		}
	})
	t.Run("AsksAndTakesNoForNo", func(t *testing.T) {
		for _, answer := range []string{"", "n\n", "maybe\n"} {
			i.stdin = answer
			status, out, notes := i.carpool("connect", "aider")
			if status != 1 || !strings.Contains(out, "+  - OLLAMA") || !strings.Contains(notes, "Change "+file+"? [y/N]") || text() != before {
				t.Errorf("%q: status %d, %q, %q", answer, status, out, notes)
			}
		}
	})
	t.Run("ChangesItOnYesAndBack", func(t *testing.T) {
		i.stdin = "y\n"
		status, out, _ := i.carpool("connect", "aider")
		if status != 0 || !strings.Contains(out, "Changed "+file) || !strings.Contains(out, "carpool connect --revert aider") || text() != after {
			t.Errorf("status %d, %q", status, out)
		}
		if status, out, _ := i.carpool("connect", "aider", "--yes"); status != 0 || out != "aider already points at Carpool.\n" {
			t.Errorf("status %d, %q", status, out)
		}
		if status, out, notes := i.carpool("connect", "--revert", "aider", "--yes"); status != 0 || text() != before {
			t.Errorf("status %d, %q, %q", status, out, notes)
		}
		if status, _, notes := i.carpool("connect", "--revert", "aider", "--yes"); status != 1 || !strings.Contains(notes, "were not changed by Carpool") {
			t.Errorf("status %d, %q", status, notes)
		}
	})
	t.Run("PrintsWhatItDidAsJSON", func(t *testing.T) {
		if status, _, notes := i.carpool("connect", "aider", "--json"); status != 1 || !strings.Contains(notes, "--yes or --dry-run") {
			t.Errorf("status %d, %q", status, notes)
		}
		_, out, _ := i.carpool("connect", "aider", "--json", "--yes")
		var got rewired
		if err := json.Unmarshal([]byte(out), &got); err != nil || !got.Changed || got.File != file || got.Then == "" || text() != after {
			t.Errorf("got %s, %v", out, err)
		}
	})
	t.Run("NeedsAnAppToRevert", func(t *testing.T) {
		if status, _, notes := i.carpool("connect", "--revert"); status != 1 || !strings.Contains(notes, "say which app") {
			t.Errorf("status %d, %q", status, notes)
		}
	})
	t.Run("TakesAFileElsewhere", func(t *testing.T) {
		there := filepath.Join(home, "LibreChat", "librechat.yaml")
		if status, _, notes := i.carpool("connect", "librechat", "--yes"); status != 1 || !strings.Contains(notes, "--file") {
			t.Errorf("status %d, %q", status, notes)
		}
		write(t, there, "endpoints:\n  custom:\n    - baseURL: http://localhost:11434/v1/\n")
		status, _, notes := i.carpool("connect", "librechat", "--yes", "--file", there)
		got, err := os.ReadFile(there)
		if err != nil || status != 0 || !strings.Contains(string(got), "http://127.0.0.1:11435/v1/") {
			t.Errorf("status %d, %q, %s, %v", status, notes, got, err)
		}
	})
}

func TestConnectWithoutACarpoolThatRuns(t *testing.T) {
	home := atHome(t)
	file := filepath.Join(home, ".aider.conf.yml")
	write(t, file, "model: x\n")
	i := newInstance(t)
	write(t, i.config, "version = 1\n[gateway]\nlisten = \"127.0.0.1:12000\"\n")
	if status, out, notes := i.carpool("connect", "aider", "--yes"); status != 0 || !strings.Contains(out, "+  - OLLAMA_API_BASE=http://127.0.0.1:12000") ||
		!strings.Contains(notes, "carpool is not running") {
		t.Errorf("status %d, %q, %q", status, out, notes)
	}
	if status, out, notes := i.carpool("connect", "openwebui"); status != 0 || !strings.Contains(out, "carpool lan on 172.17.0.1:12000") || !strings.Contains(out, "--add-host=host.docker.internal:host-gateway") {
		t.Errorf("status %d, %q, %q", status, out, notes)
	}
}

func TestUnattended(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if !unattended(f) {
		t.Error("a file counts as somebody to be asked")
	}
	if runtime.GOOS == "linux" {
		if tty, err := os.Open("/dev/ptmx"); err == nil {
			defer func() { _ = tty.Close() }()
			if unattended(tty) {
				t.Error("a terminal counts as nobody")
			}
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
