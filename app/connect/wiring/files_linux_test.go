package wiring

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFilesOnLinux(t *testing.T) {
	const text = "OLLAMA_HOST: localhost\n"
	t.Run("RefusesAFileOfSeveralNames", func(t *testing.T) {
		r := newRig(t, target)
		file := r.write("config.yaml", text)
		if err := os.Link(file, filepath.Join(r.home, "other.yaml")); err != nil {
			t.Skip(err)
		}
		c, err := r.w.Connect(r.app("goose"), file)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Apply(); err == nil || !strings.Contains(err.Error(), "hard links") || r.text(file) != text {
			t.Errorf("got %v", err)
		}
	})
	t.Run("KeepsItsOwner", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("only root gives files away")
		}
		r := newRig(t, target)
		file := r.write("config.yaml", text)
		if err := os.Chown(file, 1234, 2345); err != nil {
			t.Skip(err)
		}
		r.connect("goose", file)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Sys().(*syscall.Stat_t); s.Uid != 1234 || s.Gid != 2345 {
			t.Errorf("it is %d:%d's now", s.Uid, s.Gid)
		}
	})
	t.Run("RefusesAPipe", func(t *testing.T) {
		r := newRig(t, target)
		file := filepath.Join(r.home, "settings.json")
		if err := syscall.Mkfifo(file, 0o600); err != nil {
			t.Skip(err)
		}
		if _, err := r.w.Connect(r.app("zed"), file); err == nil || !strings.Contains(err.Error(), "not a file") {
			t.Errorf("got %v", err)
		}
	})
}
