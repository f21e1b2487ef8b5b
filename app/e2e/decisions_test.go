//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"carpool/app/tuner"
	"carpool/storage"
)

// TestDecisionsAreKept: each change of the limit is told with its reason, in the
// log and in the history, and the last one is what status and /health show.
func TestDecisionsAreKept(t *testing.T) {
	const slots = 2
	p := opened(t, "decisions", slots)
	c := gather(t, saturating, func(ctx context.Context, number int) error {
		_, err := ask(ctx, p.ollama(), medium, fmt.Sprintf("%d is decided", number), 48)
		return err
	})
	var shown tuner.State
	err := poll(t.Context(), detecting, func() (err error) {
		if shown, err = p.tuned(t.Context(), medium); err == nil && shown.Slots != slots {
			err = fmt.Errorf("%d slots by %q", shown.Slots, shown.SlotsBy)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c.disperse()
	h, err := p.idle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if shown, err = p.tuned(t.Context(), medium); err != nil {
		t.Fatal(err)
	}
	if shown.Reason == "" || !strings.Contains(shown.Advice, "OLLAMA_NUM_PARALLEL") {
		t.Errorf("status: %+v", shown)
	}
	i := slices.IndexFunc(h.Models, func(m healthModel) bool { return m.Model == shown.Model })
	if i < 0 || h.Models[i] != (healthModel{shown.Model, shown.Limit, shown.Slots, shown.SlotsBy, shown.Reason}) {
		t.Errorf("/health has %+v, status %+v", h.Models, shown)
	}
	text, err := p.command(t.Context(), "status")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{fmt.Sprintf("%d (%s)", slots, shown.SlotsBy), shown.Reason, shown.Advice} {
		if !strings.Contains(string(text), part) {
			t.Errorf("carpool status does not say %q:\n%s", part, text)
		}
	}

	// A row is on disk soon, not at once.
	var rows []storage.Decision
	err = poll(t.Context(), 5*time.Second, func() error {
		out, err := p.command(t.Context(), "history", "--decisions", "--json")
		if err != nil {
			return giveUp{err}
		}
		var history struct {
			Decisions []storage.Decision `json:"decisions"`
		}
		if err := json.Unmarshal(out, &history); err != nil {
			return giveUp{err}
		}
		rows = slices.DeleteFunc(history.Decisions, func(d storage.Decision) bool {
			return !slices.Contains([]string{"limit", "slots", "budget"}, d.Kind) // of the rest, such as a model's loading
		})
		if len(rows) == 0 || rows[0].Slots == nil || *rows[0].Slots != slots {
			return errors.New("the slots are not in the history")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if last := rows[0]; last.NewLimit == nil || *last.NewLimit != int64(shown.Limit) || last.SlotsBy == "" || last.Model != shown.Model {
		t.Errorf("the last decision is %+v, status has %+v", last, shown)
	}
	now, err := p.status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(now.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range rows {
		if d.Reason == "" || d.Kind == "" || d.Engine == "" {
			t.Errorf("it does not say why: %+v", d)
		}
		if !strings.Contains(string(log), d.Reason) {
			t.Errorf("not in the log: %q", d.Reason)
		}
		if i > 0 && (d.NewLimit == nil || rows[i-1].OldLimit == nil || *d.NewLimit != *rows[i-1].OldLimit) {
			t.Errorf("from %+v to %+v", d, rows[i-1])
		}
	}
	t.Logf("%d decisions, the last: %s", len(rows), rows[0].Reason)
}
