package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// render writes a whole file: every key with its help and range, those that
// have their default commented out.
func render(c Config) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `# Carpool's settings. Saving this file puts them in force at once, if not said
# otherwise. A line that begins with # and a key shows the default; take the #
# away to change it. "carpool config" explains every key.
version = %d
`, Version)
	section := ""
	for _, e := range table {
		if s, _ := e.split(); s != section {
			section = s
			fmt.Fprintf(&b, "\n[%s]\n", section)
		}
		fmt.Fprintf(&b, "# %s\n# Values: %s", e.Help, e.RangeUnit())
		if e.Restart {
			b.WriteString("; takes effect at the next start")
		}
		b.WriteString(".\n")
		if plain(e.get(&c)) == e.Default {
			b.WriteString("# ")
		}
		b.WriteString(e.line(&c) + "\n")
	}
	return []byte(b.String())
}

// splice replaces the bytes start to end of a text.
type splice struct {
	start, end int
	with       string
}

// revise returns a text that holds c. It is whole if all that stood in the old
// one besides c's values still does. The error is ErrNewer.
func revise(file string, text []byte, c Config) (revised []byte, whole bool, err error) {
	d, err := decode(file, text)
	if errors.Is(err, ErrNewer) {
		return nil, false, err
	}
	revised = edit(text, d, c)
	if got, err := decode(file, revised); err == nil && got.config.Equal(c) {
		return revised, true, nil
	}
	return render(c), false, nil
}

// edit returns text with c's values, and everything else as it stood. A text
// that is laid out in an unusual way may not allow it, so the result must be
// read again.
func edit(text []byte, d document, c Config) []byte {
	var changes []splice
	missing := map[string][]string{} // lines by section that is not in the file
	for _, e := range table {
		if plain(e.get(&c)) == plain(e.get(&d.config)) && !d.bad[e.Key] {
			continue
		}
		if p, ok := d.given[e.Key]; ok {
			changes = append(changes, splice{p.nameEnd, p.end, " = " + literal(e.get(&c))})
			continue
		}
		section, _ := e.split()
		start, end, ok := d.extent(section, len(text))
		if !ok {
			missing[section] = append(missing[section], e.line(&c))
			continue
		}
		if i := e.commented().FindIndex(text[start:end]); i != nil {
			changes = append(changes, splice{start + i[0], start + i[1], e.line(&c)})
			continue
		}
		i := start + lineEnd(text[start:end])
		changes = append(changes, splice{i, i, "\n" + e.line(&c)})
	}
	if d.version != Version {
		named := fmt.Sprintf("version = %d", Version)
		i := slices.IndexFunc(d.values, func(p place) bool { return p.key() == "version" })
		if i >= 0 {
			changes = append(changes, splice{d.values[i].start, d.values[i].end, named})
		} else {
			changes = append(changes, splice{0, 0, named + "\n"})
		}
	}
	return appendSections(apply(text, changes), missing)
}

// extent is the part of the text that belongs to a section's header.
func (d document) extent(section string, length int) (start, end int, ok bool) {
	for i, s := range d.sections {
		if s.key() != section {
			continue
		}
		end = length
		if i+1 < len(d.sections) {
			end = d.sections[i+1].start
		}
		return s.end, end, true
	}
	return 0, 0, false
}

// apply makes changes that do not overlap.
func apply(text []byte, changes []splice) []byte {
	slices.SortStableFunc(changes, func(a, b splice) int { return cmp.Compare(a.start, b.start) })
	var b []byte
	at := 0
	for _, ch := range changes {
		b = append(append(b, text[at:ch.start]...), ch.with...)
		at = ch.end
	}
	return append(b, text[at:]...)
}

func appendSections(text []byte, missing map[string][]string) []byte {
	for _, e := range table {
		section, _ := e.split()
		if lines := missing[section]; lines != nil {
			if len(text) > 0 && text[len(text)-1] != '\n' {
				text = append(text, '\n')
			}
			text = fmt.Appendf(text, "\n[%s]\n%s\n", section, strings.Join(lines, "\n"))
			delete(missing, section)
		}
	}
	return text
}

// split is the section and the name within it.
func (e entry) split() (section, name string) {
	section, name, _ = strings.Cut(e.Key, ".")
	return section, name
}

// line sets the key to c's value.
func (e entry) line(c *Config) string {
	_, name := e.split()
	return name + " = " + literal(e.get(c))
}

// commented matches the line that render writes for a default.
func (e entry) commented() *regexp.Regexp {
	_, name := e.split()
	return regexp.MustCompile(`(?m)^#[ \t]*` + regexp.QuoteMeta(name) + `[ \t]*=[^\r\n]*`)
}

// literal writes a value in TOML.
func literal(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case []string:
		items := make([]string, len(v))
		for i, s := range v {
			items[i] = quote(s)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return fmt.Sprint(v)
}

// quote writes a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// lineEnd is where the first line of text ends.
func lineEnd(text []byte) int {
	for i, c := range text {
		if c == '\n' {
			if i > 0 && text[i-1] == '\r' {
				return i - 1
			}
			return i
		}
	}
	return len(text)
}
