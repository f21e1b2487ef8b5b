package app_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport lists, for each folder, the folders of ours that it may import. A
// sub-folder of a listed folder counts, and so does a folder's own sub-folder,
// unless it has a line of its own.
var mayImport = map[string][]string{
	".":                      {"app/cli", "ui/desktop"},
	"app/cli":                {"app", "app/autostart", "app/belongings", "app/bench", "app/bench/gpu", "app/bench/relay", "app/config", "app/connect", "app/connect/containers", "app/connect/wiring", "app/control", "app/doctor", "app/doctor/examine", "app/energy", "app/fit", "app/takeover", "app/top", "backends/launch", "storage"},
	"app":                    {"app/advice", "app/autostart", "app/config", "app/connect", "app/control", "app/energy", "app/fit", "app/gateway", "app/gpus", "app/metrics", "app/process", "app/takeover", "app/tracing", "app/trial", "app/tuner", "app/wedge", "app/yield", "batching", "gpu", "backends", "backends/launch", "storage"},
	"app/advice":             {},
	"app/autostart":          {},
	"app/belongings":         {},
	"app/connect":            {},
	"app/connect/containers": {},
	"app/connect/edit":       {},
	"app/connect/wiring":     {"app/connect/edit"},
	"app/doctor":             {},
	"app/doctor/examine":     {"app/config", "app/connect/containers", "app/doctor", "backends", "backends/launch", "gpu"},
	"app/control":            {"app/connect", "app/fit", "app/trial", "backends/launch", "storage"},
	"app/gateway":            {"app/gateway/translate", "batching", "backends"},
	"app/gateway/translate":  {},
	"app/energy":             {},
	"app/fit":                {},
	"app/gpus":               {"gpu"},
	"app/wedge":              {},
	"app/yield":              {"app/gpus"},
	"app/tuner":              {"app/config", "app/gpus", "batching", "batching/adaptive", "backends", "gpu"},
	"app/bench":              {"app/gateway", "batching", "batching/adaptive", "backends"},
	"app/bench/gpu":          {"app/bench/rig", "app/energy", "backends", "gpu"},
	"app/bench/relay":        {},
	"app/bench/rig":          {"app/gateway", "backends", "batching", "internal/serve"},
	"app/takeover":           {},
	"app/top":                {},
	"app/trial":              {"app/bench/rig", "app/energy", "app/gateway", "backends", "batching"},
	"app/docs":               {},
	"app/e2e":                {},
	"app/trust":              {},
	"app/trust/ledger":       {},
	"app/config":             {},
	"app/metrics":            {},
	"app/process":            {},
	"app/tracing":            {},
	"batching":               {},
	"batching/adaptive":      {},
	"gpu":                    {},
	"backends":               {"internal/serve"},
	"backends/launch":        {},
	"internal/serve":         {},
	"internal/clocktest":     {},
	"storage":                {},
	"ui/chart":               {},
	"assets":                 {},
	"ui":                     {"app", "ui/chart", "assets"},
	"ui/desktop":             {"app", "ui", "assets"},
}

// reasons say why a folder is kept apart, for whoever meets the failure.
var reasons = map[string]string{
	"app/cli":                "the command line knows the surface of app, not its parts; of energy only its arithmetic",
	"app/advice":             "a leaf: figures come in as plain values",
	"app/autostart":          "a leaf: what starts at login comes in as a plain value",
	"app/belongings":         "a leaf: where things are comes in as plain values",
	"app/connect":            "a leaf: an address comes in as a plain value",
	"app/connect/containers": "a leaf: it asks Docker and Podman, whether Carpool runs or not",
	"app/connect/edit":       "pure: bytes of a settings file in, bytes out",
	"app/connect/wiring":     "settings of apps are changed without a Carpool that runs",
	"app/control":            "app starts it, so it cannot know app",
	"app/doctor":             "pure: what was found out comes in as plain values",
	"app/doctor/examine":     "it looks at the machine, whether Carpool runs or not",
	"app/gateway":            "HTTP must live without window, GPU and history",
	"app/gateway/translate":  "pure: bytes of one dialect in, bytes of another out",
	"app/tuner":              "limits come from values, not from parts that run",
	"app/energy":             "a leaf: joules and counts come in as plain values",
	"app/fit":                "a leaf: sizes come in as plain values",
	"app/gpus":               "whose a GPU is follows from readings and process ids alone",
	"app/wedge":              "a decision: what happens to requests in, a verdict with its reason out",
	"app/yield":              "a decision: values in, a state with its reason out",
	"app/bench/gpu":          "it measures the gateway on a real engine; the simulated suites next door need no GPU",
	"app/bench/relay":        "what it measures are programs, seen from outside",
	"app/bench/rig":          "it sends chats through a gateway to an engine, whatever they measure",
	"app/takeover":           "a leaf: who has a port does not know what is said there",
	"app/top":                "a leaf: a terminal knows no domain",
	"app/trial":              "a benchmark needs an engine and a gateway; who draws what, and what is kept, app tells and does",
	"internal/serve":         "a leaf: it serves any handler",
	"internal/clocktest":     "a leaf: it knows nothing but package time",
	"app/trust/ledger":       "pure: the notes of a run come in as plain values",
	"app/config":             "a leaf: settings know no part",
	"app/docs":               "tests alone: it runs the program from outside",
	"app/metrics":            "a leaf: figures come in as plain values",
	"app/tracing":            "a leaf: what is to be told comes in as plain values",
	"app/process":            "a leaf: a connection's other end has nothing to do with what it asks",
	"batching":               "a leaf: the scheduler lives without engines, GPU and history",
	"batching/adaptive":      "a leaf: the governor lives by values, and the scheduler does without it",
	"gpu":                    "a leaf: the reader knows no scheduler",
	"backends":               "a leaf: an engine knows no queue",
	"backends/launch":        "a leaf: who runs an engine does not know what it answers",
	"storage":                "a leaf: rows are plain values, app fills them in",
	"ui/chart":               "a leaf: a chart knows no domain",
	"assets":                 "a leaf: pictures",
	"ui":                     "the window sees snapshots of app, never its parts",
}

// owners are the folders that may import a library, by the start of its path: what is
// heavy, or belongs to one concern, has one place.
var owners = map[string]struct {
	folders []string
	why     string
}{
	"fyne.io/":                             {[]string{"ui"}, "`carpool serve` runs without a display or graphics libraries"},
	"fyne.io/fyne/v2/app":                  {[]string{"ui/desktop"}, "ui is tested without cgo and display; only ui/desktop opens a window"},
	"fyne.io/systray":                      {[]string{"ui/desktop"}, "only ui/desktop has a tray"},
	"github.com/nicksnyder/go-i18n/":       {[]string{"ui"}, "only the window is translated"},
	"database/sql":                         {[]string{"storage"}, "the rest knows rows, not tables"},
	"modernc.org/sqlite":                   {[]string{"storage"}, "the rest knows rows, not tables"},
	"github.com/pressly/goose/":            {[]string{"storage"}, "the rest knows rows, not tables"},
	"github.com/DataDog/sketches-go/":      {[]string{"storage"}, "percentiles over a range are the history's"},
	"github.com/NVIDIA/go-nvml/":           {[]string{"gpu"}, "the rest runs without a driver"},
	"github.com/spf13/":                    {[]string{"app/cli"}, "only the command line has commands and flags"},
	"github.com/prometheus/client_golang/": {[]string{"app/metrics"}, "the rest gives plain values"},
	"go.opentelemetry.io/":                 {[]string{"app/tracing"}, "the rest gives plain values"},
	"github.com/fsnotify/":                 {[]string{"app/config"}, "only the settings file is watched"},
	"github.com/godbus/":                   {[]string{"app/doctor/examine", "ui/desktop"}, "only the desktop is asked over D-Bus"},
	"github.com/ollama/ollama/":            {[]string{"app/gateway", "backends", "app/e2e"}, "Ollama's own types are the wire's"},
}

func TestImportsPointOneWay(t *testing.T) {
	root := ".."
	used := map[string]bool{} // "folder imports folder"
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata" || d.Name() == "bin" || d.Name() == "build") {
			return filepath.SkipDir
		}
		// A test may use any double; what ships may not.
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		checkImports(t, name, filepath.ToSlash(filepath.Dir(rel)), used)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder, allowed := range mayImport {
		for _, other := range allowed {
			if !used[folder+" imports "+other] {
				t.Errorf("%s may import %s, and does not", folder, other)
			}
		}
	}
	for folder := range reasons {
		if _, ok := mayImport[folder]; !ok {
			t.Errorf("there is a reason, but no rule for %s", folder)
		}
	}
}

func checkImports(t *testing.T, name, folder string, used map[string]bool) {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	rule := ruleFor(folder)
	allowed, ok := mayImport[rule]
	if !ok {
		t.Errorf("%s: no rule for folder %s", name, folder)
		return
	}
	for _, imported := range file.Imports {
		p, err := strconv.Unquote(imported.Path.Value)
		if err != nil {
			t.Error(err)
			continue
		}
		ours, isOurs := strings.CutPrefix(p, "carpool/")
		if !isOurs {
			if why := trespass(folder, p); why != "" {
				t.Errorf("%s imports %s: %s", name, p, why)
			}
			continue
		}
		if ruleFor(ours) == rule {
			continue
		}
		used[rule+" imports "+ruleFor(ours)] = true
		if !slices.Contains(allowed, ruleFor(ours)) {
			t.Errorf("%s imports %s: %s", name, p, reasons[rule])
		}
		if strings.HasSuffix(ours, "test") {
			t.Errorf("%s ships a test double: %s", name, p)
		}
	}
}

// trespass says why a folder may not import a library; "" = it may.
func trespass(folder, library string) string {
	for start, owner := range owners {
		is := library == start || strings.HasPrefix(library, strings.TrimSuffix(start, "/")+"/")
		if is && !slices.ContainsFunc(owner.folders, func(f string) bool { return folder == f || strings.HasPrefix(folder, f+"/") }) {
			return owner.why
		}
	}
	return ""
}

func TestLibrariesHaveOwners(t *testing.T) {
	for _, tt := range []struct {
		folder, library string
		may             bool
	}{
		{"ui/chart", "fyne.io/fyne/v2", true},
		{"ui", "fyne.io/fyne/v2/app", false},
		{"ui/desktop", "fyne.io/fyne/v2/app", true},
		{"app", "fyne.io/fyne/v2/theme", false},
		{"app", "database/sql", false},
		{"storage", "modernc.org/sqlite", true},
		{"uistorage", "fyne.io/fyne/v2", false},
		{"app", "net/http", true},
	} {
		if why := trespass(tt.folder, tt.library); (why == "") != tt.may {
			t.Errorf("%s imports %s: %q", tt.folder, tt.library, why)
		}
	}
}

// ruleFor is the nearest folder upwards that has a rule.
func ruleFor(folder string) string {
	for ; ; folder = path.Dir(folder) {
		if _, ok := mayImport[folder]; ok || folder == "." {
			return folder
		}
	}
}

// TestOnlyTheDesktopNeedsADisplay keeps Fyne out of what `carpool serve` links
// without the window, and its driver out of what ui's tests build: tests may not import
// it either.
func TestOnlyTheDesktopNeedsADisplay(t *testing.T) {
	for _, tt := range []struct{ folder, not, why string }{
		{"../app", "fyne.io/", "`carpool serve` runs without a display or graphics libraries"},
		{"../batching", "fyne.io/", "the scheduler knows no window"},
		{"../ui", "fyne.io/fyne/v2/app", "ui is tested without cgo and display; only ui/desktop opens a window"},
	} {
		err := filepath.WalkDir(tt.folder, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, ".go") || strings.Contains(filepath.ToSlash(name), "ui/desktop/") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, imported := range file.Imports {
				if strings.HasPrefix(strings.Trim(imported.Path.Value, `"`), tt.not) {
					t.Errorf("%s imports %s: %s", name, imported.Path.Value, tt.why)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
