package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carpool/app/trial"
)

// measured are the states of a benchmark, from its beginning to its end.
func measured() []trial.State {
	joules := 2400.0
	t := trial.Trial{At: moment0, Engine: "ollama", Label: "Ollama 0.17.4", Model: "tiny", GPU: "Test GPU", Rounds: 3, Tokens: 128}
	rows := []trial.Row{
		{Size: 0, Requests: 12, OutputTokens: 1536, TokensPS: 50, Speedup: 1, FirstP50: 5 * time.Second, FirstP95: 8 * time.Second},
		{Size: 1, Requests: 3, OutputTokens: 384, TokensPS: 50, Speedup: 1, FirstP50: 90 * time.Millisecond, FirstP95: 110 * time.Millisecond},
		{Size: 4, Requests: 12, OutputTokens: 1536, TokensPS: 160, Speedup: 3.2, FirstP50: 120 * time.Millisecond, FirstP95: 180 * time.Millisecond, JoulesPer1000: &joules},
	}
	with := func(n int) trial.Trial { some := t; some.Rows = rows[:n]; return some }
	return []trial.State{
		{Running: true, Trial: with(0)},
		{Running: true, Trial: with(1), Size: 1, Done: .6, Left: 21400 * time.Millisecond},
		{Running: true, Trial: with(1), Size: 1, Done: .7, Left: 15 * time.Second},
		{Running: true, Trial: with(2), Size: 4, Done: .8, Left: 10 * time.Second},
		{Trial: with(3), Done: 1},
	}
}

func TestBenchLive(t *testing.T) {
	i := newInstance(t)
	f := &fake{snapshot: busy()}
	i.serve(f)
	t.Run("TellsEachRowAndThenAll", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "live.md")
		status, out, notes := i.carpool("bench", "--live", "--engine", "ollama", "--model", "tiny", "--sizes", "1,4", "--write", file)
		if status != 0 || !slices.Contains(f.asked, "trial {Engine:ollama Model:tiny Sizes:[1 4] Rounds:0 Tokens:0}") {
			t.Errorf("status %d, asked %v", status, f.asked)
		}
		want := "measuring tiny on Ollama 0.17.4\n" +
			"batching off: 50.0 tokens/s; now 1 at once, 60 % done, about 21s left\n" +
			"1 at once: 50.0 tokens/s; now 4 at once, 80 % done, about 10s left\n" +
			"written to " + file + "\n"
		if notes != want {
			t.Errorf("notes\n%s", notes)
		}
		if !strings.Contains(out, "| **4** | 160.0 | 3.20× | 0.12 s | 0.18 s | 2400 |") || !strings.Contains(out, "Size to use: 4") {
			t.Errorf("printed\n%s", out)
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != out {
			t.Errorf("written %q, %v", text, err)
		}
	})
	t.Run("PrintsJSON", func(t *testing.T) {
		status, out, _ := i.carpool("bench", "--live", "--json")
		if status != 0 || !strings.Contains(out, `"joules_per_1000_tokens": 2400`) {
			t.Errorf("status %d, %s", status, out)
		}
	})
	for args, want := range map[string]string{
		"bench --live --model nope": "benchmark: Ollama has no model nope",
		"bench --live --gpu":        "give one of them",
	} {
		t.Run("Refuses "+args, func(t *testing.T) {
			if status, out, notes := i.carpool(strings.Fields(args)...); status != 1 || out != "" || !strings.Contains(notes, want) {
				t.Errorf("status %d, %q, %q", status, out, notes)
			}
		})
	}
	t.Run("SaysWhyItEndedEarly", func(t *testing.T) {
		f.early = "out of memory"
		status, out, notes := i.carpool("bench", "--live")
		if status != 1 || !strings.Contains(out, "It ended before all sizes were measured: out of memory") || !strings.Contains(notes, "ended early: out of memory") {
			t.Errorf("status %d, %q, %q", status, out, notes)
		}
	})
}
