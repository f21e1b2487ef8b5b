//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"

	"carpool/app/gateway"
	"carpool/storage"
)

// TestReloadsHaveAName: two apps that differ in num_ctx have the engine load
// their model again for each request. The history says who and what, status says
// how to end it, and that ends it.
func TestReloadsHaveAName(t *testing.T) {
	const (
		small, large = 1024, 2048
		leastLoad    = 100 * time.Millisecond
	)
	p := opened(t, "reloads", 1)
	number := 0
	generate := func(app string, size int) (load time.Duration) {
		t.Helper()
		number++
		options := map[string]any{"num_predict": 4, "num_ctx": size}
		err := p.app(app).Generate(t.Context(), &api.GenerateRequest{Model: medium, Prompt: fmt.Sprint(number, " is asked"), Options: options},
			func(r api.GenerateResponse) error { load = r.LoadDuration; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return load
	}

	var took []time.Duration
	for range 2 {
		took = append(took, generate("Chat", small), generate("Editor", large))
	}
	for _, d := range took {
		if d < leastLoad {
			t.Fatalf("the engine loaded the model within %v: there is nothing to see", d)
		}
	}
	t.Logf("loading took %v", took)

	var history struct {
		Requests  []storage.Request  `json:"requests"`
		Decisions []storage.Decision `json:"decisions"`
	}
	read := func(what string, enough func() bool) {
		t.Helper()
		err := poll(t.Context(), 5*time.Second, func() error { // a row is on disk soon, not at once
			out, err := p.command(t.Context(), append([]string{"history", "--json"}, strings.Fields(what)...)...)
			if err != nil {
				return giveUp{err}
			}
			if err := json.Unmarshal(out, &history); err != nil {
				return giveUp{err}
			}
			if !enough() {
				return errors.New("rows are missing")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	read("", func() bool { return len(history.Requests) == len(took) })
	for i, r := range history.Requests { // the newest first
		want := "num_ctx"
		if i == len(took)-1 {
			want = ""
		}
		if r.Reload != want || r.LoadMS == nil || *r.LoadMS != float64(took[len(took)-1-i])/1e6 {
			t.Errorf("row of %s: %+v, want %q after %v", r.App, r, want, took[len(took)-1-i])
		}
	}
	why := []string{
		fmt.Sprintf("Editor asked for num_ctx %d where Chat had %d: %s was loaded again", large, small, medium),
		fmt.Sprintf("Chat asked for num_ctx %d where Editor had %d: %s was loaded again", small, large, medium),
	}
	about := func() (all []string) {
		for _, d := range history.Decisions {
			if d.Kind == "reload" {
				all = append(all, d.Reason)
			}
		}
		return all
	}
	read("--decisions", func() bool { return len(about()) >= len(took)-1 })
	reasons := about()
	if len(reasons) != 3 || !strings.HasPrefix(reasons[0], why[0]) || !strings.HasPrefix(reasons[1], why[1]) || !strings.HasPrefix(reasons[2], why[0]) {
		t.Fatalf("reloads %q, want %q", reasons, why)
	}
	for _, d := range history.Decisions {
		if d.Kind == "reload" && (d.Engine != "ollama" || d.Model != medium+":latest") {
			t.Errorf("it is not said of what: %+v", d)
		}
	}

	var shown struct {
		Reloads gateway.ReloadStats `json:"reloads"`
		LogFile string              `json:"log_file"`
	}
	status := func() {
		t.Helper()
		out, err := p.command(t.Context(), "status", "--json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &shown); err != nil {
			t.Fatal(err)
		}
	}
	status()
	command := fmt.Sprintf("carpool set models.num_ctx=%s=%d", medium, large)
	if len(shown.Reloads.Last) != 3 || len(shown.Reloads.Advice) != 1 || shown.Reloads.Advice[0].Command != command {
		t.Fatalf("status tells %+v", shown.Reloads)
	}
	said, err := p.command(t.Context(), "status")
	if err != nil || !strings.Contains(string(said), command) || !strings.Contains(string(said), reasons[0]) {
		t.Errorf("carpool status, %v:\n%s", err, said)
	}
	if log, err := os.ReadFile(shown.LogFile); err != nil || !strings.Contains(string(log), reasons[0]) {
		t.Errorf("the log does not say %q, %v", reasons[0], err)
	}

	p.do(t, strings.Fields(command)[1:]...)
	for range 2 {
		for app, size := range map[string]int{"Chat": small, "Editor": large} {
			if load := generate(app, size); load >= slices.Min(took)/2 {
				t.Errorf("%s still waited %v for the model", app, load)
			}
		}
	}
	status()
	if len(shown.Reloads.Last) != 3 || len(shown.Reloads.Advice) != 0 {
		t.Errorf("after it was set, status tells %+v", shown.Reloads)
	}
	read("", func() bool { return len(history.Requests) == number })
	for _, r := range history.Requests[:4] {
		if r.Reload != "" {
			t.Errorf("after it was set: %+v", r)
		}
	}
}
