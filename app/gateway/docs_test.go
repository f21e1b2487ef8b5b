package gateway

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// docs/api.md has each route that has a meaning of its own here, each kind of error
// with its status, and each header.
func TestDocs_HaveTheWholeAPI(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	names := []string{"/", "/health", "/metrics", "/api/version", "/api/show", modelPath, blobPath, "/engine/"}
	names = slices.AppendSeq(names, maps.Keys(routes))
	names = slices.AppendSeq(names, maps.Keys(listings))
	names = slices.AppendSeq(names, maps.Keys(management))
	for kind := range own {
		names = slices.AppendSeq(names, maps.Keys(own[kind]))
		names = append(names, straight[kind]...)
	}
	for name := range denied {
		names = append(names, "/"+name)
	}
	for _, name := range names {
		if !strings.Contains(page, "`"+name) {
			t.Errorf("docs/api.md has no `%s`", name)
		}
	}
	for kind, r := range rules {
		if r.status == statusClientClosed {
			continue // never sent
		}
		row := fmt.Sprintf("| `%s` | %d | ", kind, r.status)
		if i := strings.Index(page, row); i < 0 {
			t.Errorf("docs/api.md has no row %q", row)
		} else if line, _, _ := strings.Cut(page[i:], "\n"); !strings.Contains(line, "`"+r.openai+"`") || !strings.Contains(line, "`"+r.anthropic+"`") {
			t.Errorf("docs/api.md: %s has not the types %s and %s", line, r.openai, r.anthropic)
		}
	}
	for _, header := range []string{numCtxHeader, "X-Request-Id", "X-Carpool-Batch", "X-Carpool-Wait-Ms", "X-Carpool-Engine", "X-Carpool-Simulated",
		"X-Carpool-Merged", "X-Carpool-Cache", "X-Carpool-Shared", "X-Carpool-Translated", "X-Carpool-App", "X-Carpool-Priority", "X-Carpool-Supersede",
		"Traceparent", "Retry-After", "X-Should-Retry"} {
		if !strings.Contains(strings.ToLower(page), "`"+strings.ToLower(header)) {
			t.Errorf("docs/api.md has no header %s", header)
		}
	}
}
