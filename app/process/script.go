package process

import (
	"regexp"
	"slices"
	"strings"
)

// language is how an interpreter's command line names what it runs.
type language struct {
	id       string
	letters  bool     // options of one letter may stand together: -um
	values   []string // options that the next argument belongs to
	modules  []string // options whose value names what runs
	code     []string // options that bring the code itself, which is nobody's name
	commands []string // words before the script
}

var languages = map[string]language{
	"python": {id: "python", letters: true, values: []string{"-W", "-X", "--check-hash-based-pycs"}, modules: []string{"-m"}, code: []string{"-c"}},
	"ruby":   {id: "ruby", letters: true, values: []string{"-I", "-r", "-C", "-E"}, code: []string{"-e"}},
	"perl":   {id: "perl", letters: true, values: []string{"-I", "-M"}, code: []string{"-e", "-E"}},
	"php":    {id: "php", values: []string{"-d", "-c"}, modules: []string{"-f"}, code: []string{"-r"}},
	"node": {id: "node", values: []string{"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "--title",
		"--env-file", "--env-file-if-exists", "--watch-path", "--inspect-port"},
		code: []string{"-e", "--eval", "-p", "--print", "-pe"}},
	"bun": {id: "bun", values: []string{"-r", "--preload", "--cwd", "--env-file"}, code: []string{"-e", "--eval", "-p", "--print"},
		commands: []string{"run", "x"}},
	"deno": {id: "deno", values: []string{"-c", "--config", "--import-map", "--location"}, commands: []string{"run", "serve", "task"}},
	"java": {id: "java", values: []string{"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-modules", "--add-opens", "--add-exports", "--add-reads",
		"--enable-native-access"},
		modules: []string{"-jar", "-m", "--module"}},
}

var aliases = map[string]string{"pythonw": "python", "pypy": "python", "ipython": "python", "nodejs": "node", "javaw": "java"}

// languageOf is the language of an interpreter's file name, such as "python3.12".
func languageOf(base string) (language, bool) {
	name := strings.TrimRight(strings.ToLower(base), "0123456789.-")
	if a, ok := aliases[name]; ok {
		name = a
	}
	l, ok := languages[name]
	return l, ok
}

// names is what the interpreter called base runs, or else its own name. A
// program may have written a title over its command line.
func (l language) names(base string, args []string) string {
	if len(args) == 0 {
		return l.id
	}
	if name := l.script(args[1:]); name != "" {
		return name
	}
	if _, own := split(args[0]); len(args) == 1 && !strings.EqualFold(own, base) {
		if name := title(own); name != "" {
			if _, ok := languageOf(name); !ok {
				return name
			}
		}
	}
	return l.id
}

var plainTitle = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.+@\-]{1,39}$`)

// title is the first word of a title, if it looks like a program's name.
func title(s string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	word = strings.TrimSuffix(word, ":")
	if !plainTitle.MatchString(word) {
		return ""
	}
	return word
}

// script finds what runs in the arguments of an interpreter; "" = nothing that
// has a name.
func (l language) script(args []string) string {
	commands := l.commands
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") {
			if slices.Contains(commands, arg) {
				commands = nil
				continue
			}
			return scriptName(arg)
		}
		option, value, attached := l.option(arg)
		next := ""
		if i+1 < len(args) {
			next = args[i+1]
		}
		switch {
		case arg == "-", slices.Contains(l.code, option):
			return ""
		case slices.Contains(l.modules, option) && attached:
			return scriptName(value)
		case slices.Contains(l.modules, option):
			return scriptName(next)
		case slices.Contains(l.values, option) && !attached:
			i++
		}
	}
	return ""
}

// option cuts an argument into an option that means something here and its
// value, if that stands in the same argument.
func (l language) option(arg string) (option, value string, attached bool) {
	if !l.letters || strings.HasPrefix(arg, "--") {
		return strings.Cut(arg, "=")
	}
	for i := 1; i < len(arg); i++ {
		o := "-" + arg[i:i+1]
		if slices.Contains(l.values, o) || slices.Contains(l.modules, o) || slices.Contains(l.code, o) {
			return o, arg[i+1:], i+1 < len(arg)
		}
	}
	return arg, "", false
}

// untelling are names that many scripts, modules and folders have.
var untelling = map[string]bool{"index": true, "main": true, "__main__": true, "__init__": true, "cli": true, "server": true,
	"app": true, "start": true, "run": true, "script": true, "entry": true, "bundle": true, "launcher": true, "desktop": true,
	"client": true, "bin": true, "dist": true, "lib": true, "src": true, "build": true, "out": true, "scripts": true, "app.asar": true}

func isUntelling(name string) bool { return len(name) < 2 || untelling[strings.ToLower(name)] }

var version = regexp.MustCompile(`-[0-9][0-9A-Za-z.\-]*$`)

// scriptName names what an interpreter was told to run: a path, an address, a
// module or a class.
func scriptName(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 && strings.Contains(s, "://") {
		s = s[:i] // may hold a token
	}
	folder, base := split(s)
	if base == "." || base == ".." {
		return ""
	}
	if name := packageOf(s); name != "" {
		return name
	}
	stem, kind := extension(base)
	switch kind {
	case ".jar":
		return version.ReplaceAllString(stem, "")
	case ".exe":
		return stem // what pip puts in front of a script on Windows
	case "":
		if folder == "" {
			return lastTelling(base)
		}
	}
	if !isUntelling(stem) {
		return base
	}
	return folderName(folder, base)
}

// extension cuts off the known endings of scripts.
func extension(base string) (stem, kind string) {
	for _, kind := range []string{".py", ".pyw", ".pyz", ".js", ".mjs", ".cjs", ".ts", ".mts", ".tsx", ".rb", ".pl", ".php", ".jar", ".exe"} {
		if stem, ok := strings.CutSuffix(base, kind); ok && stem != "" {
			return stem, kind
		}
	}
	return base, ""
}

// packageOf is the Node package that a path leads into.
func packageOf(path string) string {
	elements := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' })
	for i := len(elements) - 2; i >= 0; i-- {
		if elements[i] != "node_modules" {
			continue
		}
		rest := elements[i+1:]
		if len(rest) > 1 && (strings.HasPrefix(rest[0], "@") || rest[0] == ".bin") {
			return rest[1]
		}
		return rest[0]
	}
	return ""
}

// folderName is the nearest folder that tells what a script like main.py is,
// short of a user's own. Without one the script's name has to do.
func folderName(folder, base string) string {
	for folder != "" {
		above, name := split(folder)
		switch _, aboveName := split(above); strings.ToLower(aboveName) {
		case "home", "users":
			return base
		}
		if above == "" && strings.HasPrefix(folder, "/") || strings.HasSuffix(above, ":") {
			return base
		}
		if !isUntelling(name) && name != "." && name != ".." {
			return name
		}
		folder = above
	}
	return base
}

// lastTelling is the last part of a dotted name that tells something:
// "open_webui.main" is "open_webui".
func lastTelling(dotted string) string {
	dotted, _, _ = strings.Cut(dotted, ":")
	parts := strings.Split(dotted, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		if !isUntelling(parts[i]) {
			return parts[i]
		}
	}
	return dotted
}
