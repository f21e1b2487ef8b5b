package autostart

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/adrg/xdg"
)

func ownConfig(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", folder)
	xdg.Reload()
	t.Cleanup(xdg.Reload)
	return filepath.Join(folder, "autostart", ID+".desktop")
}

func TestXDG(t *testing.T) {
	file := ownConfig(t)
	program := filepath.Join(t.TempDir(), "my carpool")
	if err := os.WriteFile(program, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	see := func(want State) {
		t.Helper()
		want.Where = file
		if got, err := Status(); err != nil || got != want {
			t.Errorf("status %+v, %v\nwant %+v", got, err, want)
		}
	}
	see(State{})
	if err := Enable(Entry{program, []string{"--hidden"}}); err != nil {
		t.Fatal(err)
	}
	see(State{On: true, Program: program})
	if others, err := os.ReadDir(filepath.Dir(file)); err != nil || len(others) != 1 {
		t.Errorf("beside the entry: %v, %v", others, err)
	}
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	see(State{On: true, Program: program, Missing: true})
	for range 2 {
		if err := Disable(); err != nil {
			t.Fatal(err)
		}
	}
	see(State{})
}

// A validator of the desktops' own judges what is written.
func TestXDG_IsAValidDesktopFile(t *testing.T) {
	validate, err := exec.LookPath("desktop-file-validate")
	if err != nil {
		t.Skip("desktop-file-validate is missing (Debian: desktop-file-utils)")
	}
	file := ownConfig(t)
	for _, program := range []string{"/usr/bin/carpool", `/home/me/50% of "my" $GPU/carpool`} {
		if err := Enable(Entry{program, []string{"--hidden", "--state", "/a b"}}); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(validate, file).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", program, err, out)
		}
	}
}
