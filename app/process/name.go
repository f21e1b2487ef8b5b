package process

import (
	"regexp"
	"strings"
)

// facts are what the system tells of a process.
type facts struct {
	exe    string   // path of its program; "" = not to be read
	name   string   // what the system calls it, which may be cut short
	args   []string // its command line, its own name included
	cgroup string   // of a Flatpak; else ""
}

// app names the program. Standing first is what says most: a bundle or a
// sandbox is made for one app, an interpreter runs somebody's script, and for
// all others the file's own name is the best there is.
func (f facts) app() App {
	base := f.base()
	if standsIn(base) {
		return App{}
	}
	bundle, inner := bundles(f.exe)
	lang, interprets := languageOf(base)
	if inner != "" {
		if _, ok := languageOf(strings.ToLower(inner)); !ok { // Python.app is an interpreter
			return App{Name: label(bundle), ID: bundle}
		}
	}
	id := flatpakID(f.cgroup)
	switch {
	case id != "":
		return App{Name: label(lastTelling(id)), ID: id}
	case interprets:
		return App{Name: label(lang.names(base, f.args)), ID: lang.id}
	case base == "electron" || base == "AppRun":
		if name := f.packaged(); name != "" {
			return App{Name: label(name), ID: name}
		}
	}
	id = base
	if snap := snapOf(f.exe); snap != "" {
		id = snap + "_" + base
	}
	return App{Name: label(base), ID: id}
}

// sharedHelper tells whether the process is one of several of an app that runs
// in a program shared by many apps, so that only the main one knows its name.
func (f facts) sharedHelper() bool {
	if f.base() != "electron" {
		return false
	}
	for _, a := range f.args {
		if strings.HasPrefix(a, "--type=") {
			return true
		}
	}
	return false
}

// base is the program's file name without what only its system adds.
func (f facts) base() string {
	path := strings.TrimSuffix(f.exe, " (deleted)") // its file was replaced by an update
	if path == "" {
		path = f.name
	}
	folder, base := split(path)
	if strings.EqualFold(base[max(0, len(base)-4):], ".exe") {
		base = base[:len(base)-4]
	}
	if wrapped, ok := strings.CutSuffix(base, "-wrapped"); ok {
		base = strings.TrimPrefix(wrapped, ".") // NixOS
	}
	switch base {
	case "chrome_crashpad_handler":
		_, base = split(folder)
	case "firefox-bin", "firefox-esr", "thunderbird-bin":
		base, _, _ = strings.Cut(base, "-")
	}
	return base
}

// split cuts a path of any system before its last element.
func split(path string) (folder, base string) {
	path = strings.TrimRight(path, `/\`)
	i := strings.LastIndexAny(path, `/\`)
	return path[:max(i, 0)], path[i+1:]
}

// bundles are the outermost and the innermost macOS bundle of a path.
func bundles(path string) (outer, inner string) {
	for element := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutSuffix(element, ".app"); ok && name != "" {
			if outer == "" {
				outer = name
			}
			inner = name
		}
	}
	return outer, inner
}

var flatpakScope = regexp.MustCompile(`/app-flatpak-([A-Za-z0-9_.\-\\]+)-[0-9]+\.scope`)

// flatpakID is the id in a cgroup such as "/…/app-flatpak-org.foo.Bar-123.scope".
func flatpakID(cgroup string) string {
	m := flatpakScope.FindStringSubmatch(cgroup)
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], `\x2d`, "-")
}

// snapOf is the snap of a path such as "/snap/firefox/4793/usr/lib/…".
func snapOf(path string) string {
	rest, ok := strings.CutPrefix(path, "/snap/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

var (
	appImage = regexp.MustCompile(`/\.mount_(.+)[A-Za-z0-9]{6}/`)
	asar     = regexp.MustCompile(`([^/\\]+)[/\\](?:resources[/\\])?[^/\\]*\.asar$`)
)

// packaged is the name of an app whose program is called as many others are.
func (f facts) packaged() string {
	for _, a := range f.args[min(1, len(f.args)):] {
		if m := asar.FindStringSubmatch(a); m != nil {
			return m[1]
		}
		if !strings.HasPrefix(a, "-") {
			return scriptName(a)
		}
	}
	if m := appImage.FindStringSubmatch(f.exe); m != nil {
		return m[1] // cut to six letters by AppImage
	}
	return ""
}

// stand-ins carry other programs' connections, of which they tell nothing:
// containers' networks, Windows' Linux, Safari's and its relatives' network.
var standIns = []string{"docker-proxy", "com.docker.", "rootlessport", "rootlesskit", "slirp4netns", "pasta", "passt",
	"gvproxy", "vpnkit", "wslrelay", "wslhost", "svchost", "com.apple.WebKit.Networking"}

func standsIn(base string) bool {
	for _, s := range standIns {
		if base == s || strings.HasPrefix(base, s+".") || strings.HasSuffix(s, ".") && strings.HasPrefix(base, s) {
			return true
		}
	}
	return false
}

// labels are the names by which people know a few programs whose files are
// called otherwise, by lower-case file name.
var labels = map[string]string{
	"code": "VS Code", "code-insiders": "VS Code Insiders", "visual studio code": "VS Code", "codium": "VSCodium",
	"cursor": "Cursor", "windsurf": "Windsurf", "zed": "Zed", "zed-editor": "Zed", "idea": "IntelliJ IDEA", "idea64": "IntelliJ IDEA",
	"lm-studio": "LM Studio", "pycharm": "PyCharm", "pycharm64": "PyCharm", "webstorm": "WebStorm", "obsidian": "Obsidian", "logseq": "Logseq",
	"firefox": "Firefox", "chrome": "Chrome", "google chrome": "Chrome", "chromium": "Chromium", "chromium-browser": "Chromium",
	"msedge": "Edge", "microsoft edge": "Edge", "brave": "Brave", "brave-browser": "Brave", "thunderbird": "Thunderbird",
	"open-webui": "Open WebUI", "open_webui": "Open WebUI", "ipykernel_launcher": "Jupyter", "jupyter-lab": "Jupyter",
	"hass": "Home Assistant", "homeassistant": "Home Assistant", "anythingllm": "AnythingLLM", "anythingllm-desktop": "AnythingLLM",
}

func label(name string) string {
	if known, ok := labels[strings.ToLower(name)]; ok {
		return known
	}
	return name
}
