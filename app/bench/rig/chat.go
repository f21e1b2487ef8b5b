package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"time"
)

// ask has one chat. No two of a load begin alike, so that no cache answers them, and no
// engine copies from one slot to another what it has read.
func (r *Rig) ask(ctx context.Context, l Load, client, round int) error {
	body, err := json.Marshal(map[string]any{
		"model": r.model, "stream": true, "max_tokens": l.Tokens,
		"stream_options": map[string]any{"include_usage": true},
		"messages": []map[string]string{{"role": "user",
			"content": fmt.Sprintf("%d travellers and %d stories: tell a long one, about a journey by train.", client+1, round+1)}},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := r.client.Do(req)
	if err != nil {
		return reason(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return fmt.Errorf("the engine answers %s: %s", answer.Status, message(text))
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return reason(ctx, err)
}

// reason is why ctx ended, else err.
func reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// message is what an error answer says, for people.
func message(answer []byte) string {
	var told struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(answer, &told) == nil && told.Error.Message != "" {
		return told.Error.Message
	}
	return string(answer)
}

// percentile is the nearest-rank percentile p (0 < p <= 1) of values, which it
// sorts; 0 for no values.
func percentile(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[int(math.Ceil(p*float64(len(values))))-1]
}
