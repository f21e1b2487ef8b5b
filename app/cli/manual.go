package cli

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"carpool/app/config"
)

// manualDay is that of the page in the source; packages have the commit's in its place.
const manualDay = "2026-11-26"

// manual is the man page of a tree of commands, one section for each. It is the
// same on every machine and day: folders of this user are told as "~".
func manual(root *cobra.Command) string {
	var m roff
	m.line(`.TH CARPOOL 1 "` + manualDay + `" "Carpool" "User Commands"`)
	m.line(".SH NAME")
	m.text("carpool \\- " + escape(lowerFirst(root.Short)))
	m.line(".SH SYNOPSIS")
	m.line(".B carpool")
	m.text("[" + "\\fIflags\\fR" + "]")
	m.line(".br")
	m.line(".B carpool")
	m.text("\\fIcommand\\fR [\\fIflags\\fR]")
	m.line(".SH DESCRIPTION")
	m.prose(root.Long)
	m.line(".SH OPTIONS")
	m.flags(root.LocalNonPersistentFlags(), root.PersistentFlags())
	m.line(".SH COMMANDS")
	for _, cmd := range documented(root) {
		m.command(cmd)
	}
	m.line(".SH EXAMPLES")
	m.verbatim(root.Example)
	m.line(".SH ENVIRONMENT")
	for _, v := range [][2]string{
		{"CARPOOL_CONFIG", "settings file, as --config"},
		{"CARPOOL_STATE", "folder of lock, socket, history and log, as --state"},
		{"CARPOOL_LISTEN", "address and port, as --listen"},
		{"CARPOOL_ENGINE", "URL of the engine, as --engine"},
	} {
		m.term("\\fB"+v[0]+"\\fR", v[1])
	}
	m.line(".SH FILES")
	m.term("\\fI"+escape(homeless(config.DefaultFile()))+"\\fR", "the settings, each with its range and its meaning")
	m.term("\\fI"+escape(homeless(config.DefaultState()))+"\\fR", "the history, the log, the lock and the control socket")
	m.line(".SH EXIT STATUS")
	m.text("0, or 1 after an error, which is told on the standard error.")
	m.line(".SH SEE ALSO")
	m.text(escape("The settings: \"carpool config\". The documentation: docs/ in the source."))
	return m.String()
}

// documented are the commands below one that a user may want.
func documented(parent *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, cmd := range parent.Commands() {
		if !cmd.IsAvailableCommand() || cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		all = append(all, cmd)
		all = append(all, documented(cmd)...)
	}
	return all
}

// roff collects the lines of a man page.
type roff struct{ strings.Builder }

func (m *roff) line(text string) { m.WriteString(text + "\n") }

// text writes escaped text as a line that is no request.
func (m *roff) text(text string) {
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	m.line(text)
}

// prose writes paragraphs.
func (m *roff) prose(text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			m.line(".PP")
		}
		m.fill(paragraph)
	}
}

// longestLine is what lint takes a line of the page to have at most, in bytes.
const longestLine = 80

// fill writes a text in lines of its own: where they end means nothing to a reader.
func (m *roff) fill(text string) {
	var line string
	for word := range strings.FieldsSeq(text) {
		word = escape(word)
		if line != "" && len(line)+1+len(word) > longestLine {
			m.text(line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	m.text(line)
}

// verbatim writes lines as they stand.
func (m *roff) verbatim(text string) {
	m.line(".nf")
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		m.text(escape(strings.TrimPrefix(line, "  ")))
	}
	m.line(".fi")
}

func (m *roff) term(head, text string) {
	m.line(".TP")
	m.line(head)
	m.fill(text)
}

func (m *roff) command(cmd *cobra.Command) {
	m.line(".SS " + escape(cmd.UseLine()))
	m.prose(cmp.Or(cmd.Long, cmd.Short+"."))
	m.flags(cmd.LocalNonPersistentFlags(), cmd.PersistentFlags())
	if cmd.Example != "" {
		m.line(".PP")
		m.verbatim(cmd.Example)
	}
}

func (m *roff) flags(sets ...*pflag.FlagSet) {
	for _, set := range sets {
		set.VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Name == "help" {
				return
			}
			name, usage := pflag.UnquoteUsage(f)
			head := "\\fB" + escape("--"+f.Name) + "\\fR"
			if name != "" {
				head += " \\fI" + escape(name) + "\\fR"
			}
			if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" && f.DefValue != "0s" {
				usage += " (default " + f.DefValue + ")"
			}
			m.term(head, homeless(usage))
		})
	}
}

// escape makes a text stand for itself, with hyphens that can be copied.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "–", `\(en`, "→", `\(->`, "…", "...", "×", `\(mu`).Replace(text)
}

// homeless tells this user's folders as anybody's.
func homeless(text string) string {
	return strings.NewReplacer(config.DefaultFile(), "~/.config/carpool/carpool.toml", config.DefaultState(), "~/.local/state/carpool").Replace(text)
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }
