package gateway

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"carpool/batching"
)

const traceOfClient = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestTrace(t *testing.T) {
	t.Run("GoesOnWithTheClients", func(t *testing.T) {
		trace := newTrace(http.Header{traceHeader: {traceOfClient}})
		if hex.EncodeToString(trace.ID[:]) != traceOfClient[3:35] || hex.EncodeToString(trace.Parent[:]) != traceOfClient[36:52] {
			t.Errorf("%+v", trace)
		}
		h := http.Header{}
		trace.mark(h)
		got := h.Get(traceHeader)
		if !strings.HasPrefix(got, traceOfClient[:36]) || got[36:52] != hex.EncodeToString(trace.Engine[:]) || !strings.HasSuffix(got, "-01") {
			t.Errorf("the engine is told %s", got)
		}
		if trace.Span == trace.Engine || trace.Span == trace.Parent {
			t.Errorf("two spans are one: %+v", trace)
		}
	})

	t.Run("IsNoneWhereTheClientRecordsNone", func(t *testing.T) {
		h := http.Header{traceHeader: {strings.TrimSuffix(traceOfClient, "01") + "00"}}
		trace := newTrace(h)
		trace.mark(h)
		if trace.On() || !strings.HasSuffix(h.Get(traceHeader), "-00") {
			t.Errorf("%+v, %v", trace, h)
		}
	})

	t.Run("BeginsWhereTheClientsCannotBeRead", func(t *testing.T) {
		for _, bad := range []string{"", "00", strings.ToUpper(traceOfClient), traceOfClient + "-more", "ff" + traceOfClient[2:],
			"00-" + strings.Repeat("0", 32) + traceOfClient[35:], traceOfClient[:36] + strings.Repeat("0", 16) + "-01",
			"00-" + strings.Repeat("g", 32) + traceOfClient[35:], strings.ReplaceAll(traceOfClient, "-", "_"), strings.Repeat("é", 40)} {
			trace := newTrace(http.Header{traceHeader: {bad}})
			if !trace.On() || trace.Parent != [8]byte{} {
				t.Errorf("%q: %+v", bad, trace)
			}
		}
		if trace := newTrace(http.Header{traceHeader: {traceOfClient, traceOfClient}}); trace.Parent != [8]byte{} {
			t.Errorf("of two: %+v", trace)
		}
		if later := newTrace(http.Header{traceHeader: {"01" + traceOfClient[2:] + "-more"}}); later.Parent == [8]byte{} {
			t.Error("a later version is not read")
		}
	})

	t.Run("CostsNothingWhenOff", func(t *testing.T) {
		h := http.Header{traceHeader: {traceOfClient}}
		if n := testing.AllocsPerRun(100, func() { Trace{}.mark(h) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestTrace_ReachesTheEngineAndTheRecord(t *testing.T) {
	for _, traced := range []bool{true, false} {
		r, engine := scripted(t, Limits{Trace: traced}, batching.Settings{})
		_ = r.do(http.MethodPost, "/api/chat", `{"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}`, traceHeader, traceOfClient).Body.Close()
		rec := r.recorded()
		asked, _ := engine.Last("/api/chat")
		told := asked.Header.Get(traceHeader)
		if !traced {
			if rec.Trace.On() || told != traceOfClient {
				t.Errorf("off: %+v, the engine is told %s", rec.Trace, told)
			}
			continue
		}
		if want := "00-" + traceOfClient[3:35] + "-" + hex.EncodeToString(rec.Trace.Engine[:]) + "-01"; told != want || !rec.Trace.On() {
			t.Errorf("the engine is told %s, want %s", told, want)
		}
	}
}
