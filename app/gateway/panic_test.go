package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"carpool/batching"
)

// blunders is a scheduler whose fault quotes what it was given.
type blunders struct {
	Scheduler
	value any
}

func (b blunders) Acquire(context.Context, batching.Request) (*batching.Lease, error) {
	if b.value == nil {
		var none []int
		return nil, fmt.Errorf("%d", none[len(none)])
	}
	panic(b.value)
}

// Test31_Panic has a handler fail in its own way, with the prompt in its words.
func Test31_Panic(t *testing.T) {
	const secret = "canary-of-a-prompt"
	for name, value := range map[string]any{
		"AText": "cannot read " + secret, "AnError": errors.New("json: " + secret), "AValue": struct{ Prompt string }{secret}, "TheRuntimes": nil,
	} {
		t.Run(name, func(t *testing.T) {
			r := rigFor(t, &engines{target: targetOf(t, "http://127.0.0.1:1")}, Limits{}, batching.Settings{})
			var log bytes.Buffer
			r.gateway.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			r.gateway.scheduler = blunders{value: value}
			res := r.do("POST", "/api/generate?key="+secret, `{"model":"m","prompt":"`+secret+`"}`, "Authorization", "Bearer "+secret)
			if body := text(t, res); res.StatusCode != 500 || strings.Contains(body, secret) {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			r.ended()
			if got := log.String(); !strings.Contains(got, "handler panicked") || !strings.Contains(got, "panic_test.go") || strings.Contains(got, secret) {
				t.Errorf("the log: %s", got)
			}
			if value == nil && !strings.Contains(log.String(), "index out of range") {
				t.Errorf("the log does not say what went wrong: %s", &log)
			}
		})
	}
}
