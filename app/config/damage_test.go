package config

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Test26_Settings is of files that an editor, a disk or a person has damaged: they
// are refused with a sentence, the last good ones hold, and the next change can be
// saved.
func Test26_Settings(t *testing.T) {
	t.Run("TruncatedAtEachByte", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "carpool.toml")
		whole := render(other(t))
		for n := 0; n <= len(whole); n += 1 + n/400 {
			if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			c, _, err := Load(path)
			if verr := c.Validate(); verr != nil {
				t.Fatalf("%d bytes: %v (%v)", n, verr, err)
			}
		}
	})

	t.Run("FlippedBytes", func(t *testing.T) {
		times := 100
		if os.Getenv("CARPOOL_TRUST") == "full" {
			times = 3000
		}
		good := other(t)
		whole := render(good)
		for range times {
			flips := bytes.Clone(whole)
			for range 1 + rand.IntN(8) {
				flips[rand.IntN(len(flips))] ^= 1 << rand.IntN(8)
			}
			path := file(t, string(flips))
			if err := os.WriteFile(backup(path), whole, 0o600); err != nil {
				t.Fatal(err)
			}
			d, broken := decode(path, flips)
			c, warnings := Open(path)
			switch {
			case c.Validate() != nil:
				t.Fatalf("in force: %v\n%q", c.Validate(), flips)
			case broken != nil && (!c.Equal(good) || len(warnings) == 0):
				t.Fatalf("broken by %v, and the last good ones do not hold: %v\n%q", broken, warnings, flips)
			case broken == nil && !c.Equal(d.config):
				t.Fatalf("good, and not in force\n%q", flips)
			}
			c = with(t, c, "adaptive.max", "31")
			if err := Save(path, c); err != nil && !errors.Is(err, ErrNewer) {
				t.Fatalf("cannot be saved: %v\n%q", err, flips)
			} else if got, _, lerr := Load(path); err == nil && (lerr != nil || !got.Equal(c)) {
				t.Fatalf("saved, and it loads otherwise: %v\n%q", lerr, flips)
			}
		}
	})

	t.Run("NumbersThatAreNone", func(t *testing.T) {
		for _, e := range table {
			if _, number := e.initial.(int); !number {
				continue
			}
			section, name, _ := strings.Cut(e.Key, ".")
			for _, v := range []string{"-1", "0", "1e9", "1000000000", "nan", "-inf", "9223372036854775807", "9223372036854775808", "0x10", "true", "'5'", "[5]", "2026-11-26"} {
				path := file(t, "version = 1\n["+section+"]\n"+name+" = "+v+"\n")
				c, warnings, err := open(path)
				n, taken := 0, err == nil
				if taken {
					n = *e.field(&c).(*int)
				}
				switch {
				case taken && (n < e.Min || n > e.Max || len(warnings) > 0):
					t.Errorf("%s = %s is %d, %v", e.Key, v, n, warnings)
				case !taken && v != "9223372036854775808" && !strings.Contains(err.Error(), ":3:1: "+e.Key+": "):
					t.Errorf("%s = %s: %v", e.Key, v, err)
				case !taken && !strings.Contains(err.Error(), ":3:"):
					t.Errorf("%s = %s: %v", e.Key, v, err)
				}
			}
		}
	})

	for name, text := range map[string]string{
		"AByteOrderMark":     "\ufeffversion = 1\n[adaptive]\nmax = 7\n",
		"WindowsLines":       "version = 1\r\n[adaptive]\r\nmax = 7\r\n",
		"NoLastLine":         "version = 1\n[adaptive]\nmax = 7",
		"KeysOfAnotherTime":  "version = 1\nshiny = true\n[adaptive]\nmax = 7\nfavourite = [1, 2]\n[unheard]\nof = 1\n",
		"OtherUsersComments": "# größer ist schlechter\nversion = 1\n[adaptive]\nmax = 7 # nie mehr\n",
	} {
		t.Run("Takes"+name, func(t *testing.T) {
			path := file(t, text)
			c, _ := Open(path)
			if c.Adaptive.Max != 7 {
				t.Fatalf("max is %d", c.Adaptive.Max)
			}
			c = with(t, c, "adaptive.max", "9")
			if err := Save(path, c); err != nil {
				t.Fatal(err)
			}
			if got, _, err := Load(path); err != nil || !got.Equal(c) {
				t.Errorf("saved it is %v, %v", got.Adaptive.Max, err)
			}
			if strings.Contains(text, "unheard") && !strings.Contains(content(t, path), "[unheard]\nof = 1") {
				t.Errorf("what is not known is lost: %s", content(t, path))
			}
		})
	}

	// What may stand in the file's place.
	for name, put := range map[string]func(t *testing.T, path string) error{
		"AFolder":           func(_ *testing.T, path string) error { return os.Mkdir(path, 0o700) },
		"ALinkToItself":     func(_ *testing.T, path string) error { return os.Symlink(path, path) },
		"APipe":             makePipe,
		"AFileWithoutEnd":   func(_ *testing.T, path string) error { return os.Symlink("/dev/zero", path) },
		"MoreThanAMebibyte": func(_ *testing.T, path string) error { return os.WriteFile(path, make([]byte, maxFile+1), 0o600) },
		"DoubledKeys": func(_ *testing.T, path string) error {
			return os.WriteFile(path, []byte("version = 1\nversion = 1\n"), 0o600)
		},
		"WhatNobodyMayRead":  unreadable,
		"ALinkToAFolderGone": func(_ *testing.T, path string) error { return os.Symlink(filepath.Join(path+"-gone", "x"), path) },
	} {
		t.Run("SurvivesInItsPlace"+name, func(t *testing.T) {
			path := file(t, "version = 1\n[adaptive]\nmax = 7\n")
			if c, _ := Open(path); c.Adaptive.Max != 7 {
				t.Fatal("the good file is not read")
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := put(t, path); err != nil {
				t.Skip(err)
			}
			c, warnings := Open(path)
			if name == "ALinkToAFolderGone" { // nothing is there, as before a first start
				if !c.Equal(Default()) {
					t.Errorf("max is %d", c.Adaptive.Max)
				}
			} else if c.Adaptive.Max != 7 || len(warnings) < 2 {
				t.Errorf("max is %d, warnings %v", c.Adaptive.Max, warnings)
			}
			_ = Save(path, with(t, c, "adaptive.max", "9")) // may fail, with a sentence, but must end
			c, _ = Open(path)
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
		})
	}

	t.Run("SurvivesWithoutALastGoodOne", func(t *testing.T) {
		path := file(t, "version = 1\n[[")
		if err := os.Mkdir(backup(path), 0o700); err != nil {
			t.Fatal(err)
		}
		c, warnings := Open(path)
		if !c.Equal(Default()) || len(warnings) < 2 {
			t.Errorf("%v", warnings)
		}
	})

	t.Run("TellsOfWhatCannotBeReadWhileItRuns", func(t *testing.T) {
		path := file(t, "version = 1\n")
		if _, warnings := Open(path); warnings != nil {
			t.Fatal(warnings)
		}
		var told []error
		f := follower{path: path, changed: func(_ Config, err error) { told = append(told, err) }}
		f.look()
		if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		f.look()
		f.look()
		if len(told) != 1 || told[0] == nil || !strings.Contains(told[0].Error(), "is not a file") {
			t.Fatalf("told %v", told)
		}
		if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte("version = 1\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
		f.look()
		f.look()
		if len(told) != 2 || told[1] != nil {
			t.Errorf("told %v", told)
		}
	})
}

func unreadable(t *testing.T, path string) error {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	return os.WriteFile(path, []byte("version = 1\n"), 0)
}
