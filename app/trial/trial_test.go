package trial

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

// row is a size with its tokens per second and first token in milliseconds.
func row(size int, tps float64, first int) Row {
	d := time.Duration(first) * time.Millisecond
	return Row{Size: size, Requests: 3 * max(size, 1), TokensPS: tps, Speedup: tps / 50, FirstP50: d / 2, FirstP95: d}
}

func TestBest(t *testing.T) {
	for name, tt := range map[string]struct {
		rows []Row
		best int // 0 = none
	}{
		"TheMost":                    {[]Row{row(0, 50, 4000), row(1, 50, 300), row(2, 90, 320), row(4, 160, 400)}, 4},
		"TheSmallestNearTheMost":     {[]Row{row(0, 50, 4000), row(1, 50, 300), row(4, 156, 400), row(8, 160, 900)}, 4},
		"NotTooFarFromIt":            {[]Row{row(1, 50, 300), row(4, 155, 400), row(8, 160, 900)}, 8},
		"InTime":                     {[]Row{row(1, 50, 300), row(4, 150, 2000), row(8, 300, 2001)}, 4},
		"InTwiceTheTimeOfASlowOne":   {[]Row{row(1, 5, 3000), row(4, 15, 6000), row(8, 30, 6001)}, 4},
		"OfThoseInTimeTheNearest":    {[]Row{row(1, 50, 300), row(2, 98, 400), row(4, 100, 500), row(8, 200, 9000)}, 2},
		"NeverOff":                   {[]Row{row(0, 50, 100)}, 0},
		"NoneWithoutFigures":         {nil, 0},
		"NoneWhereNothingWasWritten": {[]Row{row(0, 0, 0), row(1, 0, 0)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			best, ok := Trial{Rows: tt.rows}.Best()
			if best.Size != tt.best || ok != (tt.best > 0) {
				t.Errorf("%d %v, want %d", best.Size, ok, tt.best)
			}
		})
	}
}

func TestFitting(t *testing.T) {
	for slots, want := range map[int][]int{0: usual, 1: {1}, 4: {1, 2, 4}, 6: {1, 2, 4, 6}, 32: usual, 256: usual} {
		if got := fitting(slots); !slices.Equal(got, want) {
			t.Errorf("%d slots: %v, want %v", slots, got, want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	joules := 1234.4
	trial := Trial{At: time.Date(2026, 1, 31, 12, 0, 0, 0, time.Local), Label: "Ollama 0.17.4", Model: "llama3.2:3b", GPU: "RTX 4090", Rounds: 3,
		Tokens: 128, Others: 2, Rows: []Row{row(0, 50, 4000), row(1, 50, 300), row(4, 160, 400)}}
	trial.Rows[2].JoulesPer1000 = &joules
	var b bytes.Buffer
	if err := trial.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	want := `**llama3.2:3b, Ollama 0.17.4 on RTX 4090**, measured by Carpool on 2026-01-31: so many chats at once, each 3 times in a row, answers of at most 128 tokens.

| at once | tokens/s | speedup | first token p50 | p95 | J per 1,000 tokens |
|---:|---:|---:|---:|---:|---:|
| batching off | 50.0 | 1.00× | 2.00 s | 4.00 s | - |
| 1 | 50.0 | 1.00× | 0.15 s | 0.30 s | - |
| **4** | 160.0 | 3.20× | 0.20 s | 0.40 s | 1234 |

Size to use: 4, the fewest at once within 3 % of the most tokens per second, with first tokens in time.

2 requests of other apps ran meanwhile.
`
	if b.String() != want {
		t.Errorf("got\n%s", &b)
	}
	trial.Cancelled, trial.Simulated = true, true
	b.Reset()
	if err := trial.Markdown(&b); err != nil || !strings.Contains(b.String(), "SIMULATED") || !strings.Contains(b.String(), "cancelled before all sizes") {
		t.Errorf("%v, got\n%s", err, &b)
	}
}

func TestProgress(t *testing.T) {
	sizes, second := []int{0, 1, 2, 4, 8}, time.Second
	wanted := Wanted{Rounds: 3}
	for name, tt := range map[string]struct {
		paces []time.Duration
		now   time.Duration
		done  float64
		want  float64       // done
		left  time.Duration // to the second
	}{
		"NothingIsKnown":      {nil, second, .05, 0, 0},
		"TheFirstRowTellsAll": {nil, 6 * second, .5, 6. / 30, 24 * second}, // 12 in all, then 3, 3.9, 5.07 and 6.6 at 1.3 each
		"GrowthIsMeasured":    {[]time.Duration{second, second, 2 * second}, 0, 0, 21. / (21 + 12 + 24), 36 * second},
		"GrowthIsBounded":     {[]time.Duration{second, second, 9 * second}, 0, 0, 42. / (42 + 54 + 108), 162 * second},
		"ARowThatTakesLonger": {[]time.Duration{second, second, second, second}, 30 * second, .5, 51. / 81, 30 * second},
		"AllIsMeasured":       {[]time.Duration{second, second, second, second, second}, second, 1, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			done, left := progress{wanted: wanted, sizes: sizes, paces: tt.paces, now: tt.now, done: tt.done}.estimate()
			if d := done - tt.want; d > .01 || d < -.01 || (left-tt.left).Abs() > second {
				t.Errorf("%.3f done, %v left, want %.3f and %v", done, left, tt.want, tt.left)
			}
		})
	}
}
