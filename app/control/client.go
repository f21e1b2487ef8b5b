package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"carpool/app/connect"
	"carpool/app/fit"
	"carpool/app/trial"
	"carpool/backends/launch"
	"carpool/storage"
)

// ErrNotRunning says that no Carpool uses the state folder.
var ErrNotRunning = errors.New("carpool is not running")

const callTimeout = 30 * time.Second

// Client calls a running Carpool. Its methods may be called from any goroutine;
// they fail with ErrNotRunning if there is none.
type Client struct {
	http http.Client
}

// Dial returns a client of the Carpool of a state folder. It connects with each
// call, so the Carpool may start later or be started again.
func Dial(stateDir string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		path, err := SocketPath(stateDir)
		if err != nil {
			return nil, err
		}
		var d net.Dialer
		c, err := d.DialContext(ctx, "unix", path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf(`%w (state folder %s); start it with "carpool" or "carpool serve"`, ErrNotRunning, stateDir)
		}
		if err != nil {
			return nil, err
		}
		if err := checkPeer(c.(*net.UnixConn)); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return c, nil
	}
	return &Client{http.Client{
		Timeout:   callTimeout,
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
	}}
}

// Snapshot reads the state into v, a pointer.
func (c *Client) Snapshot(ctx context.Context, v any) error {
	return c.call(ctx, http.MethodGet, "/snapshot", nil, v)
}

// Set changes one setting by key or alias.
func (c *Client) Set(ctx context.Context, key, value string) error {
	return c.call(ctx, http.MethodPost, "/set", setRequest{key, value}, nil)
}

// Requests reads the history, newest first.
func (c *Client) Requests(ctx context.Context, q storage.Query) (rows []storage.Request, err error) {
	err = c.call(ctx, http.MethodGet, "/requests?"+encode(q), nil, &rows)
	return rows, err
}

// Batches reads the history, newest first.
func (c *Client) Batches(ctx context.Context, q storage.Query) (rows []storage.Batch, err error) {
	err = c.call(ctx, http.MethodGet, "/batches?"+encode(q), nil, &rows)
	return rows, err
}

// Decisions reads the history, newest first.
func (c *Client) Decisions(ctx context.Context, q storage.Query) (rows []storage.Decision, err error) {
	err = c.call(ctx, http.MethodGet, "/decisions?"+encode(q), nil, &rows)
	return rows, err
}

// EnergyUse adds up a range of the history by model and how many ran at once.
func (c *Client) EnergyUse(ctx context.Context, q storage.Query) (rows []storage.EnergyUse, err error) {
	err = c.call(ctx, http.MethodGet, "/energy?"+encode(q), nil, &rows)
	return rows, err
}

// Summary adds up a range of the history.
func (c *Client) Summary(ctx context.Context, q storage.Query) (s storage.Summary, err error) {
	err = c.call(ctx, http.MethodGet, "/summary?"+encode(q), nil, &s)
	return s, err
}

// ConnectGuides are how the usual apps are pointed at it.
func (c *Client) ConnectGuides(ctx context.Context) (all []connect.Guide, err error) {
	err = c.call(ctx, http.MethodGet, "/connect", nil, &all)
	return all, err
}

// StartEngine starts an engine and returns its state when it serves, or after
// 20 s. An error may say how its first run ended; it is tried again all the same.
func (c *Client) StartEngine(ctx context.Context, w launch.Wanted) (s launch.State, err error) {
	err = c.call(ctx, http.MethodPost, "/engines/start", w, &s)
	return s, err
}

// StopEngine ends an engine that Carpool started.
func (c *Client) StopEngine(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodPost, "/engines/stop", engineRequest{name}, nil)
}

// EngineLog is the end of what an engine that Carpool started has printed.
func (c *Client) EngineLog(ctx context.Context, name string) (lines []string, err error) {
	err = c.call(ctx, http.MethodGet, "/engines/log?"+url.Values{"name": {name}}.Encode(), nil, &lines)
	return lines, err
}

// CheckEngines says what each engine runs at once, and how to change that.
func (c *Client) CheckEngines(ctx context.Context) (all []launch.Check, err error) {
	err = c.call(ctx, http.MethodGet, "/engines/check", nil, &all)
	return all, err
}

// LANToken is what programs of other computers send as their key; the first call
// makes it.
func (c *Client) LANToken(ctx context.Context) (string, error) {
	var t tokenAnswer
	err := c.call(ctx, http.MethodGet, "/lan/token", nil, &t)
	return t.Token, err
}

// RotateLANToken replaces it by a new one.
func (c *Client) RotateLANToken(ctx context.Context) (string, error) {
	var t tokenAnswer
	err := c.call(ctx, http.MethodPost, "/lan/rotate", nil, &t)
	return t.Token, err
}

// Yield gives the GPU to other programs.
func (c *Client) Yield(ctx context.Context, o YieldOrder) error {
	return c.call(ctx, http.MethodPost, "/yield", o, nil)
}

// Resume takes the GPU back.
func (c *Client) Resume(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/resume", nil, nil)
}

// CancelRequest ends a request that waits or runs, by its ticket in the snapshot.
func (c *Client) CancelRequest(ctx context.Context, ticket uint64) error {
	return c.call(ctx, http.MethodPost, "/requests/cancel", ticketRequest{ticket}, nil)
}

// MoveToFront makes a waiting request the next of its engine.
func (c *Client) MoveToFront(ctx context.Context, ticket uint64) error {
	return c.call(ctx, http.MethodPost, "/requests/front", ticketRequest{ticket}, nil)
}

// StartTrial begins a benchmark; the snapshot tells how it goes.
func (c *Client) StartTrial(ctx context.Context, w trial.Wanted) error {
	return c.call(ctx, http.MethodPost, "/trial/start", w, nil)
}

// CancelTrial ends the benchmark that runs.
func (c *Client) CancelTrial(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/trial/cancel", nil, nil)
}

// EngineMemory says what models would take of the GPU, and whether that fits.
func (c *Client) EngineMemory(ctx context.Context, q fit.Question) (all []fit.Table, err error) {
	v := url.Values{"engine": {q.Engine}, "model": {q.Model}}
	for name, n := range map[string]int{"slots": q.Slots, "context": q.Context} {
		if n != 0 {
			v.Set(name, strconv.Itoa(n))
		}
	}
	err = c.call(ctx, http.MethodGet, "/engines/memory?"+v.Encode(), nil, &all)
	return all, err
}

// Show brings the window to the front.
func (c *Client) Show(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/show", nil, nil)
}

// Quit makes it drain and end; it goes on for up to gateway.drain_timeout_s.
func (c *Client) Quit(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/quit", nil, nil)
}

// call sends body as JSON, unless nil, and decodes the answer into v, unless nil.
func (c *Client) call(ctx context.Context, method, path string, body, v any) error {
	sent, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://carpool"+path, bytes.NewReader(sent))
	if err != nil {
		return err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // its URL means nothing to a person
		}
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		var f failure
		if json.Unmarshal(got, &f) != nil || f.Error == "" {
			f.Error = answer.Status
		}
		return errors.New(f.Error)
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(got, v); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

func encode(q storage.Query) string {
	v := url.Values{}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.Format(time.RFC3339Nano))
	}
	if !q.Until.IsZero() {
		v.Set("until", q.Until.Format(time.RFC3339Nano))
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v.Encode()
}
