package trust

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// edit changes a file's bytes.
func edit(path string, change func([]byte) []byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, change(text), 0o600)
}

// execute runs a statement on a history that nobody has open.
func execute(path, statement string) error {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	if err != nil {
		return err
	}
	_, err = db.Exec(statement)
	return errors.Join(err, db.Close())
}

func Test21_DamagedHistory(t *testing.T) {
	changed := func(change func(b []byte) []byte) func(string) error {
		return func(path string) error { return edit(path, change) }
	}
	garbage := bytes.Repeat([]byte("garbage!"), 4096)
	slowest, tried := time.Duration(0), 0
	for _, d := range []struct {
		name   string
		killed bool // it was killed before, so that there is a log
		damage func(path string) error
		says   string // the problem that is told; "" = none
		aside  bool   // the file is to be moved aside as it was
		rows   bool   // the old rows are to be there
	}{
		{"Zero bytes", false, changed(func([]byte) []byte { return nil }), "was empty", true, false},
		{"One page", false, changed(func(b []byte) []byte { return b[:4096] }), "was damaged", true, false},
		{"A page of nothing", false, changed(func(b []byte) []byte { clear(b[8192:12288]); return b }), "was damaged", true, false},
		{"A header of nothing", false, changed(func(b []byte) []byte { clear(b[:100]); return b }), "was not a history", true, false},
		{"Cut in half", false, changed(func(b []byte) []byte { return b[:len(b)/2] }), "was damaged", true, false},
		{"Cut by a page", false, changed(func(b []byte) []byte { return b[:len(b)-4096] }), "was damaged", true, false},
		{"Cut by a byte", false, changed(func(b []byte) []byte { return b[:len(b)-1] }), "was damaged", true, false},
		{"A text", false, changed(func([]byte) []byte { return garbage }), "was not a history", true, false},
		{"Another program's", false, func(path string) error { return execute(path, "PRAGMA application_id = 7") }, "was not a history", true, false},
		{"A newer one", false, func(path string) error { return execute(path, "PRAGMA user_version = 99") }, "newer Carpool", false, true},
		{"A log of garbage", false, func(path string) error { return os.WriteFile(path+"-wal", garbage, 0o600) }, "", false, true},
		{"A log's index of garbage", true, func(path string) error { return os.WriteFile(path+"-shm", garbage, 0o600) }, "", false, true},
		{"Both of garbage", true, func(path string) error {
			return errors.Join(os.WriteFile(path+"-wal", garbage, 0o600), os.WriteFile(path+"-shm", garbage, 0o600))
		}, "", false, true},
		{"A page of nothing beside a log", true, changed(func(b []byte) []byte { clear(b[8192:12288]); return b }), "was damaged", true, false},
		{"A text beside a log", true, changed(func([]byte) []byte { return garbage }), "was not a history", true, false},
	} {
		t.Run(d.name, func(t *testing.T) {
			c := begin(t, backendstest.New(t))
			if r := <-c.askAll(1); r.status != http.StatusOK {
				t.Errorf("%d %q, %v", r.status, r.text, r.err)
			}
			c.awaitRows(1)
			c.stop()
			if d.killed {
				c.start()
				c.awaitEngine()
				if r := <-c.askAll(1); r.status != http.StatusOK {
					t.Errorf("%d %q, %v", r.status, r.text, r.err)
				}
				c.awaitRows(2)
				c.signal(syscall.SIGKILL)
				_ = c.wait(time.Minute)
			}
			if err := d.damage(c.historyFile()); err != nil {
				t.Fatal(err)
			}
			before := contents(t, c.historyFile())

			began := time.Now()
			c.start()
			c.awaitEngine()
			slowest, tried = max(slowest, time.Since(began)), tried+1
			for range 3 {
				if r := <-c.askAll(1); r.status != http.StatusOK || r.err != nil {
					t.Errorf("%d %q, %v", r.status, r.text, r.err)
				}
			}
			c.awaitProblem("history", d.says != "")
			if d.says != "" {
				c.awaitProblem(d.says, true)
			}
			aside, err := filepath.Glob(c.historyFile() + ".corrupt-*")
			if err != nil || (len(aside) > 0) != d.aside {
				t.Fatalf("moved aside: %v, %v", aside, err)
			}
			if d.aside {
				slices.Sort(aside)
				if after := contents(t, aside[0]); !slices.EqualFunc(before, after, bytes.Equal) {
					t.Errorf("what was moved aside was changed: %s, was %s", sizes(after), sizes(before))
				}
			}
			if d.says != "newer Carpool" {
				c.awaitRows(3)
			}
			if rows, err := c.committed(); err != nil || len(rows) > 3 != (d.rows && d.says == "") {
				t.Errorf("%d rows, %v", len(rows), err)
			}
			c.stop()
			if d.says != "newer Carpool" {
				if verdict := integrity(t, c.historyFile()); verdict != "ok" {
					t.Error(verdict)
				}
			}
		})
	}

	figure(t, 21, fmt.Sprintf("start with a history damaged in %d ways", tried),
		fmt.Sprintf("served after %d ms at most, every request 200; what could not be used was set aside byte for byte", slowest.Milliseconds()))

	t.Run("A large one that is found damaged later", func(t *testing.T) {
		c := begin(t, backendstest.New(t))
		if r := <-c.askAll(1); r.status != http.StatusOK {
			t.Errorf("%d %q, %v", r.status, r.text, r.err)
		}
		c.awaitRows(1)
		c.stop()
		if err := execute(c.historyFile(), `INSERT INTO trial (at, engine, model, figures) SELECT 0, '', '', hex(zeroblob(17000000))`); err != nil {
			t.Fatal(err)
		}
		root, size := rootOf(t, c.historyFile(), "request")
		if err := edit(c.historyFile(), func(b []byte) []byte { clear(b[(root-1)*size : root*size]); return b }); err != nil {
			t.Fatal(err)
		}
		c.start()
		c.awaitEngine()
		for range 3 {
			if r := <-c.askAll(1); r.status != http.StatusOK || r.err != nil {
				t.Errorf("%d %q, %v", r.status, r.text, r.err)
			}
		}
		c.awaitProblem("history was begun anew: the old file was damaged", true)
		c.awaitRows(3)
		c.stop()
		if verdict := integrity(t, c.historyFile()); verdict != "ok" {
			t.Error(verdict)
		}
		figure(t, 21, "a history of 33 MiB whose damage is met with the first row", "set aside, begun anew with that row, every request 200")
	})
}

// rootOf is the page that a table begins with, from 1, and the size of a page.
func rootOf(t *testing.T, path, table string) (page, size int) {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	if err != nil {
		t.Fatal(err)
	}
	err = db.QueryRow("SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = ?", table).Scan(&page, &size)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return page, size
}

// contents are the bytes of a history and its log; its index may change at each look.
func contents(t *testing.T, path string) (all [][]byte) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	return all
}

func sizes(all [][]byte) (s string) {
	for _, b := range all {
		s += fmt.Sprintf("%d bytes ", len(b))
	}
	return s
}
