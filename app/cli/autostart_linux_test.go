package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/adrg/xdg"
	"github.com/gofrs/flock"

	"carpool/app/autostart"
	"carpool/app/takeover"
)

// ownHome gives the test an XDG_CONFIG_HOME and so on of its own.
func ownHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	for name, folder := range map[string]string{"XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache"} {
		t.Setenv(name, filepath.Join(home, folder))
	}
	xdg.Reload()
	t.Cleanup(xdg.Reload)
	return home
}

func TestAutostart(t *testing.T) {
	home, i := ownHome(t), newInstance(t)
	entry := filepath.Join(home, "config", "autostart", "io.github.carpool.Carpool.desktop")
	if _, out, _ := i.carpool("autostart"); !strings.Contains(out, "does not start at login") {
		t.Errorf("at first: %s", out)
	}
	if status, out, notes := i.carpool("autostart", "on"); status != 0 || !strings.Contains(out, "hidden in the tray") || !strings.Contains(out, entry) {
		t.Errorf("on: %d, %s%s", status, out, notes)
	}
	content, err := os.ReadFile(entry)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), " --hidden --config "+i.config+" --state "+i.state+"\n") {
		t.Errorf("it does not start this Carpool, hidden: %s", content)
	}
	_, out, _ := i.carpool("autostart", "--json")
	var s autostart.State
	if err := json.Unmarshal([]byte(out), &s); err != nil || !s.On || s.Missing || s.Where != entry {
		t.Errorf("as JSON: %s (%v)", out, err)
	}
	for range 2 { // the second time there is nothing to take away
		if status, out, notes := i.carpool("autostart", "off"); status != 0 || !strings.Contains(out, "does not start at login") {
			t.Errorf("off: %d, %s%s", status, out, notes)
		}
	}
	if _, err := os.Stat(entry); !os.IsNotExist(err) {
		t.Errorf("the entry is still there: %v", err)
	}
}

func TestUninstall(t *testing.T) {
	settle := func(t *testing.T) (i instance, all []string, entry string) {
		home := ownHome(t)
		i = newInstance(t)
		all = []string{i.config, filepath.Join(i.state, "history.db"), filepath.Join(home, "config", "fyne", autostart.ID, "preferences.json")}
		for _, path := range all {
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("x = 1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		i.carpool("autostart", "on")
		return i, all, filepath.Join(home, "config", "autostart", autostart.ID+".desktop")
	}
	left := func(all []string) (n int) {
		for _, path := range all {
			if _, err := os.Stat(path); err == nil {
				n++
			}
		}
		return n
	}
	for name, tc := range map[string]struct {
		args          []string
		stdin         string
		deletes, asks bool
	}{
		"AsksAndTakesSilenceForNo": {asks: true},
		"AsksAndTakesNo":           {stdin: "n\n", asks: true},
		"DeletesOnYes":             {stdin: "y\n", asks: true, deletes: true},
		"DeletesUnasked":           {args: []string{"--yes"}, deletes: true},
		"KeepsUnasked":             {args: []string{"--keep"}, stdin: "y\n"},
	} {
		t.Run(name, func(t *testing.T) {
			i, all, entry := settle(t)
			i.stdin = tc.stdin
			status, out, notes := i.carpool(append([]string{"uninstall"}, tc.args...)...)
			want := len(all)
			if tc.deletes {
				want = 0
			}
			if n := left(all); status != 0 || n != want {
				t.Errorf("%d of %d files are left, status %d: %s%s", n, len(all), status, out, notes)
			}
			if strings.Contains(notes, "Delete them") != tc.asks {
				t.Errorf("it asks: %q", notes)
			}
			if left([]string{entry}) != 0 {
				t.Error("it still starts at login")
			}
		})
	}
	t.Run("AsksTheLockWhereTheSocketSaysNothing", func(t *testing.T) {
		i, all, _ := settle(t)
		// A folder in the socket's place is neither a Carpool that runs nor none.
		if err := os.MkdirAll(filepath.Join(i.state, "carpool.sock", "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		lock := flock.New(filepath.Join(i.state, "carpool.lock"))
		if ok, err := lock.TryLock(); !ok {
			t.Fatal(err)
		}
		if status, _, _ := i.carpool("uninstall", "--yes"); status != 1 || left(all) != len(all) {
			t.Errorf("status %d while the lock is held, %d files left", status, left(all))
		}
		if err := lock.Unlock(); err != nil {
			t.Fatal(err)
		}
		if status, _, notes := i.carpool("uninstall", "--yes"); status != 0 || left(all) != 0 {
			t.Errorf("status %d once it is free, %d files left: %s", status, left(all), notes)
		}
	})
	t.Run("HasWhatIsElsewherePutBackFirst", func(t *testing.T) {
		i, all, entry := settle(t)
		refuses := func(why string) {
			t.Helper()
			status, _, notes := i.carpool("uninstall", "--yes")
			if status != 1 || !strings.Contains(notes, why) || left(append(all, entry)) != len(all)+1 {
				t.Errorf("status %d, says %q, %d left", status, notes, left(append(all, entry)))
			}
		}
		r := takeover.Record{Port: 11434, Engine: "127.0.0.1:11436", Kind: "ollama", By: takeover.ByHand}
		if err := r.Save(i.state); err != nil {
			t.Fatal(err)
		}
		refuses("carpool takeover --undo")
		if err := takeover.Remove(i.state); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(os.Getenv("HOME"), ".aider.conf.yml"), "openai-api-base: http://localhost:11434/v1\n")
		if status, _, notes := i.carpool("connect", "aider", "--yes"); status != 0 {
			t.Fatal(notes)
		}
		refuses("carpool connect --revert aider")
		if status, _, notes := i.carpool("connect", "--revert", "aider", "--yes"); status != 0 {
			t.Fatal(notes)
		}
		if status, _, notes := i.carpool("uninstall", "--yes"); status != 0 || left(append(all, entry, i.state)) != 0 {
			t.Errorf("status %d, says %q, %d left", status, notes, left(append(all, entry, i.state)))
		}
	})
	t.Run("AsksForNothingThatItsUserHasDeleted", func(t *testing.T) {
		i, all, entry := settle(t)
		file := filepath.Join(os.Getenv("HOME"), ".aider.conf.yml")
		write(t, file, "openai-api-base: http://localhost:11434/v1\n")
		if status, _, notes := i.carpool("connect", "aider", "--yes"); status != 0 {
			t.Fatal(notes)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if status, _, notes := i.carpool("uninstall", "--yes"); status != 0 || left(append(all, entry)) != 0 {
			t.Errorf("status %d, says %q, %d left", status, notes, left(append(all, entry)))
		}
	})
	t.Run("LeavesARunningOneAlone", func(t *testing.T) {
		i, all, entry := settle(t)
		i.serve(&fake{snapshot: busy()})
		status, _, notes := i.carpool("uninstall", "--yes")
		if status != 1 || !strings.Contains(notes, "carpool quit") || left(append(all, entry)) != len(all)+1 {
			t.Errorf("status %d, says %q, %d left", status, notes, left(append(all, entry)))
		}
	})
}
