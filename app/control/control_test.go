package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/adrg/xdg"
	"go.uber.org/goleak"

	"carpool/app/connect"
	"carpool/app/fit"
	"carpool/app/trial"
	"carpool/backends/launch"
	"carpool/batching"
	"carpool/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type state struct {
	Sentence string `json:"sentence"`
}

// fake is a Carpool that notes what it is asked.
type fake struct {
	mu    sync.Mutex
	asked []string
	query storage.Query
}

func (f *fake) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what)
}

func (f *fake) Snapshot() state { return state{"3 running"} }
func (f *fake) StartTrial(_ context.Context, w trial.Wanted) error {
	f.note(fmt.Sprintf("trial %+v", w))
	return nil
}

func (f *fake) LANToken() (string, error)       { return "word", nil }
func (f *fake) RotateLANToken() (string, error) { return "", errors.New("token: disk is full") }

func (f *fake) CancelTrial() { f.note("cancel trial") }

func (f *fake) CancelRequest(ticket uint64) error {
	if ticket == 99 {
		return batching.ErrGone
	}
	f.note(fmt.Sprint("cancel ", ticket))
	return nil
}

func (f *fake) MoveToFront(ticket uint64) error {
	f.note(fmt.Sprint("front ", ticket))
	return nil
}

func (f *fake) Yield(_ context.Context, o YieldOrder) error {
	if o.For < 0 {
		return errors.New("the GPU can be given away for 1s to 24h, not for -1s")
	}
	f.note(fmt.Sprintf("yield %v %v", o.For, o.Stop))
	return nil
}
func (f *fake) Resume(context.Context) error {
	f.note("resume")
	return nil
}
func (f *fake) Show() { f.note("show") }
func (f *fake) Quit() { f.note("quit") }
func (f *fake) Set(_ context.Context, key, value string) error {
	if value == "bad" {
		return errors.New("adaptive.max: \"bad\" is not a whole number")
	}
	f.note(key + "=" + value)
	return nil
}
func (f *fake) Requests(_ context.Context, q storage.Query) ([]storage.Request, error) {
	f.query = q
	return []storage.Request{{ID: "r1", TotalMS: 1.5}}, nil
}
func (f *fake) Batches(context.Context, storage.Query) ([]storage.Batch, error) {
	return nil, errors.New("history is off")
}
func (f *fake) Decisions(context.Context, storage.Query) ([]storage.Decision, error) {
	return []storage.Decision{{Kind: "limit", Reason: "4 streams seen at once"}}, nil
}
func (f *fake) EnergyUse(_ context.Context, q storage.Query) ([]storage.EnergyUse, error) {
	f.query = q
	return []storage.EnergyUse{{Model: "m", Running: 8, Joules: 2.5}}, nil
}
func (f *fake) StartEngine(_ context.Context, w launch.Wanted) (launch.State, error) {
	if w.Kind != launch.Ollama {
		return launch.State{}, launch.ErrUnknown
	}
	return launch.State{Name: "ollama", Status: launch.Running, Slots: w.Slots, URL: "http://127.0.0.1:" + strconv.Itoa(w.Port)}, nil
}
func (f *fake) StopEngine(_ context.Context, name string) error {
	f.note("stop " + name)
	return nil
}
func (f *fake) EngineLog(name string) ([]string, error) { return []string{"log of " + name}, nil }
func (f *fake) CheckEngines() []launch.Check {
	return []launch.Check{{Name: "ollama", Guide: launch.Guide{Steps: []launch.Step{{Text: "do", Command: "a\nb"}}}}}
}
func (f *fake) EngineMemory(q fit.Question) ([]fit.Table, error) {
	if q.Model == "nope" {
		return nil, errors.New("no engine has it")
	}
	return []fit.Table{{Engine: q.Engine, Model: q.Model, Largest: q.Slots, Now: fit.Fit{Need: fit.Need{Context: q.Context}}}}, nil
}
func (f *fake) Summary(context.Context, storage.Query) (storage.Summary, error) {
	return storage.Summary{Requests: 7, Outcomes: map[string]int64{"ok": 7}}, nil
}

func (f *fake) Points(_ context.Context, q storage.Query, most int) (storage.Points, error) {
	f.query = q
	return storage.Points{Step: time.Duration(most) * time.Second, Points: []storage.Point{{Seconds: 1, MostRunning: 3}}}, nil
}
func (f *fake) AppUse(_ context.Context, q storage.Query) ([]storage.AppUse, error) {
	f.query = q
	return []storage.AppUse{{App: "Zed", Run: time.Second}}, nil
}
func (f *fake) HistorySize(context.Context) (storage.Size, error) { return storage.Size{Bytes: 5}, nil }
func (f *fake) WipeHistory(context.Context) error                 { f.note("wipe"); return nil }
func (f *fake) CompactHistory(context.Context) (int64, error)     { f.note("compact"); return 7, nil }
func (f *fake) ConnectGuides() []connect.Guide                    { return []connect.Guide{{App: "Zed"}} }

// serve runs a control socket until the test ends or stop is called.
func serve(t *testing.T, dir string, s Surface[state]) (c *Client, stop func()) {
	t.Helper()
	socket, err := Listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, socket, s) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	c = Dial(dir)
	for deadline := time.Now().Add(20 * time.Second); ; {
		var st state
		err := c.Snapshot(t.Context(), &st)
		if err == nil {
			return c, stop
		}
		if time.Now().After(deadline) || !errors.Is(err, ErrNotRunning) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestControl(t *testing.T) {
	f := &fake{}
	dir := t.TempDir()
	c, stop := serve(t, dir, f)
	ctx := t.Context()

	t.Run("ReadsTheSnapshot", func(t *testing.T) {
		var st state
		if err := c.Snapshot(ctx, &st); err != nil || st.Sentence != "3 running" {
			t.Errorf("got %v, %v", st, err)
		}
	})
	t.Run("SetsShowsAndQuits", func(t *testing.T) {
		for _, err := range []error{c.Set(ctx, "adaptive.max", "4"), c.Show(ctx), c.Quit(ctx)} {
			if err != nil {
				t.Error(err)
			}
		}
		if got := strings.Join(f.asked, " "); got != "adaptive.max=4 show quit" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("BringsErrorsAcrossWordForWord", func(t *testing.T) {
		if err := c.Set(ctx, "adaptive.max", "bad"); err == nil || err.Error() != `adaptive.max: "bad" is not a whole number` {
			t.Errorf("got %v", err)
		}
		if _, err := c.Batches(ctx, storage.Query{}); err == nil || err.Error() != "history is off" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("ReadsTheHistory", func(t *testing.T) {
		q := storage.Query{Since: time.Now().Add(-time.Hour), Limit: 3}
		rows, err := c.Requests(ctx, q)
		if err != nil || len(rows) != 1 || rows[0].ID != "r1" {
			t.Errorf("got %v, %v", rows, err)
		}
		if !f.query.Since.Equal(q.Since) || !f.query.Until.IsZero() || f.query.Limit != 3 {
			t.Errorf("asked for %+v, want %+v", f.query, q)
		}
		if rows, err := c.Decisions(ctx, q); err != nil || len(rows) != 1 || rows[0].Reason != "4 streams seen at once" || rows[0].Slots != nil {
			t.Errorf("got %+v, %v", rows, err)
		}
		if rows, err := c.EnergyUse(ctx, q); err != nil || len(rows) != 1 || rows[0] != (storage.EnergyUse{Model: "m", Running: 8, Joules: 2.5}) {
			t.Errorf("got %+v, %v", rows, err)
		}
		if s, err := c.Summary(ctx, q); err != nil || s.Requests != 7 || s.Outcomes["ok"] != 7 {
			t.Errorf("got %+v, %v", s, err)
		}
	})
	t.Run("ReadsAddsUpAndMendsTheHistory", func(t *testing.T) {
		q := storage.Query{Since: time.Now().Add(-time.Hour)}
		if p, err := c.Points(ctx, q, 60); err != nil || p.Step != time.Minute || len(p.Points) != 1 || p.Points[0].MostRunning != 3 || !f.query.Since.Equal(q.Since) {
			t.Errorf("got %+v, %v", p, err)
		}
		if _, err := c.Points(ctx, q, 0); err == nil || err.Error() != `most: "0" is not a number from 1` {
			t.Errorf("got %v", err)
		}
		if rows, err := c.AppUse(ctx, q); err != nil || len(rows) != 1 || rows[0].App != "Zed" || rows[0].Run != time.Second {
			t.Errorf("got %+v, %v", rows, err)
		}
		if s, err := c.HistorySize(ctx); err != nil || s.Bytes != 5 {
			t.Errorf("got %+v, %v", s, err)
		}
		if err := c.WipeHistory(ctx); err != nil || !slices.Contains(f.asked, "wipe") {
			t.Errorf("asked %v, %v", f.asked, err)
		}
		if freed, err := c.CompactHistory(ctx); err != nil || freed != 7 {
			t.Errorf("freed %d, %v", freed, err)
		}
	})
	t.Run("TellsHowAppsConnect", func(t *testing.T) {
		if all, err := c.ConnectGuides(ctx); err != nil || len(all) != 1 || all[0].App != "Zed" {
			t.Errorf("got %+v, %v", all, err)
		}
	})
	t.Run("StartsStopsAndChecksEngines", func(t *testing.T) {
		s, err := c.StartEngine(ctx, launch.Wanted{Kind: launch.Ollama, Slots: 4, Port: 5000})
		if err != nil || s.Status != launch.Running || s.Slots != 4 || s.URL != "http://127.0.0.1:5000" {
			t.Errorf("got %+v, %v", s, err)
		}
		if _, err := c.StartEngine(ctx, launch.Wanted{Kind: "other"}); err == nil || err.Error() != launch.ErrUnknown.Error() {
			t.Errorf("got %v", err)
		}
		if err := c.StopEngine(ctx, "ollama"); err != nil || !slices.Contains(f.asked, "stop ollama") {
			t.Errorf("asked %v, %v", f.asked, err)
		}
		if lines, err := c.EngineLog(ctx, "a&b"); err != nil || len(lines) != 1 || lines[0] != "log of a&b" {
			t.Errorf("got %q, %v", lines, err)
		}
		if all, err := c.CheckEngines(ctx); err != nil || len(all) != 1 || all[0].Guide.Steps[0].Command != "a\nb" {
			t.Errorf("got %+v, %v", all, err)
		}
		all, err := c.EngineMemory(ctx, fit.Question{Engine: "a&b", Model: "m", Slots: 8, Context: 32768})
		if err != nil || len(all) != 1 || all[0].Engine != "a&b" || all[0].Model != "m" || all[0].Largest != 8 || all[0].Now.Context != 32768 {
			t.Errorf("got %+v, %v", all, err)
		}
		for _, q := range []fit.Question{{Model: "nope"}, {Slots: -1}} {
			if all, err := c.EngineMemory(ctx, q); err == nil {
				t.Errorf("%+v: got %+v", q, all)
			}
		}
	})
	t.Run("GivesTheGPUAwayAndTakesItBack", func(t *testing.T) {
		for _, err := range []error{c.Yield(ctx, YieldOrder{For: 90 * time.Second, Stop: true}), c.Yield(ctx, YieldOrder{}), c.Resume(ctx)} {
			if err != nil {
				t.Error(err)
			}
		}
		if want := []string{"yield 1m30s true", "yield 0s false", "resume"}; !slices.Equal(f.asked[len(f.asked)-3:], want) {
			t.Errorf("asked %v", f.asked)
		}
		if err := c.Yield(ctx, YieldOrder{For: -time.Second}); err == nil || !strings.Contains(err.Error(), "not for -1s") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("CancelsAndMovesRequests", func(t *testing.T) {
		for _, err := range []error{c.CancelRequest(ctx, 1<<60), c.MoveToFront(ctx, 2)} {
			if err != nil {
				t.Error(err)
			}
		}
		if want := []string{"cancel 1152921504606846976", "front 2"}; !slices.Equal(f.asked[len(f.asked)-2:], want) {
			t.Errorf("asked %v", f.asked)
		}
		if err := c.CancelRequest(ctx, 99); err == nil || err.Error() != batching.ErrGone.Error() {
			t.Errorf("got %v", err)
		}
	})
	t.Run("StartsAndCancelsABenchmark", func(t *testing.T) {
		for _, err := range []error{c.StartTrial(ctx, trial.Wanted{Engine: "ollama", Sizes: []int{1, 8}}), c.CancelTrial(ctx)} {
			if err != nil {
				t.Error(err)
			}
		}
		if want := []string{"trial {Engine:ollama Model: Sizes:[1 8] Rounds:0 Tokens:0}", "cancel trial"}; !slices.Equal(f.asked[len(f.asked)-2:], want) {
			t.Errorf("asked %v", f.asked)
		}
	})
	t.Run("TheSocketIsPrivate", func(t *testing.T) {
		if info, err := os.Stat(filepath.Join(dir, "carpool.sock")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("got %v, %v", info.Mode(), err)
		}
	})
	t.Run("IsGoneAtTheEnd", func(t *testing.T) {
		stop()
		if _, err := os.Stat(filepath.Join(dir, "carpool.sock")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
		if err := c.Show(ctx); !errors.Is(err, ErrNotRunning) {
			t.Errorf("got %v", err)
		}
	})
}

func TestServe(t *testing.T) {
	t.Run("ReplacesTheSocketOfAKilledCarpool", func(t *testing.T) {
		dir := t.TempDir()
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "carpool.sock")})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := Dial(dir).Show(t.Context()); !errors.Is(err, ErrNotRunning) {
			t.Errorf("before: %v", err)
		}
		c, _ := serve(t, dir, &fake{})
		if err := c.Show(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("WorksInAFolderWithALongName", func(t *testing.T) {
		useRuntimeFolder(t)
		dir := filepath.Join(t.TempDir(), strings.Repeat("long", 40))
		path, err := SocketPath(dir)
		if err != nil || len(path) > maxPath {
			t.Fatalf("got %s, %v", path, err)
		}
		c, stop := serve(t, dir, &fake{})
		if err := c.Show(t.Context()); err != nil {
			t.Error(err)
		}
		if err := Dial(dir + "er").Show(t.Context()); !errors.Is(err, ErrNotRunning) {
			t.Errorf("another folder reaches the same Carpool: %v", err)
		}
		stop()
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	})
	t.Run("RefusesAFolderOpenToAll", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "every user may write") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("SaysWhatToDoWhenNothingRuns", func(t *testing.T) {
		dir := t.TempDir()
		err := Dial(dir).Show(t.Context())
		want := `carpool is not running (state folder ` + dir + `); start it with "carpool" or "carpool serve"`
		if err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	})
}

// useRuntimeFolder gives the test a runtime folder of its own, with a short name.
func useRuntimeFolder(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		xdg.Reload()
	})
	t.Setenv("XDG_RUNTIME_DIR", dir)
	xdg.Reload()
}
