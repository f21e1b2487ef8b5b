//go:build e2e

package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"

	"carpool/backends/backendstest"
)

var update = flag.Bool("update", false, "write what TestContract found into docs/engines.md")

// mark is what a client can expect of an engine behind Carpool.
type mark string

const (
	native     mark = "✔" // the engine's own answer, untouched
	translated mark = "⇄" // Carpool's words, of the engine's answer or of what is known of the engine
	nothing    mark = "–" // the engine has no such thing, and a client is told so
	broken     mark = "✘"
)

// capability is a row of the contract.
type capability struct {
	name  string
	check func(c *cell)
}

// chapter is some rows of one dialect.
type chapter struct {
	name string
	rows []capability
	told bool // in any dialect, so that it does not matter who says it
}

// contract is the whole of it.
func contract() []chapter {
	return []chapter{
		{name: "Ollama's dialect", rows: slices.Concat(nativeRows(), nativeLists())},
		{name: "OpenAI's dialect", rows: openAIRows()},
		{name: "Anthropic's dialect", rows: anthropicRows()},
		{name: "Routes of an engine's own", rows: ownRows(), told: true},
		{name: "Whatever the dialect", rows: faultRows(), told: true},
	}
}

// cell tries one capability at one engine. As a transport it sees whether Carpool
// had to translate.
type cell struct {
	*testing.T
	*column
	crossed bool
	refused string // why there is nothing to try; "" = there is
}

// RoundTrip implements http.RoundTripper.
func (c *cell) RoundTrip(r *http.Request) (*http.Response, error) {
	to := c.pool
	if strings.HasSuffix(c.behind.url, r.URL.Host) {
		to = c.behind
	}
	answer, err := to.ledger.RoundTrip(r)
	if err == nil && answer.StatusCode < 400 {
		ours := c.pool.kind != "ollama" && strings.HasPrefix(r.URL.Path, "/api/")
		c.crossed = c.crossed || ours || answer.Header.Get("X-Carpool-Translated") != ""
	}
	return answer, err
}

func (c *cell) ollama() *api.Client         { return ollamaClient(c.pool.url, c) }
func (c *cell) openai() openai.Client       { return openaiClient(c.pool.url, c) }
func (c *cell) anthropic() anthropic.Client { return anthropicClient(c.pool.url, c) }

// without ends the check where the engine does not offer what it is about.
func (c *cell) without(why string) {
	c.refused = why
	c.Skip(why)
}

// quirky tries a check again with each of these quirks that the engine has.
func (c *cell) quirky(try func(), quirks ...backendstest.Quirk) {
	kinds := map[string]string{"LM Studio": "lmstudio", "llama-server": "llamacpp", "vLLM": "openai"}
	for _, q := range backendstest.Quirks {
		if c.behind != c.pool || kinds[q.Engine] != c.pool.kind || !slices.Contains(quirks, q.Quirk) {
			continue
		}
		c.scripted.SetQuirk(q.Quirk, true)
		try()
		c.scripted.SetQuirk(q.Quirk, q.Default)
		if c.Failed() {
			c.Fatalf("with its quirk: %s", q.About)
		}
	}
}

func (c *cell) mark() mark {
	switch {
	case c.Failed():
		return broken
	case c.refused != "":
		return nothing
	case c.crossed:
		return translated
	}
	return native
}

// send asks for what no client has a call for. body "" = GET.
func (c *cell) send(base, path, body string) (status int, text string) {
	c.Helper()
	method, content := http.MethodGet, io.Reader(nil)
	if body != "" {
		method, content = http.MethodPost, strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(c.Context(), method, base+path, content)
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.RoundTrip(r)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body) // a stream that was cut is told by its text
	if err != nil {
		c.Log(path, err)
	}
	return answer.StatusCode, string(b)
}

// TestContract tries every capability at every engine through Carpool. What comes
// out is the table of docs/engines.md.
func TestContract(t *testing.T) {
	all := columns(t)
	found := map[string]mark{}
	tried := 0
	for _, chapter := range contract() {
		for _, row := range chapter.rows {
			t.Run(row.name, func(t *testing.T) {
				for _, col := range all {
					t.Run(col.name, func(t *testing.T) {
						c := &cell{T: t, column: col}
						t.Cleanup(func() {
							c.crossed = c.crossed && !chapter.told
							found[row.name+col.name] = c.mark()
						})
						tried++
						row.check(c)
					})
				}
			})
		}
	}
	want := 0
	var table strings.Builder
	line := func(first string, cell func(*column) string) {
		table.WriteString("| " + first)
		for _, col := range all {
			table.WriteString(" | " + cell(col))
		}
		table.WriteString(" |\n")
	}
	line("", func(col *column) string { return col.name })
	line("---", func(*column) string { return ":-:" })
	for _, chapter := range contract() {
		line("**"+chapter.name+"**", func(*column) string { return "" })
		for _, row := range chapter.rows {
			want += len(all)
			line(row.name, func(col *column) string { return string(found[row.name+col.name]) })
		}
	}
	if tried == want { // else only some were asked for
		compareTable(t, table.String())
	}
}

// The table stands between these lines of the page about engines.
const (
	page       = "../../docs/engines.md"
	tableBegin = "<!-- written by TestContract -->\n"
	tableEnd   = "<!-- end -->\n"
)

// compareTable fails the test unless the page has this table, or writes it there.
func compareTable(t *testing.T, table string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := bytes.Cut(text, []byte(tableBegin))
	old, after, ends := bytes.Cut(rest, []byte(tableEnd))
	if !begins || !ends {
		t.Fatalf("%s has no place for the table", page)
	}
	if string(old) == table {
		return
	}
	if !*update {
		t.Errorf("%s has another table; run this test with -update. It is now\n%s", page, table)
		return
	}
	whole := fmt.Appendf(nil, "%s%s%s%s%s", before, tableBegin, table, tableEnd, after)
	if err := os.WriteFile(page, whole, 0o644); err != nil { //nolint:gosec // a document
		t.Fatal(err)
	}
}
