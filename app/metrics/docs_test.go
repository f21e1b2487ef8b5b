package metrics_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

var docs = filepath.Join("..", "..", "docs")

// told are the metrics with all that a scrape says of them, Prometheus' own about the
// program left out.
func told(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	families, _ := scrape(t, busy())
	maps.DeleteFunc(families, func(name string, _ *dto.MetricFamily) bool { return !strings.HasPrefix(name, "carpool_") })
	return families
}

// The table of docs/metrics.md is made from what a scrape tells: UPDATE_GOLDEN=1 writes it.
func TestDocs_HaveEveryMetric(t *testing.T) {
	var table strings.Builder
	table.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	families := told(t)
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp())
	}
	file := filepath.Join(docs, "metrics.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- metrics -->\n", "<!-- end of metrics -->"
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("docs/metrics.md has no place for its table: %q … %q", begin, end)
	}
	want := before + begin + table.String() + end + after
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(text) {
		t.Errorf("docs/metrics.md is not what is told; UPDATE_GOLDEN=1 go test ./app/metrics writes:\n%s", table.String())
	}
}

var queried = regexp.MustCompile(`\b(carpool|process|go)_[a-z_]+`)

// Each query of the dashboard is of metrics and labels that there are.
func TestDashboard_QueriesWhatIsTold(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(docs, "grafana", "carpool.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		UID    string `json:"uid"`
		Title  string `json:"title"`
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			Type    string `json:"type"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	families, _ := scrape(t, busy())
	seen, ids := map[string]bool{}, map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q: its number is another's, or it has no title or no query", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			names := queried.FindAllString(target.Expr, -1)
			if len(names) == 0 {
				t.Errorf("%s: %s asks for no metric", p.Title, target.Expr)
			}
			for _, name := range names {
				base := name
				for _, part := range []string{"_bucket", "_sum", "_count"} {
					if families[base] == nil {
						base = strings.TrimSuffix(name, part)
					}
				}
				if families[base] == nil {
					t.Errorf("%s: there is no metric %s", p.Title, name)
				}
				seen[base] = true
			}
		}
	}
	for _, name := range []string{"carpool_queue_depth", "carpool_limit", "carpool_time_to_first_token_seconds", "carpool_tokens_total", "carpool_gpu_memory_bytes", "carpool_requests_total"} {
		if !seen[name] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}
