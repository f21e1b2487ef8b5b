package config

import (
	"fmt"
	"strings"
)

// Reference is every setting as a page of Markdown: one section for each table of
// the file, in the file's order. It depends on the table of settings alone.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Settings

<!-- written by "carpool docs settings": change app/config/settings.go, then run "make docs" -->

Carpool reads ` + "`carpool.toml`" + `; ` + "`carpool config path`" + ` says where it is. Every key stands in it with its default,
its range and its meaning. A change acts at once, whether made in the file, in the window or with ` + "`carpool set`" + `, and
never touches a request in flight; the few that wait for the next start say so. ` + "`carpool config`" + ` shows this list
with the values in force.

In the file texts stand in quotes and lists in brackets. On the command line a text has no quotes and the items of a
list are separated by commas.
`)
	section := ""
	for _, e := range table {
		name, _, _ := strings.Cut(e.Key, ".")
		if name != section {
			section = name
			fmt.Fprintf(&b, "\n## %s\n\n| key | default | values | meaning |\n|---|---|---|---|\n", section)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Key, e.shownDefault(), cell(e.RangeUnit()), cell(e.remarks()))
	}
	return b.String()
}

// shownDefault is the default with its unit, or a word for nothing.
func (e entry) shownDefault() string {
	if e.Default == "" {
		return "empty"
	}
	return strings.TrimSuffix("`"+e.Default+"` "+e.Unit, " ")
}

// remarks is the sentence of a setting, and what else is to be known of it.
func (e entry) remarks() string {
	text := e.Help
	if _, isList := e.initial.([]string); isList {
		text += " A list."
	}
	if e.Secret {
		text += " Shown masked, never logged."
	}
	if e.Alias != "" {
		text += " Also called `" + e.Alias + "`."
	}
	if e.Restart {
		text += " **Takes effect at the next start.**"
	}
	return text
}

// cell keeps a text within one cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}
