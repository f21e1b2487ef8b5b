package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// health is what the suite must know of GET /health.
type health struct {
	Batching struct {
		Enabled  bool   `json:"enabled"`
		Mode     string `json:"mode"`
		Limit    int    `json:"limit"`
		Requests int    `json:"total_requests"`
		Tokens   int    `json:"tokens"`
	} `json:"batching"`
	History struct {
		OK bool `json:"ok"`
	} `json:"history"`
}

// counted is requests of an app that /metrics tells of.
var counted = regexp.MustCompile(`(?m)^carpool_requests_total\{app="([^"]*)",.*outcome="ok"\} [1-9]`)

// witness sends a stream through Carpool and has it say itself that all parts whose
// cost is to be measured are at work. It fails where one is not.
func (s *stage) witness(ctx context.Context, p *program) (string, error) {
	c, err := dial(ctx, p.address)
	if err != nil {
		return "", err
	}
	defer c.close()
	var h health
	var name string
	// A request is counted once its last byte has gone, and a connection's first ones
	// do not wait for the name of its process.
	const pause, tries = 10 * time.Millisecond, 200
	for range tries {
		if err := c.send(request(p.address, ollamaPath, ollamaChat(quick, streamTokens)), nil); err != nil {
			return "", err
		}
		if h, name, err = accounts(ctx, p.address); err != nil {
			return "", err
		}
		if h.Batching.Requests > 0 && name != "" {
			break
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(pause):
		}
	}
	file := filepath.Join(s.home(), "state", "history.db")
	kept := isSQLite(file)
	switch {
	case !h.Batching.Enabled || h.Batching.Mode != "fixed" || h.Batching.Limit != everything:
		err = fmt.Errorf("its scheduler is in mode %s with a limit of %d", h.Batching.Mode, h.Batching.Limit)
	case h.Batching.Tokens == 0:
		err = errors.New("its tap has not read the tokens of an answer")
	case !h.History.OK || kept != nil:
		err = errors.Join(errors.New("it keeps no history"), kept)
	case name == "":
		err = errors.New("it has found no process behind a request")
	}
	if err != nil {
		return "", fmt.Errorf("not everything is on: %w", err)
	}
	return fmt.Sprintf("scheduler in mode %s with a limit of %d; tap (it read the tokens of an answer); history in an SQLite file; "+
		"the app's name from its process (%s); metrics", h.Batching.Mode, h.Batching.Limit, name), nil
}

// accounts is what a Carpool tells of itself, and the name of a process that has asked
// it something; "" = it knows none.
func accounts(ctx context.Context, address string) (h health, name string, err error) {
	text, err := get(ctx, "http://"+address+"/health")
	if err != nil {
		return h, "", err
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, "", fmt.Errorf("health: %w", err)
	}
	if text, err = get(ctx, "http://"+address+"/metrics"); err != nil {
		return h, "", err
	}
	for _, found := range counted.FindAllSubmatch(text, -1) {
		if app := string(found[1]); app != userAgent {
			name = app
		}
	}
	return h, name, nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Close = true
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", url, strings.TrimSpace(res.Status))
	}
	return io.ReadAll(res.Body)
}

func isSQLite(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	magic := []byte("SQLite format 3\x00")
	begin := make([]byte, len(magic))
	if _, err := io.ReadFull(f, begin); err != nil {
		return err
	}
	if !bytes.Equal(begin, magic) {
		return fmt.Errorf("%s is not SQLite's", file)
	}
	return nil
}
