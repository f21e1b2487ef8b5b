package trust

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"carpool/app/config"
	"carpool/backends/backendstest"
)

// disk is a file system of its own, of some MiB, which a Carpool has as its home.
type disk struct {
	t    *testing.T
	c    *carpool
	hold *exec.Cmd // lives in the name space that has it
}

// onDisk prepares a Carpool on such a disk, with its settings and nothing else.
func onDisk(t *testing.T, mib int, settings ...string) (*carpool, *disk) {
	t.Helper()
	c := prepare(t, settings...)
	text, err := os.ReadFile(c.configFile())
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{t: t, c: c}
	d.hold = exec.Command("unshare", "-rm", "sh", "-c",
		fmt.Sprintf("mount -t tmpfs -o size=%dm,mode=700 tmpfs %s && echo mounted && exec cat", mib, c.home))
	in, err := d.hold.StdinPipe() // cat ends with it
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.hold.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var says bytes.Buffer
	d.hold.Stderr = &says
	if err := d.hold.Start(); err != nil {
		t.Skipf("no name space of our own can be had: %v", err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = d.hold.Wait() })
	if _, err := io.ReadFull(out, make([]byte, len("mounted\n"))); err != nil {
		t.Skipf("no file system of our own can be had (unshare -rm, mount): %s", says.String())
	}
	pid := fmt.Sprint(d.hold.Process.Pid)
	c.root = "/proc/" + pid + "/root"
	c.wrap = []string{"nsenter", "--user", "--mount", "--preserve-credentials", "-t", pid}
	for _, folder := range []string{"tmp", "run", "config"} {
		if err := os.Mkdir(filepath.Join(c.root, c.home, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(c.configFile(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return c, d
}

// remount changes it, as in "size=16m".
func (d *disk) remount(options string) {
	d.t.Helper()
	line := append(d.c.wrap[1:], "mount", "-o", "remount,"+options, d.c.home)
	if out, err := exec.Command(d.c.wrap[0], line...).CombinedOutput(); err != nil {
		d.t.Fatalf("remount: %v: %s", err, out)
	}
}

// fill leaves no byte free.
func (d *disk) fill() {
	d.t.Helper()
	f, err := os.OpenFile(filepath.Join(d.c.root, d.c.home, "ballast"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if closeErr := f.Close(); !errors.Is(err, syscall.ENOSPC) || closeErr != nil {
		d.t.Fatal(err, closeErr)
	}
}

// bring copies the history of one that has ended from the disk: SQLite opens no
// file by the way that leads into another name space.
func (d *disk) bring() {
	d.t.Helper()
	from := d.c.stateDir()
	d.c.root = ""
	if err := os.CopyFS(d.c.stateDir(), os.DirFS(from)); err != nil {
		d.t.Fatal(err)
	}
}

// answered asks n times, one after the other, and wants each answered whole.
func (c *carpool) answered(n int) (slowest time.Duration) {
	c.t.Helper()
	for range n {
		began := time.Now()
		if r := <-c.askAll(1); r.status != http.StatusOK || r.err != nil || !strings.Contains(r.text, r.end) {
			c.t.Errorf("%d %q, %v", r.status, r.text, r.err)
		}
		slowest = max(slowest, time.Since(began))
	}
	return slowest
}

func Test22_DiskFull(t *testing.T) {
	t.Run("RequestsAreAnsweredAndTheirRowsKept", func(t *testing.T) {
		c, d := onDisk(t, 2, "engine.url="+backendstest.New(t).URL)
		c.start()
		c.awaitEngine()
		c.answered(3)
		c.awaitRows(3)
		d.fill()
		const during = 40
		slowest := c.answered(during)
		c.awaitProblem("history paused: disk full", true)
		slowest = max(slowest, c.answered(during))
		if rows, err := c.committed(); err != nil || len(rows) < 3 {
			t.Errorf("read meanwhile: %d rows, %v", len(rows), err)
		}
		d.remount("size=16m")
		began := time.Now()
		if !isFull() { // whoever reads has what waits written at once
			c.awaitRows(3 + 2*during)
		}
		c.awaitProblem("history paused", false)
		resumed := time.Since(began)
		c.awaitRows(3 + 2*during)
		c.answered(3)
		c.stop()
		d.bring()
		if rows := c.rows(); len(rows) != 3+2*during+3 {
			t.Errorf("%d rows, want %d", len(rows), 3+2*during+3)
		}
		if verdict := integrity(t, c.historyFile()); verdict != "ok" {
			t.Error(verdict)
		}
		figure(t, 22, fmt.Sprintf("disk of 2 MiB filled, %d requests, then 16 MiB", 2*during),
			fmt.Sprintf("every request 200, the slowest %d ms; history went on after %.1f s with every row; integrity ok", slowest.Milliseconds(), resumed.Seconds()))
	})

	t.Run("SettingsThatCannotBeSavedAreTold", func(t *testing.T) {
		c, d := onDisk(t, 2, "engine.url="+backendstest.New(t).URL)
		c.start()
		c.awaitEngine()
		before, err := os.ReadFile(c.configFile())
		if err != nil {
			t.Fatal(err)
		}
		d.fill()
		if out, err := c.command("set", "adaptive.max=9").CombinedOutput(); err == nil || !strings.Contains(string(out), "in force, but not saved") || !strings.Contains(string(out), "no space left") {
			t.Errorf("set on a full disk: %v, %s", err, out)
		}
		if after, err := os.ReadFile(c.configFile()); err != nil || !bytes.Equal(before, after) {
			t.Errorf("the file was changed: %v, %s", err, after)
		}
		if left, err := filepath.Glob(filepath.Join(filepath.Dir(c.configFile()), ".*")); err != nil || len(left) > 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
		c.answered(1)
		d.remount("size=16m")
		c.do("set", "adaptive.max=9")
		if set, _, err := config.Load(c.configFile()); err != nil || set.Adaptive.Max != 9 {
			t.Errorf("saved %d, %v", set.Adaptive.Max, err)
		}
		c.stop()
	})

	t.Run("AStartOnAFullDiskServes", func(t *testing.T) {
		c, d := onDisk(t, 2, "engine.url="+backendstest.New(t).URL)
		d.fill()
		c.start()
		c.awaitEngine()
		c.answered(3)
		c.stop()
	})
}

// It is of row 21, and needs a disk, too.
func Test21_FolderThatCannotBeWritten(t *testing.T) {
	for name, before := range map[string]bool{"WithAHistory": true, "WithoutOne": false} {
		t.Run(name, func(t *testing.T) {
			c, d := onDisk(t, 2, "engine.url="+backendstest.New(t).URL)
			if before {
				c.start()
				c.awaitEngine()
				c.answered(1)
				c.awaitRows(1)
				c.stop()
			}
			d.remount("ro")
			c.start()
			c.awaitEngine()
			c.answered(3)
			var h struct{ Problems []string }
			if err := c.health(&h); err != nil || len(h.Problems) == 0 {
				t.Errorf("problems %q, %v", h.Problems, err)
			}
			c.stop()
			if !strings.Contains(c.notes.String(), "problem: the ") || !strings.Contains(c.notes.String(), "read-only") {
				t.Errorf("it says %s", c.notes)
			}
			d.remount("rw")
			c.start()
			c.awaitEngine()
			c.answered(1)
			c.awaitRows(1)
			c.stop()
		})
	}
}
