package belongings

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func write(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDelete(t *testing.T) {
	root := t.TempDir()
	in := func(names ...string) (paths []string) {
		for _, n := range names {
			paths = append(paths, filepath.Join(root, filepath.FromSlash(n)))
		}
		return paths
	}
	ours := in("c/carpool/carpool.toml", "c/carpool/carpool.toml.bak", "c/carpool/carpool.toml.v1.bak", "c/carpool/carpool.toml.broken",
		"s [1]/carpool/history.db", "s [1]/carpool/history.db-wal", "s [1]/carpool/carpool.log", "s [1]/carpool/engine-ollama.log",
		"s [1]/carpool/lan-token", "s [1]/carpool/carpool-g.sock", "w/id/preferences.json", "w/id/deep/er")
	theirs := in("c/carpool/notes.txt", "s [1]/carpool/my-history.db", "w/other/preferences.json", "s 1/carpool/history.db")
	write(t, ours...)
	write(t, theirs...)
	found := Find(Places{Config: in("c/carpool/carpool.toml")[0], State: in("s [1]/carpool")[0], Windows: in("w/id", "none")})

	slices.Sort(ours)
	if !slices.Equal(found.Files, ours) || found.Bytes != int64(5*len(ours)) {
		t.Fatalf("found %d bytes in %q\nwant %q", found.Bytes, found.Files, ours)
	}
	if err := found.Delete(); err != nil {
		t.Fatal(err)
	}
	for _, path := range theirs {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("what is the user's own: %v", err)
		}
	}
	for _, path := range append(ours, in("w/id")...) {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
}

func TestDelete_TakesFoldersThatAreEmptyThen(t *testing.T) {
	root := t.TempDir()
	p := Places{Config: filepath.Join(root, "config", "carpool.toml"), State: filepath.Join(root, "state")}
	write(t, p.Config, filepath.Join(p.State, "history.db"))
	if err := Find(p).Delete(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if f := Find(p); len(f.Files) != 0 {
		t.Errorf("finds %v where nothing is", f.Files)
	}
}
