package scheduling

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Report is what the suite measured.
type Report struct {
	Quick        bool          `json:"quick"` // fewer seeds and shorter runs: no figure to quote
	Seeds        []uint64      `json:"seeds"`
	Sections     []Section     `json:"sections"`
	Requirements []Requirement `json:"requirements"`
}

// Section is one subject of the report.
type Section struct {
	Name   string  `json:"name"`
	Title  string  `json:"title"`
	Text   string  `json:"text"`
	Tables []Table `json:"tables"`
}

// Table is figures for people; the first column names the row.
type Table struct {
	Title  string     `json:"title,omitempty"`
	Header []string   `json:"header"`
	Rows   [][]string `json:"rows"`
}

// Requirement is a figure that was asked for and what came out.
type Requirement struct {
	Name     string `json:"name"`
	Wanted   string `json:"wanted"`
	Measured string `json:"measured"`
	Met      bool   `json:"met"`
}

func (r Requirement) verdict() string {
	if r.Met {
		return "met"
	}
	return "NOT MET"
}

// required is the table of requirements.
func (r Report) required() Table {
	t := Table{Header: []string{"requirement", "wanted", "measured", ""}}
	for _, q := range r.Requirements {
		t.Rows = append(t.Rows, []string{q.Name, q.Wanted, q.Measured, q.verdict()})
	}
	return t
}

// Missed counts the requirements that were not met.
func (r Report) Missed() int {
	n := 0
	for _, q := range r.Requirements {
		if !q.Met {
			n++
		}
	}
	return n
}

// Text prints the report for a terminal.
func (r Report) Text(w io.Writer) error {
	for _, s := range r.Sections {
		if _, err := fmt.Fprintf(w, "%s\n\n%s\n\n", strings.ToUpper(s.Title), fold(s.Text, 100)); err != nil {
			return err
		}
		for _, t := range s.Tables {
			if err := t.text(w); err != nil {
				return err
			}
		}
	}
	if len(r.Requirements) == 0 {
		return nil
	}
	if _, err := fmt.Fprint(w, "REQUIREMENTS\n\n"); err != nil {
		return err
	}
	return r.required().text(w)
}

func (t Table) text(w io.Writer) error {
	if t.Title != "" {
		if _, err := fmt.Fprintln(w, t.Title); err != nil {
			return err
		}
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.Header}, t.Rows...) {
		_, _ = fmt.Fprintln(tab, strings.Join(row, "\t"))
	}
	_, _ = fmt.Fprintln(tab)
	return tab.Flush()
}

// fold breaks text at spaces so that no line is longer than width.
func fold(text string, width int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
