package gateway

import (
	"strings"
	"testing"
	"time"

	"carpool/backends"
	"carpool/backends/backendstest"
	"carpool/batching"
)

// Test27_LostGPU has an engine fail while the driver says that its GPU is lost: clients
// are told so, and not to try again. What works, works.
func Test27_LostGPU(t *testing.T) {
	const why = "Card: GPU lost"
	begin := func(t *testing.T, local bool, s backendstest.Script) *rig {
		r, engine := scripted(t, Limits{}, batching.Settings{})
		engine.Always(s)
		r.engines.change("ollama", func(i *backends.Info) {
			if i.URL = "http://10.0.0.9:11434"; local {
				i.URL = "http://127.0.0.1:11434"
			}
		})
		r.gateway.lostGPU = func(engine string) string {
			if engine != "ollama" {
				t.Errorf("asked for %q", engine)
			}
			return why
		}
		return r
	}
	dead := backendstest.Script{End: backendstest.Close}
	broken := backendstest.Script{Tokens: 3, End: backendstest.Close, At: 3, Every: time.Millisecond}

	t.Run("BeforeTheFirstByte", func(t *testing.T) {
		for _, q := range inference[:6] {
			r := begin(t, true, dead)
			res := <-r.asks(q.path, q.stream)
			got := text(t, res)
			if res.StatusCode != 503 || !strings.Contains(got, why) || res.Header.Get("X-Should-Retry") != "false" || res.Header.Get("Retry-After") != "" {
				t.Errorf("%s: %d %v %s", q.path, res.StatusCode, res.Header, got)
			}
			if rec := r.recorded(); rec.Outcome != Failed || rec.ErrorKind != "gpu_lost" {
				t.Errorf("%s: record %+v", q.path, rec)
			}
		}
	})
	t.Run("InTheMiddleOfAStream", func(t *testing.T) {
		for _, q := range inference[:6] {
			r := begin(t, true, broken)
			got, _ := read(<-r.asks(q.path, q.stream))
			if !strings.Contains(got, why) || endsWell(got) {
				t.Errorf("%s: %q", q.path, got)
			}
			if rec := r.recorded(); rec.ErrorKind != "gpu_lost" || rec.Status != 200 {
				t.Errorf("%s: record %+v", q.path, rec)
			}
		}
	})
	t.Run("OfAnotherComputerIsNotOurs", func(t *testing.T) {
		r := begin(t, false, dead)
		if res := <-r.asks(inference[0].path, inference[0].stream); res.StatusCode != 502 || strings.Contains(text(t, res), why) {
			t.Errorf("%d", res.StatusCode)
		}
	})
	t.Run("DoesNotMatterToAnAnswer", func(t *testing.T) {
		r := begin(t, true, backendstest.Script{Tokens: 3})
		res := <-r.asks(inference[0].path, inference[0].stream)
		if got := text(t, res); res.StatusCode != 200 || !endsWell(got) {
			t.Errorf("%d %s", res.StatusCode, got)
		}
	})
	t.Run("LeavesAnEnginesOwnWordsAsTheyAre", func(t *testing.T) {
		r := begin(t, true, backendstest.Script{Status: 500, Error: "CUDA error: unspecified launch failure"})
		res := <-r.asks("/api/chat", inference[0].stream)
		if got := text(t, res); res.StatusCode != 500 || !strings.Contains(got, "unspecified launch failure") || strings.Contains(got, why) {
			t.Errorf("%d %s", res.StatusCode, got)
		}
		if rec := r.recorded(); rec.ErrorKind != "gpu_lost" || rec.Status != 500 {
			t.Errorf("record %+v", rec)
		}
	})
}
