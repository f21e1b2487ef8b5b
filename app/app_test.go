package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"carpool/app"
	"carpool/app/control"
	"carpool/backends/backendstest"
	"carpool/storage"
)

// TestMain is also the program that a test starts under another name.
func TestMain(m *testing.M) {
	if url := os.Getenv(askVariable); url != "" {
		os.Exit(askAgainAndAgain(url))
	}
	if os.Getenv(engineVariable) != "" {
		os.Exit(playOllama())
	}
	goleak.VerifyTestMain(m,
		// lumberjack never ends its goroutine.
		goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun"))
}

// options are those of an app on a free port with folders of its own.
func options(t *testing.T) app.Options {
	dir := t.TempDir()
	return app.Options{
		ConfigFile: filepath.Join(dir, "config", "carpool.toml"), StateDir: filepath.Join(dir, "state"),
		Listen: "127.0.0.1:0", Engine: "demo", Version: "test",
	}
}

// start opens and runs an app, and ends it with the test.
func start(t *testing.T, o app.Options) *app.App {
	t.Helper()
	a, _ := startToQuit(t, o)
	return a
}

// startToQuit does so, too, and returns what ends it before: it fails the test if that
// takes longer than so long.
func startToQuit(t *testing.T, o app.Options) (a *app.App, quit func(within time.Duration)) {
	t.Helper()
	a, err := app.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := a.Run(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		a.Quit()
		<-ended
	})
	until(t, a, "an engine is up", serves)
	return a, func(within time.Duration) {
		t.Helper()
		a.Quit()
		select {
		case <-ended:
		case <-time.After(within):
			t.Fatalf("still running %v after it was to quit", within)
		}
	}
}

func serves(s app.Snapshot) bool {
	return len(s.Engines) > 0 && s.Engines[0].Active && s.Engines[0].Health == "up"
}

// until waits for a snapshot of which ok is true.
func until(t *testing.T, a *app.App, what string, ok func(app.Snapshot) bool) app.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var last app.Snapshot
	for s := range a.Watch(ctx) {
		if last = s; ok(s) {
			return s
		}
	}
	t.Fatalf("never seen: %s; last: %q, %+v", what, last.Sentence, last.Batching)
	return last
}

// call posts body to a's path and returns the open answer.
func call(ctx context.Context, t *testing.T, a *app.App, path, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Snapshot().Endpoint+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func client(t *testing.T) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// text reads an answer to its end.
func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

const short = `{"model":"carpool-demo","prompt":"hi","options":{"num_predict":5}}`

func TestApp(t *testing.T) {
	t.Run("ServesTheDemoEngineAndRecordsIt", func(t *testing.T) {
		o := options(t)
		a := start(t, o)
		resp := call(t.Context(), t, a, "/api/generate", short)
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK || strings.Count(string(body), "\n") < 5 {
			t.Fatalf("status %d, error %v, body %s", resp.StatusCode, err, body)
		}
		if resp.Header.Get("X-Carpool-Batch") != "1" || resp.Header.Get("X-Carpool-Simulated") != "true" {
			t.Errorf("headers %v", resp.Header)
		}
		s := until(t, a, "the request has ended", func(s app.Snapshot) bool { return s.Batching.InFlight == 0 && s.Batching.Batches == 1 })
		if !s.Simulated || s.Batching.Tokens != 5 || s.GPU.Reason == "" && !s.GPU.Available {
			t.Errorf("simulated %v, tokens %d, gpu %+v", s.Simulated, s.Batching.Tokens, s.GPU)
		}
		rows := history(t, a, 1)
		if r := rows[0]; r.Outcome != "ok" || *r.Batch != 1 || *r.OutputTokens != 5 || !r.Simulated || r.FirstTokenMS == nil {
			t.Errorf("row %+v", r)
		}
	})
	t.Run("TellsHealth", func(t *testing.T) {
		a := start(t, options(t))
		resp, err := client(t).Get(a.Snapshot().Endpoint + "/health")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var h map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&h); err != nil {
			t.Fatal(err)
		}
		figures := h["batching"].(map[string]any)
		for _, key := range []string{"total_batches", "total_requests", "avg_batch_size", "avg_batch_duration_ms", "queue_depth", "avg_concurrency"} {
			if v, ok := figures[key].(float64); !ok || v != 0 {
				t.Errorf("%s = %v", key, figures[key])
			}
		}
		if h["status"] != "ok" || h["engine"].(map[string]any)["simulated"] != true || figures["mode"] != "adaptive" {
			t.Errorf("%v", h)
		}
	})
	t.Run("TellsTheLimitOfEachModelAndWhy", func(t *testing.T) {
		a := start(t, options(t))
		_ = text(t, call(t.Context(), t, a, "/api/generate", short))
		until(t, a, "a limit is known", func(s app.Snapshot) bool { return len(s.Tuning) == 1 && s.Tuning[0].Slots == 4 })
		resp, err := client(t).Get(a.Snapshot().Endpoint + "/health")
		if err != nil {
			t.Fatal(err)
		}
		var h struct {
			Models []struct {
				Engine, Model, Why string
				Limit, Slots       int
				SlotsBy            string `json:"slots_by"`
			}
		}
		if err := json.Unmarshal([]byte(text(t, resp)), &h); err != nil || len(h.Models) != 1 {
			t.Fatalf("%+v, %v", h, err)
		}
		if m := h.Models[0]; m.Engine != "demo" || m.Model != "carpool-demo:latest" || m.Limit != 4 || m.Slots != 4 || m.SlotsBy != "told" || m.Why == "" {
			t.Errorf("%+v", m)
		}
	})
	t.Run("TellsPrometheus", func(t *testing.T) {
		a := start(t, options(t))
		_ = text(t, call(t.Context(), t, a, "/api/generate", short))
		_ = history(t, a, 1) // its row is written after it was counted
		resp, err := client(t).Get(a.Snapshot().Endpoint + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		got := text(t, resp)
		for _, want := range []string{
			`outcome="ok"} 1`,
			`carpool_tokens_total{direction="output",engine="demo",model="carpool-demo"} 5`,
			`carpool_batch_size_count{engine="demo",model="carpool-demo"} 1`,
			`carpool_queue_depth{engine="demo",model="carpool-demo"} 0`,
			`carpool_engine_up{engine="demo",kind="demo"} 1`,
			`carpool_build_info{version="test"} 1`,
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
		}
	})
	t.Run("KeepsWhyAModelWasSwitched", func(t *testing.T) {
		engine := backendstest.New(t)
		engine.SetModels("one", "two")
		engine.SetLoaded("one")
		o := options(t)
		o.Engine = engine.URL
		a := start(t, o)
		for _, model := range []string{"one", "two"} {
			_ = text(t, call(t.Context(), t, a, "/api/generate", `{"model":"`+model+`","prompt":"hi"}`))
		}
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			rows, err := a.Decisions(t.Context(), storage.Query{})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range rows {
				if d.Kind == "model" && d.Model == "two" && d.Reason == "in the place of one: one had nothing to do" {
					return
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("%+v", rows)
			}
		}
	})
	t.Run("PutsSettingsInForceAtOnceAndSavesThem", func(t *testing.T) {
		o := options(t)
		a := start(t, o)
		if err := a.Set(t.Context(), "max_batch_size", "3"); err != nil {
			t.Fatal(err)
		}
		if err := a.Set(t.Context(), "batching.enabled", "false"); err != nil {
			t.Fatal(err)
		}
		s := a.Snapshot()
		if s.Config.Batching.MaxBatchSize != 3 || s.Limits.Mode != "serial" {
			t.Errorf("limits %+v", s.Limits)
		}
		text, err := os.ReadFile(o.ConfigFile)
		if err != nil || !strings.Contains(string(text), "\nmax_batch_size = 3") || !strings.Contains(string(text), "\nenabled = false") {
			t.Errorf("error %v, file\n%s", err, text)
		}
		if strings.Contains(string(text), "\nurl = \"demo\"") {
			t.Error("the override of the command line was saved")
		}
		if err := a.Set(t.Context(), "batching.max_batch_size", "0"); err == nil {
			t.Error("a size of 0 was taken")
		}
	})
	t.Run("FollowsTheFileAndKeepsTheLastGoodOne", func(t *testing.T) {
		o := options(t)
		a := start(t, o)
		edit := func(text string) {
			// As editors do: a file that is written in its place is empty for a moment.
			draft := o.ConfigFile + ".tmp"
			if err := errors.Join(os.WriteFile(draft, []byte(text), 0o600), os.Rename(draft, o.ConfigFile)); err != nil {
				t.Fatal(err)
			}
		}
		edit("version = 1\n[batching]\nmode = \"fixed\"\nmax_batch_size = 5\n")
		until(t, a, "size 5", func(s app.Snapshot) bool { return s.Limits.Size == 5 })
		edit("version = 1\n[batching]\nmode = \"fixed\"\nmax_batch_size = many\n")
		s := until(t, a, "a problem", func(s app.Snapshot) bool { return len(s.Problems) > 0 })
		if s.Limits.Size != 5 || !strings.Contains(s.Problems[0], ":4:") {
			t.Errorf("size %d, problems %q", s.Limits.Size, s.Problems)
		}
		if err := a.Set(t.Context(), "batching.enabled", "false"); err == nil || !strings.Contains(err.Error(), "not saved") {
			t.Errorf("error %v", err)
		}
		if a.Snapshot().Limits.Mode != "serial" {
			t.Error("the toggle does not work while the file is broken")
		}
		edit("version = 1\n")
		until(t, a, "no problem", func(s app.Snapshot) bool { return len(s.Problems) == 0 && s.Limits.Size == 4 })
	})
	t.Run("EndsItsWatchers", func(t *testing.T) {
		a, ended := run(t, options(t))
		snapshots := a.Watch(t.Context())
		a.Quit()
		for range snapshots { // until it is closed
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Run("IsAloneWithItsStateFolder", func(t *testing.T) {
		o := options(t)
		a := start(t, o)
		if _, err := app.Open(t.Context(), o); !errors.Is(err, app.ErrRunning) {
			t.Errorf("error %v", err)
		}
		shown := make(chan struct{})
		a.OnShow(func() { close(shown) })
		if err := control.Dial(o.StateDir).Show(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-shown
	})
	t.Run("SaysWhoHasThePort", func(t *testing.T) {
		a := start(t, options(t))
		o := options(t)
		o.Listen = strings.TrimPrefix(a.Snapshot().Endpoint, "http://")
		if _, err := app.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "another Carpool (test)") {
			t.Errorf("error %v", err)
		}
		port := strconv.Itoa(backendstest.FreePort(t))
		l, err := net.Listen("tcp6", "[::1]:"+port)
		if err != nil {
			t.Skip("this machine has no IPv6")
		}
		defer func() { _ = l.Close() }()
		o.Listen = "127.0.0.1:" + port
		if _, err := app.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "[::1]:"+port) {
			t.Errorf("a squatter on [::1] went unseen: %v", err)
		}
	})
	t.Run("RefusesABadOverride", func(t *testing.T) {
		o := options(t)
		o.Listen = "0.0.0.0:11435"
		if _, err := app.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "gateway.listen") {
			t.Errorf("error %v", err)
		}
	})
}

func TestAppDrains(t *testing.T) {
	t.Run("LetsRequestsInFlightEnd", func(t *testing.T) {
		engine := backendstest.New(t)
		o := options(t)
		o.Engine = engine.URL
		a, ended := run(t, o)
		resp := call(t.Context(), t, a, "/api/generate", `{"model":"tiny","prompt":"hi"}`)
		a.Quit()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Errorf("the stream was cut: %v", err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Run("InterruptsThemAtTheDeadline", func(t *testing.T) {
		o := options(t)
		a, ended := run(t, o)
		if err := a.Set(t.Context(), "gateway.drain_timeout_s", "0"); err != nil {
			t.Fatal(err)
		}
		resp := call(t.Context(), t, a, "/api/generate", `{"model":"carpool-demo","prompt":"hi","options":{"num_predict":100000}}`)
		lines := bufio.NewScanner(resp.Body)
		if !lines.Scan() {
			t.Fatal("no first line")
		}
		a.Quit()
		last := ""
		for lines.Scan() {
			last = lines.Text()
		}
		if !strings.Contains(last, `"error"`) || strings.Contains(last, `"done":true`) {
			t.Errorf("last line %q", last)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		db, err := storage.Open(t.Context(), storage.Options{Path: filepath.Join(o.StateDir, "history.db")})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := db.Requests(t.Context(), storage.Query{})
		if err != nil || len(rows) != 1 || rows[0].Outcome != "interrupted" {
			t.Errorf("error %v, rows %+v", err, rows)
		}
		if err := db.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func run(t *testing.T, o app.Options) (*app.App, <-chan error) {
	t.Helper()
	a, err := app.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(context.Background()) }()
	until(t, a, "an engine is up", serves)
	return a, ended
}

// history waits for n request rows.
func history(t *testing.T, a *app.App, n int) []storage.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range a.Watch(ctx) {
		rows, err := a.Requests(t.Context(), storage.Query{})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) >= n {
			return rows
		}
	}
	t.Fatalf("never seen: %d requests in the history", n)
	return nil
}
