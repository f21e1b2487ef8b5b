package app_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/app"
	"carpool/backends/backendstest"
	"carpool/storage"
)

// crowd asks for n chats at once, as two apps, and waits for their rows.
func crowd(t *testing.T, a *app.App, n int) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			body := fmt.Sprintf(`{"model":"carpool-demo","prompt":"tell me %d","options":{"num_predict":%d}}`, i, 20+i)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.Snapshot().Endpoint+"/api/generate", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("X-Carpool-App", []string{"Editor", "Import"}[i%2])
			resp, err := client(t).Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			_ = text(t, resp)
		})
	}
	all.Wait()
	_ = history(t, a, n)
}

func TestHistory_SecondsAddUpToTheTotals(t *testing.T) {
	o := options(t)
	a, ended := run(t, o)
	crowd(t, a, 12)
	total := a.Snapshot().Batching.Tokens
	a.Quit()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	db, err := storage.Open(t.Context(), storage.Options{Path: filepath.Join(o.StateDir, "history.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(t.Context()) }()
	samples, err := db.Samples(t.Context(), storage.Query{})
	if err != nil {
		t.Fatal(err)
	}
	requests, err := db.Requests(t.Context(), storage.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var out, in, prompts int64
	seconds := map[time.Time]bool{}
	for _, s := range samples {
		out += s.TokensOut
		in += s.TokensIn
		seconds[s.At] = true
		if !s.At.Equal(s.At.Truncate(time.Second)) || s.TokensOut < 0 {
			t.Errorf("%+v", s)
		}
	}
	for _, r := range requests {
		if r.PromptTokens != nil {
			prompts += *r.PromptTokens
		}
	}
	if out != int64(total) || out == 0 || in != prompts || in == 0 || len(seconds) != len(samples) {
		t.Errorf("%d seconds add up to %d written and %d read, want %d and %d", len(samples), out, in, total, prompts)
	}
}

func TestHistory_FiguresEqualThoseOfTheRows(t *testing.T) {
	a := start(t, options(t))
	crowd(t, a, 8)
	folder := t.TempDir()
	q := app.Range{Since: time.Now().Add(-time.Hour)}
	done := time.Now()
	idle := until(t, a, "a second with nothing to do", func(s app.Snapshot) bool { return s.At.After(done.Add(2 * time.Second)) })
	q.Until = idle.At.Truncate(time.Second) // the seconds before are over
	files, err := a.Export(t.Context(), q, folder, "csv")
	if err != nil {
		t.Fatal(err)
	}
	rows := readCSV(t, files[3])
	points, err := a.Points(t.Context(), q, 10_000)
	if err != nil || points.Step != time.Second || len(points.Points) != len(rows) || len(rows) == 0 {
		t.Fatalf("%d points of %v and %d rows, %v", len(points.Points), points.Step, len(rows), err)
	}
	slices.Reverse(rows) // the newest came first
	for i, p := range points.Points {
		row := rows[i]
		for column, got := range map[string]float64{"running": p.Running, "waiting": p.Waiting, "tokens_out": p.TokensOut, "tokens_in": p.TokensIn} {
			if want, err := strconv.ParseFloat(row[column], 64); err != nil || got != want {
				t.Errorf("second %d: %s is %v, its row says %s", i, column, got, row[column])
			}
		}
	}
	uses, err := a.AppUse(t.Context(), app.Range{})
	if err != nil || len(uses) != 2 {
		t.Fatalf("%+v, %v", uses, err)
	}
	for _, u := range uses {
		requests, total, err := a.FindRequests(t.Context(), app.Filter{App: u.App})
		if err != nil || total != 4 || u.Requests != 4 {
			t.Errorf("%d, %+v, %v", total, u, err)
		}
		var tokens int64
		var wait, longest float64
		for _, r := range requests {
			tokens += *r.OutputTokens
			wait += r.QueueMS
			longest = max(longest, r.QueueMS)
		}
		if u.OutputTokens != tokens || math.Abs(u.Wait.Seconds()*1000-wait) > 1 || math.Abs(u.LongestWait.Seconds()*1000-longest) > 1 {
			t.Errorf("%+v; the rows have %d tokens, waited %v ms, at most %v ms", u, tokens, wait, longest)
		}
	}
	names, err := a.Names(t.Context(), app.Range{})
	if err != nil || !slices.Equal(names.Apps, []string{"Editor", "Import"}) || !slices.Equal(names.Engines, []string{"demo"}) {
		t.Errorf("%+v, %v", names, err)
	}
}

func TestHistory_ExportsFilesAndReplacesNone(t *testing.T) {
	a := start(t, options(t))
	crowd(t, a, 2)
	folder := t.TempDir()
	q := app.Range{Since: time.Date(2026, 1, 31, 12, 0, 0, 0, time.Local), Until: time.Now()}
	first, err := a.Export(t.Context(), q, folder, "json")
	if err != nil {
		t.Fatal(err)
	}
	until := q.Until.Format("20060102-1504")
	for i, want := range []string{"requests", "batches", "events", "samples"} {
		if got := filepath.Base(first[i]); got != "carpool-"+want+"-20260131-1200-"+until+".json" {
			t.Error(got)
		}
		body, err := os.ReadFile(first[i])
		var rows []map[string]any
		if err := json.Unmarshal(body, &rows); err != nil {
			t.Error(first[i], err)
		}
		if want == "requests" && (len(rows) != 2 || rows[0]["outcome"] != "ok") {
			t.Errorf("%v, %v", rows, err)
		}
	}
	second, err := a.Export(t.Context(), q, folder, "json")
	if err != nil || !strings.HasSuffix(second[0], " (2).json") {
		t.Errorf("%q, %v", second, err)
	}
	if _, err := a.Export(t.Context(), q, folder, "xml"); err == nil {
		t.Error("it exported as xml")
	}
	if files, err := a.Export(t.Context(), q, filepath.Join(folder, "new"), "csv"); err != nil || len(files) != 4 {
		t.Errorf("into a new folder: %q, %v", files, err)
	}
	for _, folder := range []string{"", "Downloads", "~/Downloads"} {
		if _, err := a.Export(t.Context(), q, folder, "csv"); err == nil || !strings.Contains(err.Error(), "whole path") {
			t.Errorf("into %q: %v", folder, err)
		}
	}
	if there, err := os.ReadDir(folder); err != nil || len(there) != 8+1 {
		t.Errorf("%d files are left, %v", len(there), err)
	}
}

func TestHistory_IsWipedAndGoesOn(t *testing.T) {
	a := start(t, options(t))
	crowd(t, a, 2)
	if err := a.WipeHistory(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, total, err := a.FindRequests(t.Context(), app.Filter{}); err != nil || total != 0 {
		t.Errorf("%d requests are left, %v", total, err)
	}
	crowd(t, a, 1)
	if _, err := a.CompactHistory(t.Context()); err != nil {
		t.Error(err)
	}
	if size, err := a.HistorySize(t.Context()); err != nil || size.Requests != 1 || size.Bytes == 0 || size.Oldest.IsZero() {
		t.Errorf("%+v, %v", size, err)
	}
}

func TestHistory_TellsWhatHappened(t *testing.T) {
	engine := backendstest.New(t)
	o := options(t)
	o.Engine = engine.URL
	a := start(t, o)
	for _, enabled := range []string{"false", "true"} {
		if err := a.Set(t.Context(), "batching.enabled", enabled); err != nil {
			t.Fatal(err)
		}
	}
	engine.Stop()
	until(t, a, "no engine", func(s app.Snapshot) bool { return !serves(s) })
	told(t, a, "engine lost: ")
	engine.Start()
	until(t, a, "an engine", serves)
	told(t, a, "engine back after ")
	told(t, a, "batching off: one request at a time")
	told(t, a, "batching on: adaptive")
}

// told waits for an event whose kind and reason begin so.
func told(t *testing.T, a *app.App, begin string) {
	t.Helper()
	var rows []app.Event
	until(t, a, begin, func(app.Snapshot) bool {
		var err error
		if rows, err = a.Decisions(t.Context(), app.Range{}); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(rows, func(e app.Event) bool { return strings.HasPrefix(e.Kind+" "+e.Reason, begin) })
	})
}

func TestHistory_OffIsSaid(t *testing.T) {
	o := options(t)
	if err := os.MkdirAll(filepath.Dir(o.ConfigFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.ConfigFile, []byte("version = 1\n[history]\nenabled = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := start(t, o)
	until(t, a, "a second", func(s app.Snapshot) bool { return len(s.Live) > 0 })
	_, points := a.Points(t.Context(), app.Range{}, 100)
	_, size := a.HistorySize(t.Context())
	_, export := a.Export(t.Context(), app.Range{}, t.TempDir(), "csv")
	_, compact := a.CompactHistory(t.Context())
	for _, err := range []error{points, size, export, compact, a.WipeHistory(t.Context())} {
		if err == nil || err.Error() != "history is off (history.enabled)" {
			t.Errorf("got %v", err)
		}
	}
}

func TestConnectGuides_CurlWorks(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl here")
	}
	a := start(t, options(t))
	guides := a.ConnectGuides()
	for _, step := range guides[len(guides)-1].Steps {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "set -e; "+strings.Replace(step.Copy, "curl ", "curl -sS --fail ", 1)).CombinedOutput()
		var answer struct {
			Choices []struct{ Message struct{ Content string } }
			Data    []struct{ ID string }
		}
		if err != nil || json.Unmarshal(out, &answer) != nil || len(answer.Choices)+len(answer.Data) == 0 {
			t.Errorf("%s: %v\n%s", step.Copy, err, out)
		}
	}
}

// readCSV is a file's rows by their columns.
func readCSV(t *testing.T, name string) (rows []map[string]string) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, column := range records[0] {
			row[column] = record[i]
		}
		rows = append(rows, row)
	}
	return rows
}
