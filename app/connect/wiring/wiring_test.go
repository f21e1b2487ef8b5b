package wiring

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"carpool/app/connect"
	"carpool/app/connect/edit"
)

var target = Target{Endpoint: "http://127.0.0.1:11435", Model: "llama3.2:1b"}

// rig is a user's home with nothing in it, and a Carpool's state.
type rig struct {
	t    *testing.T
	home string
	w    *Wiring
}

func newRig(t *testing.T, to Target) rig {
	t.Helper()
	home := t.TempDir()
	c := Computer{OS: "linux", Home: home, Getenv: func(string) string { return "" }}
	return rig{t, home, New(c, filepath.Join(home, "state"), to)}
}

// write puts a file below the home.
func (r rig) write(name, text string) string {
	r.t.Helper()
	path := filepath.Join(r.home, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func (r rig) text(path string) string {
	r.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

func (r rig) app(id string) App {
	r.t.Helper()
	a, ok := Lookup(id)
	if !ok {
		r.t.Fatalf("no app %s", id)
	}
	return a
}

func (r rig) connect(id, file string) Change {
	r.t.Helper()
	c, err := r.w.Connect(r.app(id), file)
	if err == nil {
		err = c.Apply()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r rig) revert(id string) Change {
	r.t.Helper()
	c, err := r.w.Revert(r.app(id))
	if err == nil {
		err = c.Apply()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// samples are the files of testdata, by name, with their app.
func samples(t *testing.T) map[string]App {
	t.Helper()
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]App{}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".connected") || e.Name() == "SOURCES.md" {
			continue
		}
		id, _, _ := strings.Cut(e.Name(), ".")
		id, _, _ = strings.Cut(id, "-")
		a, ok := Lookup(id)
		if !ok {
			t.Fatalf("%s belongs to no app", e.Name())
		}
		all[e.Name()] = a
	}
	return all
}

func sample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSamples(t *testing.T) {
	all := samples(t)
	sources := sample(t, "SOURCES.md")
	seen := map[string]bool{}
	for name, a := range all {
		seen[a.ID] = true
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(sources, "| "+name+" |") {
				t.Errorf("SOURCES.md does not say what %s is shaped after", name)
			}
			r := newRig(t, target)
			before := sample(t, name)
			_, base, _ := strings.Cut(name, ".")
			if a.ID == "anythingllm" {
				base = ".env"
			}
			file := r.write("app/"+base, before)

			r.connect(a.ID, file)
			after := r.text(file)
			wanted := filepath.Join("testdata", name+".connected")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(wanted, []byte(after), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want := sample(t, name+".connected"); after != want {
				t.Errorf("got:\n%s\nwant:\n%s", after, want)
			}
			if f := r.w.find(a); f.State != Connected || !f.Changed {
				t.Errorf("found as %+v", f)
			}
			if _, err := r.w.Connect(a, file); !errors.Is(err, ErrConnected) {
				t.Errorf("connected again: %v", err)
			}

			if c := r.revert(a.ID); c.Others {
				t.Error("nobody else changed it")
			}
			if got := r.text(file); got != before {
				t.Errorf("taken back:\n%s", got)
			}
			if f := r.w.find(a); f.Changed {
				t.Error("it still counts as changed")
			}
		})
		t.Run(name+"/ChangedSince", func(t *testing.T) {
			r := newRig(t, target)
			before := sample(t, name)
			_, base, _ := strings.Cut(name, ".")
			if a.ID == "anythingllm" {
				base = ".env"
			}
			file := r.write("app/"+base, before)
			r.connect(a.ID, file)
			r.write("app/"+base, theirs(format(file), r.text(file)))
			c, err := r.w.Revert(a)
			if err == nil {
				err = c.Apply()
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := r.text(file); !c.Others || got != theirs(format(file), before) {
				t.Errorf("taken back by itself: %v\ngot:\n%s\nwant:\n%s", c.Others, got, theirs(format(file), before))
			}
		})
	}
	for _, a := range known {
		if !seen[a.ID] {
			t.Errorf("%s has no sample", a.ID)
		}
		if !strings.Contains(a.Source, "https://") || a.After == "" {
			t.Errorf("%s names no source or says nothing", a.ID)
		}
	}
}

// theirs is a text after a change by somebody else.
func theirs(f edit.Format, text string) string {
	mark := ""
	if rest, ok := strings.CutPrefix(text, "\ufeff"); ok {
		mark, text = "\ufeff", rest
	}
	switch f {
	case edit.JSON:
		text = strings.Replace(text, "{", "{ \"theirs\": 1,", 1)
	case edit.TOML:
		text = "theirs = 1\n" + text
	case edit.Env:
		text = "THEIRS=1\n" + text
	case edit.YAML:
		text = "# theirs\n\n" + text
	}
	return mark + text
}

func TestKnown(t *testing.T) {
	for _, a := range known {
		guided := slices.ContainsFunc(connect.Guides(target.Endpoint, ""), func(g connect.Guide) bool { return g.App == a.Name })
		if !guided {
			t.Errorf("%s has no steps to do by hand", a.Name)
		}
		if got, ok := Lookup(strings.ToUpper(a.Name)); !ok || got.ID != a.ID {
			t.Errorf("%s is found as %s", a.Name, got.ID)
		}
	}
	for name, want := range map[string]string{"conti": "continue", "VS-Code": "vscode", "open": "", "": "", "?": ""} {
		if got, ok := Lookup(name); ok != (want != "") || got.ID != want {
			t.Errorf("%q is %q", name, got.ID)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		text string
		form form
		is   about
		want string
	}{
		{"http://localhost:11434", keep, engine, "http://127.0.0.1:11435"},
		{"http://localhost:11434/", keep, engine, "http://127.0.0.1:11435/"},
		{"http://[::1]:1234/api/v0", keep, engine, "http://127.0.0.1:11435/api/v0"},
		{"http://127.0.0.1:9931/v1?a=b", openAI, engine, "http://127.0.0.1:11435/v1?a=b"},
		{"http://localhost:8080", openAI, engine, "http://127.0.0.1:11435/v1"},
		{"localhost", host, engine, "http://127.0.0.1:11435"},
		{"127.0.0.1:11434", host, engine, "http://127.0.0.1:11435"},
		{"http://127.0.0.1:11434", host, engine, "http://127.0.0.1:11435"},
		{"OLLAMA_API_BASE=http://localhost:11434", named, engine, "OLLAMA_API_BASE=http://127.0.0.1:11435"},
		{"http://localhost:11435/v1", openAI, carpool, ""},
		{"127.0.0.1:11435", host, carpool, ""},
		{"https://api.openai.com/v1", openAI, foreign, ""},
		{"http://192.168.1.20:11434", keep, foreign, ""},
		{"http://host.docker.internal:11434", keep, foreign, ""},
		{"http://localhost.evil.example:11434", keep, foreign, ""},
		{"http://user:secret@localhost:11434", keep, foreign, ""},
		{"https://localhost:11434", keep, foreign, ""},
		{"http://localhost:3000", keep, foreign, ""},
		{"0.0.0.0", host, foreign, ""},
		{"OTHER=http://localhost:11434", named, foreign, ""},
		{"${OLLAMA_URL}", keep, foreign, ""},
	} {
		if is, got := judge(tt.text, tt.form, target.Endpoint); is != tt.is || got != tt.want {
			t.Errorf("%s is %d, %q; want %d, %q", tt.text, is, got, tt.is, tt.want)
		}
	}
	if is, _ := judge("http://localhost:11434", keep, "http://127.0.0.1:11434"); is != carpool {
		t.Error("a Carpool that has taken the engine's port is not known for one")
	}
}

func TestConnect(t *testing.T) {
	const zed = `{"language_models": {"ollama": {"api_url": "http://localhost:11434"}}}`
	t.Run("FollowsThePort", func(t *testing.T) {
		r := newRig(t, Target{Endpoint: "http://127.0.0.1:8099"})
		file := r.write(".config/zed/settings.json", zed)
		r.connect("zed", "")
		if got := r.text(file); got != strings.ReplaceAll(zed, "localhost:11434", "127.0.0.1:8099") {
			t.Error(got)
		}
	})
	t.Run("FollowsAPortThatMoved", func(t *testing.T) {
		r := newRig(t, target)
		file := r.write(".config/zed/settings.json", zed)
		r.connect("zed", "")
		r.w.target.Endpoint = "http://127.0.0.1:9000"
		r.connect("zed", "")
		if got := r.text(file); got != strings.ReplaceAll(zed, "localhost:11434", "127.0.0.1:9000") {
			t.Error(got)
		}
		r.revert("zed")
		if got := r.text(file); got != zed {
			t.Errorf("taken back: %s", got)
		}
	})
	t.Run("LeavesWhatIsNotUnderstood", func(t *testing.T) {
		for name, tt := range map[string]struct{ app, file, text, want string }{
			"broken":      {"zed", "a.json", `{"a": `, "does not parse"},
			"twice":       {"zed", "a.json", `{"language_models": {"ollama": {"api_url": "http://localhost:11434", "api_url": "x"}}}`, "twice"},
			"anchors":     {"continue", "a.yaml", "models:\n  - &a\n    name: x\n    apiBase: http://localhost:11434\n", "anchors"},
			"several":     {"continue", "a.yaml", "name: a\n---\nname: b\n", "several documents"},
			"twice yaml":  {"goose", "a.yaml", "OLLAMA_HOST: localhost\nOLLAMA_HOST: localhost\n", "twice"},
			"escapes":     {"zed", "a.json", `{"language_models": {"ollama": {"api_url": "http:\/\/localhost:11434"}}}`, "cannot be replaced"},
			"lines":       {"goose", "a.yaml", "OLLAMA_HOST: >-\n  localhost\n", "cannot be replaced"},
			"one value":   {"continue", "a.yaml", "ollama\n", "a single value"},
			"toml":        {"codex", "a.toml", "a = 1\na = 2\n", "does not parse"},
			"env":         {"anythingllm", ".env", "if true; then\n", "NAME=value"},
			"env quote":   {"anythingllm", ".env", "A='1\n2'\n", "quote without an end"},
			"other shape": {"zed", "a.json", `{"language_models": 7}`, "something else"},
			"cloud alone": {"obsidian", "a.json", `{"activeModels": [{"baseUrl": "https://api.openai.com/v1"}]}`, "no engine of this computer"},
			"a folder":    {"zed", "", "", "not a file"},
			"unknown":     {"zed", "a.xml", "<a/>", "cannot be edited"},
		} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, target)
				file := r.home
				if tt.file != "" {
					file = r.write(tt.file, tt.text)
				}
				_, err := r.w.Connect(r.app(tt.app), file)
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v", err)
				}
				if tt.file != "" && r.text(file) != tt.text {
					t.Error("the file was changed")
				}
			})
		}
	})
	t.Run("NeedsAModelForAnEntryOfOne", func(t *testing.T) {
		r := newRig(t, Target{Endpoint: target.Endpoint})
		file := r.write("extra-openai-models.yaml", "# none\n")
		if _, err := r.w.Connect(r.app("llm"), file); !errors.Is(err, errNoModel) {
			t.Error(err)
		}
	})
	t.Run("MakesAFileOfItsOwn", func(t *testing.T) {
		r := newRig(t, target)
		c := r.connect("ollama", "")
		if got := r.text(c.File); got != "OLLAMA_HOST=http://127.0.0.1:11435\n" || c.File != filepath.Join(r.home, ".config", "environment.d", "60-carpool-ollama.conf") {
			t.Errorf("%s: %q", c.File, got)
		}
		if !strings.Contains(c.Diff(), "+OLLAMA_HOST=") || !strings.Contains(c.Diff(), os.DevNull) {
			t.Error(c.Diff())
		}
		r.revert("ollama")
		if _, err := os.Stat(c.File); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it is still there: %v", err)
		}
	})
	t.Run("KeepsOpenAIsCloud", func(t *testing.T) {
		r := newRig(t, target)
		r.w.computer.Getenv = func(name string) string { return map[string]string{"OPENAI_API_KEY": "sk-real"}[name] }
		if _, err := r.w.Connect(r.app("openai"), ""); err == nil || strings.Contains(err.Error(), "sk-real") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("LooksInTheUsualPlaces", func(t *testing.T) {
		r := newRig(t, target)
		if _, err := r.w.Connect(r.app("zed"), ""); !errors.Is(err, ErrAbsent) {
			t.Error(err)
		}
		r.write("vault/.obsidian/plugins/copilot/data.json", sample(t, "obsidian.data.json"))
		r.write(".config/obsidian/obsidian.json", `{"vaults":{"a":{"path":"`+filepath.ToSlash(filepath.Join(r.home, "gone"))+`","ts":2},"b":{"path":"`+filepath.ToSlash(filepath.Join(r.home, "vault"))+`","ts":1}}}`)
		r.write(".config/goose/config.yaml", "OLLAMA_HOST: http://localhost:11435\n")
		r.write(".continue/config.yaml", "models:\n  - provider: ollama\n    model: a\n")
		r.write(".codex/config.toml", "a = \n")
		states := map[string]State{}
		for _, f := range r.w.Find() {
			states[f.ID] = f.State
		}
		for id, want := range map[string]State{"obsidian": Direct, "goose": Connected, "continue": Direct, "codex": Unclear, "zed": Absent, "librechat": Absent, "llm": Absent, "ollama": Unset} {
			if states[id] != want {
				t.Errorf("%s is %s, want %s", id, states[id], want)
			}
		}
	})
}

func TestFiles(t *testing.T) {
	const text = "OLLAMA_HOST: localhost\n"
	t.Run("FollowsALink", func(t *testing.T) {
		r := newRig(t, target)
		file := r.write("dotfiles/goose.yaml", text)
		link := filepath.Join(r.home, "config.yaml")
		if err := os.Symlink(file, link); err != nil {
			t.Skip(err)
		}
		r.connect("goose", link)
		if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("the link was replaced: %v", err)
		}
		if got := r.text(file); got != "OLLAMA_HOST: http://127.0.0.1:11435\n" {
			t.Error(got)
		}
		r.revert("goose")
		if got := r.text(link); got != text {
			t.Error(got)
		}
	})
	t.Run("KeepsModeAndContentsOfOthers", func(t *testing.T) {
		r := newRig(t, target)
		file := r.write("config.yaml", text)
		if err := os.Chmod(file, 0o604); err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, do := range []func(){func() { r.connect("goose", file) }, func() { r.revert("goose") }} {
			do()
			if after, err := os.Stat(file); err != nil || after.Mode() != before.Mode() {
				t.Errorf("mode %v, was %v (%v)", after.Mode(), before.Mode(), err)
			}
		}
	})
	t.Run("RefusesAReadOnlyFile", func(t *testing.T) {
		r := newRig(t, target)
		file := r.write("config.yaml", text)
		if err := os.Chmod(file, 0o444); err != nil {
			t.Fatal(err)
		}
		c, err := r.w.Connect(r.app("goose"), file)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Apply(); err == nil || !strings.Contains(err.Error(), "read-only") || r.text(file) != text {
			t.Errorf("got %v", err)
		}
		if _, err := r.w.Revert(r.app("goose")); err == nil {
			t.Error("what was not changed can be taken back")
		}
	})
	t.Run("RefusesAFileThatChangedWhileItAsked", func(t *testing.T) {
		r := newRig(t, target)
		file := r.write("config.yaml", text)
		c, err := r.w.Connect(r.app("goose"), file)
		if err != nil {
			t.Fatal(err)
		}
		r.write("config.yaml", text+"# theirs\n")
		if err := c.Apply(); err == nil || r.text(file) != text+"# theirs\n" {
			t.Errorf("got %v: %s", err, r.text(file))
		}
		left, err := filepath.Glob(filepath.Join(r.home, ".carpool-*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	t.Run("KeepsWhatWasThere", func(t *testing.T) {
		r := newRig(t, target)
		r.connect("goose", r.write("config.yaml", text))
		backup := r.w.backups.file("goose")
		if got := r.text(backup); got != text {
			t.Error(got)
		}
	})
	t.Run("RefusesToRevertWhatIsNotItsOwnAnyMore", func(t *testing.T) {
		r := newRig(t, target)
		file := r.write("config.yaml", text)
		r.connect("goose", file)
		theirs := "OLLAMA_HOST: http://127.0.0.1:11435/other\n"
		r.write("config.yaml", theirs)
		_, err := r.w.Revert(r.app("goose"))
		if !errors.Is(err, edit.ErrMoved) || !strings.Contains(err.Error(), r.w.backups.file("goose")) || r.text(file) != theirs {
			t.Errorf("got %v", err)
		}
		if _, err := r.w.Connect(r.app("goose"), file); err == nil || r.text(r.w.backups.file("goose")) != text {
			t.Errorf("what was kept may be lost: %v", err)
		}
	})
	const two = "models:\n  - name: a\n    apiBase: http://localhost:11434\n  - name: b\n    apiBase: http://localhost:1234\n"
	t.Run("FindsItsOwnAfterListsMoved", func(t *testing.T) {
		const swapped = "models:\n  - name: new\n    model: x\n  - name: b\n    apiBase: %b\n  - name: a\n    apiBase: %a\n"
		r := newRig(t, target)
		file := r.write("config.yaml", two)
		r.connect("continue", file)
		r.write("config.yaml", strings.NewReplacer("%a", target.Endpoint, "%b", target.Endpoint).Replace(swapped))
		r.revert("continue")
		if got := r.text(file); got != strings.NewReplacer("%a", "http://localhost:11434", "%b", "http://localhost:1234").Replace(swapped) {
			t.Error(got)
		}
	})
	t.Run("RefusesToGuessWhichAddressWasWhich", func(t *testing.T) {
		for name, change := range map[string]*strings.Replacer{
			"one more": strings.NewReplacer("models:\n", "models:\n  - name: c\n    apiBase: http://127.0.0.1:11435\n"),
			"one less": strings.NewReplacer("  - name: a\n    apiBase: http://127.0.0.1:11435\n", ""),
			"renamed":  strings.NewReplacer("name: a", "name: c", "name: b", "name: d"),
		} {
			r := newRig(t, target)
			file := r.write("config.yaml", two)
			r.connect("continue", file)
			r.write("config.yaml", change.Replace(r.text(file)))
			if c, err := r.w.Revert(r.app("continue")); !errors.Is(err, edit.ErrMoved) {
				t.Errorf("%s: %v\n%s", name, err, c.Diff())
			}
		}
	})
	t.Run("NeverWritesOverTheOnlyCopy", func(t *testing.T) {
		r := newRig(t, target)
		file := r.write("config.yaml", two)
		r.connect("continue", file)
		r.write("config.yaml", strings.Replace(r.text(file), "name: a\n    apiBase: http://127.0.0.1:11435", "name: a\n    apiBase: http://localhost:8080", 1))
		if _, err := r.w.Connect(r.app("continue"), file); err == nil || !strings.Contains(err.Error(), r.w.backups.file("continue")) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("BeginsAnewOnceItsUserHasTakenItBack", func(t *testing.T) {
		r := newRig(t, target)
		file := r.write("config.yaml", text)
		r.connect("goose", file)
		r.write("config.yaml", "# new\n"+text)
		r.connect("goose", file)
		r.revert("goose")
		if got := r.text(file); got != "# new\n"+text {
			t.Error(got)
		}
	})
	t.Run("RefusesADamagedBackup", func(t *testing.T) {
		r := newRig(t, target)
		file := r.write("config.yaml", text)
		r.connect("goose", file)
		if err := os.WriteFile(r.w.backups.file("goose"), []byte("other"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := r.w.Revert(r.app("goose")); err == nil || r.text(file) == "other" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("FindsAFolderOfItsOwnForEachSystem", func(t *testing.T) {
		none := func(string) string { return "" }
		for id, want := range map[string][3]string{ // linux, darwin, windows
			"vscode":      {"/h/.config/Code/User/chatLanguageModels.json", "/h/Library/Application Support/Code/User/chatLanguageModels.json", "/h/AppData/Roaming/Code/User/chatLanguageModels.json"},
			"zed":         {"/h/.config/zed/settings.json", "/h/.config/zed/settings.json", "/h/AppData/Roaming/Zed/settings.json"},
			"goose":       {"/h/.config/goose/config.yaml", "/h/.config/goose/config.yaml", "/h/AppData/Roaming/Block/goose/config/config.yaml"},
			"crush":       {"/h/.config/crush/crush.json", "/h/.config/crush/crush.json", "/h/AppData/Local/crush/crush.json"},
			"opencode":    {"/h/.config/opencode/opencode.jsonc", "/h/.config/opencode/opencode.jsonc", "/h/.config/opencode/opencode.jsonc"},
			"aichat":      {"/h/.config/aichat/config.yaml", "/h/Library/Application Support/aichat/config.yaml", "/h/AppData/Roaming/aichat/config.yaml"},
			"codex":       {"/h/.codex/config.toml", "/h/.codex/config.toml", "/h/.codex/config.toml"},
			"anythingllm": {"/h/.config/anythingllm-desktop/storage/.env", "/h/Library/Application Support/anythingllm-desktop/storage/.env", "/h/AppData/Roaming/anythingllm-desktop/storage/.env"},
		} {
			for i, system := range []string{"linux", "darwin", "windows"} {
				got := newRig(t, target).app(id).files(Computer{OS: system, Home: "/h", Getenv: none})
				if filepath.ToSlash(got[0]) != want[i] {
					t.Errorf("%s on %s: %s", id, system, got)
				}
			}
		}
	})
	t.Run("GoesWhereVariablesSay", func(t *testing.T) {
		for id, variable := range map[string]string{"crush": "CRUSH_GLOBAL_CONFIG", "codex": "CODEX_HOME", "continue": "CONTINUE_GLOBAL_DIR", "llm": "LLM_USER_PATH", "aichat": "AICHAT_CONFIG_DIR"} {
			there := func(name string) string { return map[string]string{variable: "/there"}[name] }
			got := newRig(t, target).app(id).files(Computer{OS: "linux", Home: "/h", Getenv: there})
			if filepath.ToSlash(filepath.Dir(got[0])) != "/there" {
				t.Errorf("%s: %s", id, got)
			}
		}
		file := func(name string) string { return map[string]string{"AICHAT_CONFIG_FILE": "/mine.yaml"}[name] }
		if got := newRig(t, target).app("aichat").files(Computer{OS: "linux", Home: "/h", Getenv: file}); got[0] != "/mine.yaml" {
			t.Error(got)
		}
	})
}

// A cloud's entries stay, byte by byte, whatever else changes.
func TestCloudIsNeverTouched(t *testing.T) {
	for name := range samples(t) {
		for _, word := range []string{"https://", "sk-", "192.168"} {
			before, after := lines(sample(t, name), word), lines(sample(t, name+".connected"), word)
			if !slices.Equal(before, after) {
				t.Errorf("%s: %q became %q", name, before, after)
			}
		}
	}
}

func lines(text, word string) []string {
	var all []string
	for line := range bytes.Lines([]byte(text)) {
		if strings.Contains(string(line), word) {
			all = append(all, strings.TrimRight(string(line), ",\r\n"))
		}
	}
	return all
}
