package edit

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// assignment is a line KEY=value, as .env and environment.d have it.
var assignment = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*`)

// readEnv reads lines KEY=value. A key that stands twice is refused, and so is a value
// that goes on in the next line.
func (d *Document) readEnv(body []byte, skip int) error {
	text := string(body)
	if strings.ContainsAny(strings.ReplaceAll(text, "\r\n", "\n"), "\r\x00") {
		return errors.New("it has ends of lines of an unusual kind")
	}
	at, number := 0, 0
	for line := range strings.Lines(text) {
		start := at
		at += len(line)
		number++
		line = strings.TrimRight(line, "\r\n")
		switch begin := strings.TrimLeft(line, " \t"); {
		case begin == "", begin[0] == '#', begin[0] == ';':
			continue
		case strings.HasSuffix(line, `\`):
			return fmt.Errorf("line %d goes on in the next one", number)
		}
		m := assignment.FindStringSubmatchIndex(line)
		if m == nil {
			return fmt.Errorf("line %d is not of the form NAME=value", number)
		}
		v := Value{Path: []string{line[m[2]:m[3]]}, start: start + m[1] + skip}
		raw, err := envValue(line[m[1]:])
		if err != nil {
			return fmt.Errorf("line %d %w", number, err)
		}
		v.Text, v.end = raw, v.start+len(raw)
		if len(raw) > 1 && (raw[0] == '"' || raw[0] == '\'') {
			v.Text = raw[1 : len(raw)-1]
		}
		if strings.Contains(v.Text, `\`) || raw == "" {
			v.start, v.end = 0, 0
		}
		if err := d.note(v, textKind); err != nil {
			return err
		}
	}
	return d.holder(nil, func(name string, tree any) ([]splice, error) {
		text, ok := tree.(string)
		if !ok || strings.ContainsAny(text, "\"'\\\r\n #$`") {
			return nil, errPlace
		}
		return []splice{appended(d.text, []string{name + "=" + text})}, nil
	})
}

// envValue is the value that a line goes on with, in its quotes.
func envValue(rest string) (string, error) {
	if rest == "" {
		return "", nil
	}
	if q := rest[0]; q == '"' || q == '\'' {
		end := strings.IndexByte(rest[1:], q)
		if end < 0 {
			return "", errors.New("has a quote without an end")
		}
		after := strings.TrimSpace(rest[end+2:])
		if after != "" && after[0] != '#' {
			return "", errors.New("has something behind its quotes")
		}
		return rest[:end+2], nil
	}
	if i := strings.Index(rest, " #"); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimRight(rest, " \t"), nil
}
