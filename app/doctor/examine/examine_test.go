package examine

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"carpool/app/doctor"
	"carpool/backends/backendstest"
	"carpool/gpu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are those of a machine with nothing on it but the given engine.
func options(t *testing.T, engine string) Options {
	t.Helper()
	t.Setenv("OLLAMA_HOST", "")
	dir := t.TempDir()
	o := Options{ConfigFile: filepath.Join(dir, "config", "carpool.toml"), StateDir: filepath.Join(dir, "state"),
		Listen: free(t), Engine: engine, GPU: gpu.None("none here")}
	return o
}

// free is an address that nobody has.
func free(t *testing.T) string {
	t.Helper()
	l := held(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

func held(t *testing.T) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLookFindsAnEngineThatAnswers(t *testing.T) {
	e := backendstest.New(t)
	f := Look(t.Context(), options(t, e.URL))
	if len(f.Engines) != 1 || !f.Engines[0].Up || f.Engines[0].URL != e.URL || f.Engines[0].Models == 0 {
		t.Fatalf("got %+v", f.Engines)
	}
	if f.Engines[0].Says == "" || f.Engines[0].Wanted == 0 {
		t.Errorf("nothing of its slots: %+v", f.Engines[0])
	}
	if len(f.GPUs) != 1 || f.GPUs[0].Reason != "none here" {
		t.Errorf("got %+v", f.GPUs)
	}
}

func TestLookTellsOfAnEngineThatIsNamedAndSilent(t *testing.T) {
	f := Look(t.Context(), options(t, "http://"+free(t)))
	if len(f.Engines) != 1 || f.Engines[0].Up || f.Engines[0].Problem == "" {
		t.Errorf("got %+v", f.Engines)
	}
}

func TestLookWritesNothing(t *testing.T) {
	o := options(t, "http://"+free(t))
	Look(t.Context(), o)
	left, err := os.ReadDir(filepath.Dir(o.StateDir))
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestPort(t *testing.T) {
	t.Run("Free", func(t *testing.T) {
		at := free(t)
		if p := port(t.Context(), Options{}, at); p.Owner != "" || p.Problem != "" || p.Ours {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("HeldByAProgram", func(t *testing.T) {
		l := held(t)
		defer func() { _ = l.Close() }()
		asked := ""
		p := port(t.Context(), Options{Owner: func(_ context.Context, addr string) string { asked = addr; return "a shop" }}, l.Addr().String())
		if p.Owner != "a shop" || asked != l.Addr().String() {
			t.Errorf("got %+v, asked at %q", p, asked)
		}
	})
	t.Run("CarpoolsOwn", func(t *testing.T) {
		l := held(t)
		defer func() { _ = l.Close() }()
		p := port(t.Context(), Options{Running: &Running{Listen: []string{l.Addr().String()}}}, l.Addr().String())
		if !p.Ours {
			t.Errorf("got %+v", p)
		}
	})
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	t.Run("IsLeftAsItWas", func(t *testing.T) {
		if f := folder(dir); f.Problem != "" || f.Missing {
			t.Errorf("got %+v", f)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
	})
	t.Run("ThatIsMissingIsJudgedByTheOneAbove", func(t *testing.T) {
		if f := folder(filepath.Join(dir, "a", "b")); !f.Missing || f.Problem != "" {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("ThatIsAFile", func(t *testing.T) {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if f := folder(path); !strings.Contains(f.Problem, "not a folder") {
			t.Errorf("got %+v", f)
		}
	})
}

func TestSettings(t *testing.T) {
	o := options(t, "")
	t.Run("Missing", func(t *testing.T) {
		var f doctor.Facts
		readSettings(o, &f)
		if !f.Settings.Missing || f.Settings.Problem != "" {
			t.Errorf("got %+v", f.Settings)
		}
	})
	t.Run("Broken", func(t *testing.T) {
		if err := os.MkdirAll(filepath.Dir(o.ConfigFile), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(o.ConfigFile, []byte("version = 1\n[gateway]\nidle_timeout_s = 99999\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var f doctor.Facts
		readSettings(o, &f)
		if !strings.Contains(f.Settings.Problem, "idle_timeout_s") {
			t.Errorf("got %+v", f.Settings)
		}
	})
}

func TestHistory(t *testing.T) {
	head := func(pages byte) []byte {
		b := make([]byte, 4096)
		copy(b, "SQLite format 3\x00")
		b[16], b[17], b[31] = 0x10, 0, pages
		return b
	}
	for _, tt := range []struct {
		name string
		file []byte
		want string
	}{
		{"Whole", head(1), ""},
		{"Torn", head(2), "ends at 4096 of 8192"},
		{"OfAnotherKind", []byte(strings.Repeat("not a database ", 20)), "no history"},
		{"TooShort", []byte("SQL"), "too short"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t, "")
			if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(o.StateDir, "history.db"), tt.file, 0o600); err != nil {
				t.Fatal(err)
			}
			f := Look(t.Context(), o)
			if (tt.want == "") != (f.History.Problem == "") || !strings.Contains(f.History.Problem, tt.want) {
				t.Errorf("got %+v", f.History)
			}
			if f.History.Missing || f.History.Newest.IsZero() || f.History.Bytes != uint64(len(tt.file)) {
				t.Errorf("got %+v", f.History)
			}
		})
	}
}

func TestServes(t *testing.T) {
	for line, want := range map[string]bool{
		"/usr/bin/carpool": true, "carpool serve --listen 127.0.0.1:1": true, "carpool --hidden": true, "bin/carpool-headless serve": true,
		"Carpool.EXE": true, "carpoolw.exe --hidden": true,
		"carpool takeover-guard --state /s": false, "carpool bench": false, "ollama serve": false, "vi carpool": false, "": false,
	} {
		if serves(strings.Fields(line)) != want {
			t.Errorf("%q: %v", line, !want)
		}
	}
}

func TestDriftOfAClockThatNobodySet(t *testing.T) {
	// Without a known start there is nothing to compare.
	if d := drift(t.Context(), os.Getpid(), time.Time{}); d != 0 {
		t.Errorf("got %s", d)
	}
}
