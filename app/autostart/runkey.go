package autostart

import "strings"

// RunCommand is e as a value of the registry's Run key: a command line, quoted as
// Windows programs take it apart.
func RunCommand(e Entry) string {
	words := []string{`"` + e.Program + `"`} // a path has no quotes
	for _, a := range e.Args {
		words = append(words, quoteWindows(a))
	}
	return strings.Join(words, " ")
}

// quoteWindows quotes a word so that CommandLineToArgvW gives it back: backslashes
// count double before a quote, and only there.
func quoteWindows(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\"") {
		return word
	}
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for _, c := range []byte(word) {
		switch c {
		case '\\':
			slashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, slashes+1))
			slashes = 0
		default:
			slashes = 0
		}
		b.WriteByte(c)
	}
	b.WriteString(strings.Repeat(`\`, slashes) + `"`)
	return b.String()
}

// programOf is the first word of a command line.
func programOf(command string) string {
	if rest, ok := strings.CutPrefix(strings.TrimSpace(command), `"`); ok {
		program, _, _ := strings.Cut(rest, `"`)
		return program
	}
	program, _, _ := strings.Cut(strings.TrimSpace(command), " ")
	return program
}

// approved says whether the task manager lets an entry start: it keeps a list of its
// own, in which the first byte is odd for what the user has switched off there.
func approved(value []byte) bool { return len(value) == 0 || value[0]%2 == 0 }
