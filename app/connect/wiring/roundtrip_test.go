package wiring

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"
	"go.yaml.in/yaml/v3"

	"carpool/app/connect/edit"
)

// stays are the addresses of engines' ports in the samples that are none of an engine, or
// that the app does not take from there.
var stays = map[string][]string{
	"aider.aider.conf.yml":          {"set-env/3"},
	"anythingllm.env":               {"CHROMA_ENDPOINT"},
	"aichat.config.yaml":            {"rag_template"},
	"codex.config.toml":             {"model_providers/ollama/base_url"},
	"continue.config.yaml":          {"rules/1"},
	"crush.crush.json":              {"mcp/github/url"},
	"librechat.librechat.yaml":      {"interface/termsOfService/modalContent"},
	"openai.60-carpool-openai.conf": {"OTHER"},
	"vscodeollama.settings.json":    {"http.proxy"},
}

// engineAddress is one of an engine of this computer, as people write it.
var engineAddress = regexp.MustCompile(`(localhost|127\.0\.0\.1|\[::1\]):(11434|1234|8080|9931)\b`)

func TestEveryAddressAndNothingElse(t *testing.T) {
	for name, a := range samples(t) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, target)
			file := r.write(settingsOf(a, name), sample(t, name))
			r.connect(a.ID, file)
			before, after := flat(t, name, sample(t, name)), flat(t, name, r.text(file))
			for path, was := range before {
				is, there := after[path]
				switch {
				case !there:
					t.Errorf("%s is gone", path)
				case is == was:
				case strings.Contains(was, "https://"), !strings.Contains(is, "127.0.0.1:11435"):
					t.Errorf("%s was %q and is %q", path, was, is)
				case was != "" && was != "localhost" && !engineAddress.MatchString(was):
					t.Errorf("%s was no engine's: %q", path, was)
				}
			}
			for path, is := range after {
				if _, there := before[path]; !there && !strings.Contains(is, "127.0.0.1:11435") && a.fresh == nil {
					t.Errorf("%s was added: %q", path, is)
				}
			}
			var left []string
			for path, is := range after {
				if engineAddress.MatchString(is) {
					left = append(left, path)
				}
			}
			if !slices.Equal(left, stays[name]) {
				t.Errorf("these name an engine still: %q, want %q", left, stays[name])
			}
			was, is := comments(sample(t, name)), comments(r.text(file))
			if !slices.Equal(was, is) {
				t.Errorf("comments were %q and are %q", was, is)
			}
		})
	}
}

// flat are the values of a file by their paths, read by the parsers that apps use.
func flat(t *testing.T, name, text string) map[string]string {
	t.Helper()
	var root any
	var err error
	text = strings.TrimPrefix(text, "\ufeff")
	switch format(name) {
	case edit.JSON:
		var plain []byte
		if plain, err = hujson.Standardize([]byte(text)); err == nil {
			err = json.Unmarshal(plain, &root)
		}
	case edit.YAML:
		err = yaml.Unmarshal([]byte(text), &root)
	case edit.TOML:
		m := map[string]any{}
		err = toml.Unmarshal([]byte(text), &m)
		root = m
	case edit.Env:
		m := map[string]any{}
		for line := range strings.Lines(text) {
			if key, value, ok := strings.Cut(line, "="); ok && line[0] != '#' {
				m[key] = strings.Trim(strings.TrimSpace(value), `"'`)
			}
		}
		root = m
	}
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	flatten(all, "", root)
	return all
}

func flatten(all map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			flatten(all, strings.TrimPrefix(path+"/"+k, "/"), inner)
		}
	case []any:
		for i, inner := range v {
			flatten(all, strings.TrimPrefix(fmt.Sprint(path, "/", i), "/"), inner)
		}
	default:
		all[path] = fmt.Sprint(v)
	}
}

// comments are those of a text, in order. What looks like one within a text counts too.
func comments(text string) []string {
	return regexp.MustCompile(`(?m)(^|\s)(#|//|/\*)[^\r\n]*`).FindAllString(text, -1)
}

// layouts are ways in which editors leave the same settings.
var layouts = map[string]func(string) string{
	"LF":             func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") },
	"CRLF":           func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n") },
	"NoLastEnd":      func(s string) string { return strings.TrimRight(s, "\r\n") },
	"Mark":           func(s string) string { return "\ufeff" + strings.TrimPrefix(s, "\ufeff") },
	"TrailingBlanks": func(s string) string { return regexp.MustCompile(`(\r?\n)`).ReplaceAllString(s, "  $1") },
	"BlankLines":     func(s string) string { return s + "\n\n\n" },
}

func TestEveryLayoutComesBack(t *testing.T) {
	for name, a := range samples(t) {
		for layout, of := range layouts {
			t.Run(name+"/"+layout, func(t *testing.T) {
				r := newRig(t, target)
				before := of(sample(t, name))
				file := r.write(settingsOf(a, name), before)
				r.connect(a.ID, file)
				after := r.text(file)
				if layout == "CRLF" && strings.Contains(strings.ReplaceAll(after, "\r\n", ""), "\n") {
					t.Errorf("ends of lines are mixed: %q", after)
				}
				if got, want := flat(t, name, after), flat(t, name, sample(t, name+".connected")); !maps.Equal(folded(got), folded(want)) {
					t.Errorf("got %v, want %v", got, want)
				}
				r.revert(a.ID)
				if got := r.text(file); got != before {
					t.Errorf("taken back: %q, want %q", got, before)
				}
			})
		}
	}
}

// folded leaves ends of lines and what trails behind them out of texts.
func folded(all map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range all {
		out[k] = strings.Join(strings.Fields(v), " ")
	}
	return out
}

// settingsOf is a name as the app has it.
func settingsOf(a App, sample string) string {
	if a.ID == "anythingllm" {
		return "app/.env"
	}
	_, base, _ := strings.Cut(sample, ".")
	return "app/" + base
}

// A file that was cut off anywhere is refused, or comes back as it was.
func TestCutOffAnywhere(t *testing.T) {
	w := newRig(t, target).w
	for name, a := range samples(t) {
		whole := sample(t, name)
		for i := range whole {
			before := whole[:i]
			after, done, err := w.plan(a, name, []byte(before))
			if err != nil {
				continue
			}
			d, err := edit.Parse(format(name), after)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", name, i, err)
			}
			back, err := d.Undo(done)
			if err != nil || strings.Join(strings.Fields(string(back)), "") != strings.Join(strings.Fields(before), "") {
				t.Fatalf("%s, %d bytes: %q became %q and %q, %v", name, i, before, after, back, err)
			}
		}
	}
}

func TestEveryApp(t *testing.T) {
	done := map[string]bool{}
	for name, a := range samples(t) {
		if done[a.ID] {
			continue
		}
		done[a.ID] = true
		before := sample(t, name)
		t.Run(a.ID+"/FollowsALink", func(t *testing.T) {
			r := newRig(t, target)
			file := r.write("dotfiles/"+settingsOf(a, name), before)
			link := filepath.Join(r.home, filepath.Base(file))
			if err := os.Symlink(file, link); err != nil {
				t.Skip(err)
			}
			r.connect(a.ID, link)
			if got := r.text(file); got != sample(t, name+".connected") {
				t.Error(got)
			}
			r.revert(a.ID)
			if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || r.text(file) != before {
				t.Errorf("the link was replaced, or the file is not as it was: %v", err)
			}
		})
		t.Run(a.ID+"/LeavesAReadOnlyFile", func(t *testing.T) {
			r := newRig(t, target)
			file := r.write(settingsOf(a, name), before)
			if err := os.Chmod(file, 0o444); err != nil { //nolint:gosec // that it is read-only is what is tested
				t.Fatal(err)
			}
			c, err := r.w.Connect(a, file)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Apply(); err == nil || !strings.Contains(err.Error(), "read-only") || r.text(file) != before {
				t.Errorf("got %v", err)
			}
		})
		t.Run(a.ID+"/LeavesAFileThatChangedSinceItWasShown", func(t *testing.T) {
			r := newRig(t, target)
			file := r.write(settingsOf(a, name), before)
			c, err := r.w.Connect(a, file)
			if err != nil {
				t.Fatal(err)
			}
			other := theirs(format(file), before)
			r.write(settingsOf(a, name), other)
			if err := c.Apply(); err == nil || !strings.Contains(err.Error(), "look again") || r.text(file) != other {
				t.Errorf("got %v", err)
			}
			if f := r.w.find(a); f.Changed {
				t.Error("what was not changed counts as changed")
			}
		})
		t.Run(a.ID+"/LeavesAFileThatIsGoneSinceItWasShown", func(t *testing.T) {
			r := newRig(t, target)
			file := r.write(settingsOf(a, name), before)
			c, err := r.w.Connect(a, file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if err := c.Apply(); err == nil {
				t.Error("it was made anew")
			}
			if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("it is there: %v", err)
			}
		})
		t.Run(a.ID+"/IsMissing", func(t *testing.T) {
			r := newRig(t, target)
			_, err := r.w.Connect(a, filepath.Join(r.home, "nowhere", filepath.Base(settingsOf(a, name))))
			if !errors.Is(err, ErrAbsent) {
				t.Errorf("got %v", err)
			}
			if !a.always {
				if _, err := r.w.Connect(a, ""); !errors.Is(err, ErrAbsent) {
					t.Errorf("in its usual place: %v", err)
				}
			}
		})
	}
}
