package autostart

import (
	"bufio"
	"bytes"
	"strings"
)

// DesktopFile is e as a file of the XDG autostart folder. TryExec has the desktop
// pass over it once the program was removed.
func DesktopFile(e Entry) []byte {
	command := []string{quoteExec(e.Program)}
	for _, a := range e.Args {
		command = append(command, quoteExec(a))
	}
	return []byte(`[Desktop Entry]
Type=Application
Name=Carpool
Comment=Share one GPU among all the AI apps on this computer
Exec=` + escapeValue(strings.Join(command, " ")) + `
TryExec=` + escapeValue(e.Program) + `
Icon=` + ID + `
Terminal=false
StartupNotify=false
X-GNOME-Autostart-enabled=true
`)
}

// quoteExec quotes a word as the Desktop Entry Specification has it for Exec.
func quoteExec(word string) string {
	word = strings.ReplaceAll(word, "%", "%%")
	if word != "" && !strings.ContainsAny(word, " \t\"'\\><~|&;$*?#()`") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`).Replace(word) + `"`
}

// escapeValue writes a text as the value of a key: backslashes are doubled once more.
func escapeValue(text string) string { return strings.ReplaceAll(text, `\`, `\\`) }

// readDesktopFile tells what a desktop makes of a file: Hidden and GNOME's key switch
// an entry off that is still there.
func readDesktopFile(content []byte) (on bool, program string) {
	on = true
	lines, section := bufio.NewScanner(bytes.NewReader(content)), ""
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section != "[Desktop Entry]" {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "Hidden":
			on = on && value != "true"
		case "X-GNOME-Autostart-enabled":
			on = on && value != "false"
		case "TryExec":
			program = strings.ReplaceAll(value, `\\`, `\`)
		}
	}
	return on, program
}
