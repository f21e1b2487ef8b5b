package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// place a file with the text, or none if it is "".
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "carpool", "carpool.toml")
	if text == "" {
		return path
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func with(t *testing.T, c Config, key, value string) Config {
	t.Helper()
	c, err := c.With(key, value)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoad(t *testing.T) {
	t.Run("AMissingFileHoldsTheDefaults", func(t *testing.T) {
		c, warnings, err := Load(file(t, ""))
		if err != nil || warnings != nil || !c.Equal(Default()) {
			t.Errorf("got %+v, %v, %v", c, warnings, err)
		}
	})
	t.Run("ReadsSectionsDottedKeysInlineTablesAndAliases", func(t *testing.T) {
		c, _, err := Load(file(t, "\ufeffmax_batch_size = 9\nadaptive.max = 7\ngateway = { max_body_mib = 3, allowed_hosts = ['x'] }\n[queue]\r\nmax_waiting = 20\r\n"))
		if err != nil || c.Batching.MaxBatchSize != 9 || c.Adaptive.Max != 7 || c.Gateway.MaxBodyMiB != 3 ||
			len(c.Gateway.AllowedHosts) != 1 || c.Queue.MaxWaiting != 20 {
			t.Errorf("got %+v, %v", c, err)
		}
	})
	t.Run("WarnsOfUnknownKeysWithTheLine", func(t *testing.T) {
		path := file(t, "version = 1\n\n[batching]\nmax_batch = 3\n")
		c, warnings, err := Load(path)
		if err != nil || !c.Equal(Default()) || len(warnings) != 1 || warnings[0].Line != 4 ||
			!strings.Contains(warnings[0].String(), "carpool.toml:4: unknown setting") {
			t.Errorf("got %v, %v", warnings, err)
		}
	})
	for name, tc := range map[string]struct{ text, says string }{
		"OutOfRange":     {"[batching]\n  max_batch_size = 99999\n", ":2:3: batching.max_batch_size: 99999 is out of range (1–8192 requests)"},
		"Negative":       {"max_batch_wait_ms = -1", ":1:1: batching.max_batch_wait_ms: -1 is out of range"},
		"NotANumber":     {"[adaptive]\nmax = nan", ":2:1: adaptive.max: must be a whole number (1–8192 requests)"},
		"Billion":        {"[adaptive]\nmax = 1_000_000_000", ":2:1: adaptive.max: 1000000000 is out of range"},
		"TooLarge":       {"[adaptive]\nmax = 99999999999999999999", ":2:7: "},
		"WrongType":      {"[batching]\nenabled = \"yes\"", ":2:1: batching.enabled: must be true or false"},
		"NotAList":       {"[gateway]\nallowed_hosts = \"x\"", "must be a list of texts"},
		"Syntax":         {"version = 1\n[batching\nx=1", ":2:"},
		"Twice":          {"max_batch_size = 3\n[batching]\nmax_batch_size = 4", ":3:1: batching.max_batch_size: is set twice, first in line 1"},
		"SameKeyTwice":   {"[adaptive]\nmax = 3\nmax = 4", ":3:"},
		"ArrayOfTables":  {"[[batching]]\nenabled = false", "batching.enabled"},
		"VersionNoCount": {"version = 'one'", ":1:1: version: must be a whole number"},
		"OwnAddress":     {"[engine]\nurl = 'http://127.0.0.1:11435'", "Carpool's own address"},
	} {
		t.Run("Refuses"+name, func(t *testing.T) {
			c, _, err := Load(file(t, tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
			if !c.Equal(Default()) {
				t.Error("a file that cannot be used changed a value")
			}
		})
	}
	t.Run("NamesEveryBadValue", func(t *testing.T) {
		_, _, err := Load(file(t, "[batching]\nmax_batch_size = 0\nmode = 'x'\n"))
		if err == nil || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("got %v", err)
		}
	})
}

func TestOpen(t *testing.T) {
	t.Run("WritesTheCommentedDefaults", func(t *testing.T) {
		path := file(t, "")
		c, warnings := Open(path)
		if len(warnings) != 0 || !c.Equal(Default()) {
			t.Fatalf("got %v", warnings)
		}
		text := content(t, path)
		for _, s := range Settings() {
			if !strings.Contains(text, "# "+s.Help+"\n") {
				t.Errorf("%s is not explained", s.Key)
			}
		}
		if !strings.Contains(text, "\n# max_batch_size = 8\n") || !strings.Contains(text, "\nversion = 1\n") {
			t.Errorf("got %s", text)
		}
	})
	t.Run("UncommentedItLoadsAsTheDefaults", func(t *testing.T) {
		text := string(render(Default()))
		for _, e := range table {
			c := Default()
			text = strings.Replace(text, "# "+e.line(&c), e.line(&c), 1)
		}
		d, err := decode("f", []byte(text))
		if err != nil || len(d.given) != len(table) || !d.config.Equal(Default()) {
			t.Errorf("%d of %d keys, %v", len(d.given), len(table), err)
		}
	})
	t.Run("FallsBackToTheLastGoodOne", func(t *testing.T) {
		path := file(t, "version = 1\n[adaptive]\nmax = 5\n")
		if c, _ := Open(path); c.Adaptive.Max != 5 {
			t.Fatal("the good file is not read")
		}
		const broken = "version = 1\n[adaptive]\nmax = 0\n"
		if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		c, warnings := Open(path)
		if c.Adaptive.Max != 5 || len(warnings) != 2 || !strings.Contains(warnings[0].Text, ":3:1: adaptive.max: 0 is out of range") {
			t.Errorf("got %d, %v", c.Adaptive.Max, warnings)
		}
		if content(t, path) != broken {
			t.Error("the file that a person must mend was changed")
		}
	})
	t.Run("FallsBackToTheDefaults", func(t *testing.T) {
		if c, warnings := Open(file(t, "[")); !c.Equal(Default()) || len(warnings) != 2 {
			t.Errorf("got %v", warnings)
		}
	})
	t.Run("LeavesANewerFileAlone", func(t *testing.T) {
		const newer = "version = 2\n[adaptive]\nmax = 5\n"
		path := file(t, newer)
		c, warnings := Open(path)
		if !c.Equal(Default()) || len(warnings) == 0 || !strings.Contains(warnings[0].Text, "newer carpool") {
			t.Errorf("got %v", warnings)
		}
		if err := Save(path, c); !errors.Is(err, ErrNewer) {
			t.Errorf("Save: %v", err)
		}
		if content(t, path) != newer {
			t.Error("a newer file was changed")
		}
	})
	t.Run("MigratesVersion0", func(t *testing.T) {
		const old = "# mine\nenable_batching = false\nmax_batch_size = 16 # big\n\n[gateway]\nmax_body_mib = 32\nfavourite = 1\n"
		path := file(t, old)
		c, warnings := Open(path)
		if c.Batching.Enabled || c.Batching.MaxBatchSize != 16 || c.Gateway.MaxBodyMiB != 32 || len(warnings) != 1 {
			t.Fatalf("got %+v, %v", c, warnings)
		}
		if content(t, path+".v0.bak") != old {
			t.Error("the copy is not the old file")
		}
		text := content(t, path)
		if strings.Contains(text, "enable_batching") || !strings.Contains(text, "favourite = 1") || !strings.Contains(text, "# mine") {
			t.Errorf("got %s", text)
		}
		again, warnings := Open(path)
		if !again.Equal(c) || len(warnings) != 1 || content(t, path) != text {
			t.Errorf("the migrated file loads otherwise: %v", warnings)
		}
	})
}

func TestSave(t *testing.T) {
	t.Run("IsPrivate", func(t *testing.T) {
		path := file(t, "")
		if err := Save(path, Default()); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]os.FileMode{path: 0o600, path + ".bak": 0o600, filepath.Dir(path): 0o700} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
		if err != nil || len(left) != 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
	})
	t.Run("ChangesOnlyTheValue", func(t *testing.T) {
		const text = "version = 1 # keep\n# my note\nodd = 1\n[batching]   # here\nmax_batch_size   =   9   # nine\n# mode = \"adaptive\"\n\n[gateway]\nallowed_hosts = [\n  'a', # first\n]\n"
		path := file(t, text)
		c, _, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		c = with(t, c, "max_batch_size", "10")
		c = with(t, c, "batching.mode", "static")
		c = with(t, c, "max_batch_wait_ms", "7")
		c = with(t, c, "gateway.allowed_hosts", "b")
		c = with(t, c, "engine.url", "demo")
		if err := Save(path, c); err != nil {
			t.Fatal(err)
		}
		want := "version = 1 # keep\n# my note\nodd = 1\n[batching]   # here\nmax_batch_wait_ms = 7\nmax_batch_size = 10   # nine\nmode = \"static\"\n\n[gateway]\nallowed_hosts = [\"b\"]\n\n[engine]\nurl = \"demo\"\n"
		if got := content(t, path); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
	t.Run("MendsAValueOutOfRange", func(t *testing.T) {
		path := file(t, "version = 1\n[adaptive]\nmax = 0 # oops\n")
		if err := Save(path, Default()); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != "version = 1\n[adaptive]\nmax = 32 # oops\n" {
			t.Errorf("got %s", got)
		}
	})
	for name, text := range map[string]string{
		"SyntaxErrors":   "version = 1\n[[",
		"InlineSections": "version = 1\nbatching = { max_batch_size = 3 }\n",
		"DottedSections": "version = 1\nbatching.max_batch_size = 3\n",
		"DoubledKeys":    "max_batch_size = 3\n[batching]\nmax_batch_size = 4",
	} {
		t.Run("CopesWith"+name, func(t *testing.T) {
			path := file(t, text)
			c := with(t, with(t, Default(), "batching.mode", "static"), "max_batch_size", "5")
			if err := Save(path, c); err != nil {
				t.Fatal(err)
			}
			if got, _, err := Load(path); err != nil || !got.Equal(c) {
				t.Errorf("got %+v, %v", got, err)
			}
			if content(t, path+".broken") != text {
				t.Error("what the person wrote is lost")
			}
		})
	}
	t.Run("RefusesWhatIsNotValid", func(t *testing.T) {
		path := file(t, "")
		c := Default()
		c.Adaptive.Max = 0
		if err := Save(path, c); err == nil {
			t.Error("saved")
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("a file was made")
		}
	})
	t.Run("FollowsALink", func(t *testing.T) {
		target := file(t, "version = 1\n")
		link := filepath.Join(t.TempDir(), "carpool.toml")
		if err := os.Symlink(target, link); err != nil {
			t.Skip(err)
		}
		if err := Save(link, with(t, Default(), "adaptive.max", "3")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Error("the link was replaced by a file")
		}
		if c, _, err := Load(target); err != nil || c.Adaptive.Max != 3 {
			t.Errorf("got %v, %v", c.Adaptive.Max, err)
		}
	})
	t.Run("EveryKeyComesBack", func(t *testing.T) {
		c := other(t)
		for _, start := range []string{"", "version = 1\n", string(render(Default()))} {
			path := file(t, start)
			if err := Save(path, c); err != nil {
				t.Fatal(err)
			}
			if got, _, err := Load(path); err != nil || !got.Equal(c) {
				t.Errorf("got %+v, %v", got, err)
			}
			if err := Save(path, Default()); err != nil {
				t.Fatal(err)
			}
			if got, _, err := Load(path); err != nil || !got.Equal(Default()) {
				t.Errorf("back to the defaults: got %+v, %v", got, err)
			}
		}
	})
}

// other differs from the defaults in every key.
func other(t *testing.T) Config {
	t.Helper()
	c := Default()
	for _, e := range table {
		value := map[string]string{
			"gateway.listen": "[::1]:0", "gateway.allowed_hosts": "a, b", "gateway.allowed_origins": "x://y", "engine.url": "http://h/p%22",
			"adaptive.start": "table", "apps.keys": "k==a, l=b", "apps.weights": "a b=0.5", "apps.priorities": "a=urgent", "apps.supersede": "a, b", "models.pinned": "m:7b", "models.num_ctx": "m:7b=8192, n=default",
		}[e.Key]
		switch v := e.initial.(type) {
		case bool:
			value = plain(!v)
		case int:
			value = plain(e.Max)
		case string:
			if e.Values != nil {
				value = e.Values[len(e.Values)-1]
			}
		}
		c = with(t, c, e.Key, value)
	}
	return c
}

func FuzzLoad(f *testing.F) {
	f.Add(render(Default()))
	f.Add([]byte("\ufeffmax_batch_size = 9\nadaptive.max = 7\ngateway = { max_body_mib = 3 }\n[queue]\r\nmax_waiting = 20\r\n"))
	f.Add([]byte("[[batching]]\nenabled = 1e9\n[a.'b.c']\nd = [1, {x = 'y'}] # z\n\"gateway.listen\" = '''x'''"))
	f.Add([]byte("version = 0\nbatching = {}\n[gateway]\nallowed_hosts = [ 'a', # b\n]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, broken := decode("f", text)
		if broken == nil {
			if err := d.config.Validate(); err != nil {
				t.Fatalf("what loads does not validate: %v", err)
			}
			up, _, err := revise("f", upgrade(text, d), d.config)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := decode("f", up); err != nil || !got.config.Equal(d.config) || got.version != Version {
				t.Fatalf("migrated, it does not load equal: %v\n%s", err, up)
			}
		}
		want, err := Default().With("adaptive.max", "77")
		if err != nil {
			t.Fatal(err)
		}
		revised, whole, err := revise("f", text, want)
		if errors.Is(err, ErrNewer) {
			return
		}
		got, err := decode("f", revised)
		if err != nil || !got.config.Equal(want) || got.version != Version {
			t.Fatalf("saved, it does not load equal: %v\n%s", err, revised)
		}
		if broken == nil && whole && len(got.unknown) != len(d.unknown) {
			t.Fatalf("unknown keys are lost: %v", d.unknown)
		}
	})
}
