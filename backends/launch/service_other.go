//go:build !linux

package launch

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

func systemRoot() fs.FS { return nil }

// detect goes by what is installed.
func detect(k Kind, _ fs.FS) Found {
	m := thisMachine()
	there := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	switch {
	case k != Ollama:
	case runtime.GOOS == "darwin" && there(filepath.Join(m.home, "Library", "LaunchAgents", "homebrew.mxcl.ollama.plist")):
		return Found{Service: Brew}
	case runtime.GOOS == "darwin" && (there("/Applications/Ollama.app") || there(filepath.Join(m.home, "Applications", "Ollama.app"))):
		return Found{Service: MacApp}
	case runtime.GOOS == "windows" && there(filepath.Join(m.apps, "Programs", "Ollama", "ollama app.exe")):
		return Found{Service: WindowsApp}
	}
	return Found{Service: Shell}
}
