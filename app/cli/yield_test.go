package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestYield(t *testing.T) {
	i := newInstance(t)
	f := &fake{snapshot: busy()}
	i.serve(f)
	t.Run("GivesTheGPUAway", func(t *testing.T) {
		status, out, notes := i.carpool("yield", "--for", "1h")
		if status != 0 || notes != "" || !slices.Contains(f.asked, "yield 1h0m0s false") {
			t.Errorf("status %d, %q, asked %v", status, notes, f.asked)
		}
		golden(t, "yield.txt", out)
		status, out, _ = i.carpool("yield", "--for", "1h", "--stop")
		if status != 0 || strings.Contains(out, "--stop") || !slices.Contains(f.asked, "yield 1h0m0s true") {
			t.Errorf("status %d, %q, asked %v", status, out, f.asked)
		}
	})
	t.Run("StatusTells", func(t *testing.T) {
		_, out, _ := i.carpool("status")
		for _, want := range []string{"\nMakes way ", `GPU given away until 13:00: nothing new runs; "carpool yield --end" takes it back`,
			"on llamacpp, ollama since 2026-01-31 12:00:00", "llama-server keeps its model until it ends"} {
			if !strings.Contains(inUTC(out), want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		if _, out, _ = i.carpool("status", "--json"); !strings.Contains(out, `"manual": true`) || !strings.Contains(out, `"until": "2026-01-31T13:00:00Z"`) {
			t.Errorf("JSON: %s", out)
		}
	})
	t.Run("TakesItBack", func(t *testing.T) {
		if status, out, notes := i.carpool("yield", "--end"); status != 0 || out != "1 running, 3 waiting\n" || notes != "" {
			t.Errorf("status %d, %q, %q", status, out, notes)
		}
		if status, _, notes := i.carpool("yield", "--end"); status != 0 || notes != "the GPU was not given away\n" {
			t.Errorf("status %d, %q", status, notes)
		}
	})
	t.Run("GivesItAwayUntilItIsTakenBack", func(t *testing.T) {
		if status, _, notes := i.carpool("yield"); status != 0 || !slices.Contains(f.asked, "yield 0s false") {
			t.Errorf("status %d, %q, asked %v", status, notes, f.asked)
		}
	})
	asked := len(f.asked)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"Nothing":     {[]string{"--for", "0s"}, "--for 0s: it can be 1s to 24h"},
		"TooLittle":   {[]string{"--for", "999ms"}, "--for 999ms: it can be 1s to 24h"},
		"TooMuch":     {[]string{"--for", "25h"}, "--for 25h0m0s: it can be 1s to 24h"},
		"NoDuration":  {[]string{"--for", "soon"}, `"soon"`},
		"BothWays":    {[]string{"--for", "1h", "--end"}, "[for end]"},
		"AnArgument":  {[]string{"now"}, "now"},
		"StopAndBack": {[]string{"--stop", "--end"}, "[stop end]"},
	} {
		t.Run("Refuses"+name, func(t *testing.T) {
			status, out, notes := i.carpool(append([]string{"yield"}, tt.args...)...)
			if status != 1 || out != "" || !strings.Contains(notes, tt.want) || len(f.asked) != asked {
				t.Errorf("status %d, %q, %q, asked %v", status, out, notes, f.asked)
			}
		})
	}
	t.Run("SaysThatNothingRuns", func(t *testing.T) {
		for _, args := range [][]string{{"yield"}, {"yield", "--end"}} {
			if status, _, notes := newInstance(t).carpool(args...); status != 1 || !strings.Contains(notes, "carpool is not running") {
				t.Errorf("%v: status %d, %q", args, status, notes)
			}
		}
	})
}
