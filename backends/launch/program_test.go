package launch

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	for _, tt := range []struct {
		name, os, there string
		kind            Kind
		path            bool
		want            string
	}{
		{"OnPathFirst", "linux", "/usr/local/bin/ollama", Ollama, true, "/on/path/ollama"},
		{"Linux", "linux", "/usr/local/bin/ollama", Ollama, false, "/usr/local/bin/ollama"},
		{"LinuxBrew", "linux", "/home/linuxbrew/.linuxbrew/bin/llama-server", LlamaCPP, false, "/home/linuxbrew/.linuxbrew/bin/llama-server"},
		{"LMStudiosOwnFolder", "linux", "/home/me/.lmstudio/bin/lms", LMStudio, false, "/home/me/.lmstudio/bin/lms"},
		{"InsideTheMacApp", "darwin", "/Applications/Ollama.app/Contents/Resources/ollama", Ollama, false, "/Applications/Ollama.app/Contents/Resources/ollama"},
		{"Homebrew", "darwin", "/opt/homebrew/bin/llama-server", LlamaCPP, false, "/opt/homebrew/bin/llama-server"},
		{"Windows", "windows", "/apps/Programs/Ollama/ollama.exe", Ollama, false, "/apps/Programs/Ollama/ollama.exe"},
		{"LMStudioOnWindows", "windows", "/home/me/.lmstudio/bin/lms.exe", LMStudio, false, "/home/me/.lmstudio/bin/lms.exe"},
		{"Missing", "linux", "", LlamaCPP, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := brandOf(tt.kind)
			if err != nil {
				t.Fatal(err)
			}
			p, err := b.find(machine{os: tt.os, home: "/home/me", apps: "/apps",
				onPath: func(name string) (string, error) {
					if tt.path {
						return "/on/path/" + name, nil
					}
					return "", exec.ErrNotFound
				},
				isThere: func(path string) bool { return path == tt.there },
			})
			if p.Path != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("%+v, %v", p, err)
			}
			if tt.want == "" && (!errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "install")) {
				t.Errorf("error %v", err)
			}
		})
	}
	if _, err := FindKind("gpt4all"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
}
