package tracing

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	collectorpb "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/slim/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector takes traces as OTLP over HTTP.
type collector struct {
	*httptest.Server
	messages chan *collectorpb.ExportTraceServiceRequest
	paths    chan string
	status   int
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{messages: make(chan *collectorpb.ExportTraceServiceRequest, 100), paths: make(chan string, 100), status: http.StatusOK}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		m := &collectorpb.ExportTraceServiceRequest{}
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, m) != nil {
			t.Errorf("%s %s: %v, %d bytes", r.Method, r.Header, err, len(body))
		}
		c.paths <- r.URL.Path
		c.messages <- m
		w.WriteHeader(c.status)
	}))
	t.Cleanup(c.Close)
	return c
}

// told is the message that has come.
func (c *collector) told(t *testing.T) *collectorpb.ExportTraceServiceRequest {
	t.Helper()
	select {
	case path := <-c.paths:
		if path != "/v1/traces" {
			t.Errorf("told at %s", path)
		}
		return <-c.messages // it is there before the answer
	default:
		t.Fatal("the collector was told nothing")
		return nil
	}
}

// spans are those of one message.
func spans(m *collectorpb.ExportTraceServiceRequest) []*tracepb.Span {
	return m.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()
}

func attributes(all []*commonpb.KeyValue) map[string]any {
	m := map[string]any{}
	for _, a := range all {
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			m[a.GetKey()] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			m[a.GetKey()] = v.IntValue
		case *commonpb.AnyValue_BoolValue:
			m[a.GetKey()] = v.BoolValue
		}
	}
	return m
}

var started = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func request() Request {
	return Request{Trace: [16]byte{1, 2}, Parent: [8]byte{3}, Span: [8]byte{4}, EngineSpan: [8]byte{5},
		ID: "r1", Route: "/api/chat", App: "Editor", Engine: "ollama", Model: "tiny", Priority: "normal", Outcome: "ok", Status: 200,
		Stream: true, Batch: 7, PromptTokens: 12, OutputTokens: 40,
		Started: started, Queued: 20 * time.Millisecond, FirstToken: 120 * time.Millisecond, Total: time.Second}
}

// run runs t until the test has done what it wants, and waits for its end.
func run(tracer *Tracer, during func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { tracer.Run(ctx); close(done) }()
	during()
	cancel()
	<-done
}

func TestTracer(t *testing.T) {
	t.Run("TellsWaitFirstTokenAndEnd", func(t *testing.T) {
		c := newCollector(t)
		tracer := New(Options{Version: "1.2.3"})
		tracer.Configure(c.URL)
		run(tracer, func() { tracer.Add(request()) }) // what is held is told at the end
		m := c.told(t)
		if got := attributes(m.GetResourceSpans()[0].GetResource().GetAttributes()); got["service.name"] != "carpool" || got["service.version"] != "1.2.3" {
			t.Errorf("by %v", got)
		}
		all := spans(m)
		if len(all) != 3 {
			t.Fatalf("%d spans", len(all))
		}
		whole, queue, engine := all[0], all[1], all[2]
		after := func(nanos uint64) time.Duration { return time.Unix(0, int64(nanos)).Sub(started) }
		for _, s := range []struct {
			got      *tracepb.Span
			name     string
			kind     tracepb.Span_SpanKind
			parent   byte
			from, to time.Duration
		}{
			{whole, "chat tiny", tracepb.Span_SPAN_KIND_SERVER, 3, 0, time.Second},
			{queue, "queue", tracepb.Span_SPAN_KIND_INTERNAL, 4, 0, 20 * time.Millisecond},
			{engine, "engine ollama", tracepb.Span_SPAN_KIND_CLIENT, 4, 20 * time.Millisecond, time.Second},
		} {
			if s.got.GetName() != s.name || s.got.GetKind() != s.kind || s.got.GetParentSpanId()[0] != s.parent ||
				after(s.got.GetStartTimeUnixNano()) != s.from || after(s.got.GetEndTimeUnixNano()) != s.to ||
				hex.EncodeToString(s.got.GetTraceId()[:2]) != "0102" || s.got.GetStatus() != nil {
				t.Errorf("%s: %v", s.name, s.got)
			}
		}
		if e := whole.GetEvents(); len(e) != 1 || e[0].GetName() != "first token" || after(e[0].GetTimeUnixNano()) != 120*time.Millisecond {
			t.Errorf("events %v", e)
		}
		got := attributes(whole.GetAttributes())
		for key, want := range map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.request.model": "tiny", "gen_ai.provider.name": "ollama",
			"gen_ai.usage.input_tokens": int64(12), "gen_ai.usage.output_tokens": int64(40),
			"http.route": "/api/chat", "http.response.status_code": int64(200), "http.request.method": "POST",
			"carpool.app": "Editor", "carpool.priority": "normal", "carpool.outcome": "ok", "carpool.request.id": "r1", "carpool.stream": true,
		} {
			if got[key] != want {
				t.Errorf("%s = %v, want %v", key, got[key], want)
			}
			delete(got, key)
		}
		if len(got) > 0 {
			t.Errorf("told besides: %v", got)
		}
		if got := attributes(engine.GetAttributes()); got["carpool.batch"] != int64(7) || got["gen_ai.request.model"] != "tiny" {
			t.Errorf("engine: %v", got)
		}
	})

	t.Run("TellsNoEngineOfWhatNeverReachedOne", func(t *testing.T) {
		r := request()
		r.Batch, r.Parent, r.Outcome, r.Error, r.Status, r.PromptTokens, r.OutputTokens = 0, [8]byte{}, "rejected", "queue_full", 503, -1, -1
		r.Model, r.Engine, r.FirstToken = "", "", 0
		all := r.spans()
		got := attributes(all[0].GetAttributes())
		_, counted := got["gen_ai.usage.input_tokens"]
		if len(all) != 2 || all[0].GetParentSpanId() != nil || all[0].GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR ||
			got["error.type"] != "queue_full" || counted || all[0].GetName() != "chat" || len(all[0].GetEvents()) != 0 {
			t.Errorf("%v", all)
		}
	})

	t.Run("TakesAnyNames", func(t *testing.T) {
		r := request()
		r.Model, r.App = "\xff\xfe", strings.Repeat("ü", 1000)
		if _, err := proto.Marshal(message("1", []Request{r})); err != nil {
			t.Error(err)
		}
	})

	t.Run("HoldsNothingWhileOff", func(t *testing.T) {
		tracer := New(Options{})
		if n := testing.AllocsPerRun(100, func() { tracer.Add(request()) }); n != 0 || tracer.held != nil {
			t.Errorf("%v allocations, %d held", n, len(tracer.held))
		}
		tracer.Configure("http://127.0.0.1:1")
		tracer.Add(request())
		tracer.Configure("")
		if tracer.held != nil {
			t.Error("requests are held that nobody will be told of")
		}
	})

	t.Run("HoldsABoundedNumberForACollectorThatIsSilent", func(t *testing.T) {
		silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, never answers
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = silent.Close() }()
		tracer := New(Options{})
		tracer.Configure("http://" + silent.Addr().String())
		for range mostHeld + 10 {
			tracer.Add(request())
		}
		if len(tracer.held) != mostHeld || tracer.dropped != 10 {
			t.Errorf("%d held, %d dropped", len(tracer.held), tracer.dropped)
		}
		// What an end breaks off is for the last message.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s := newSender()
		defer s.close()
		if tracer.send(ctx, s, &listener{}) || len(tracer.held) != mostHeld || tracer.dropped != 10 {
			t.Errorf("%d held, %d dropped after an end", len(tracer.held), tracer.dropped)
		}
	})

	t.Run("SaysOnceThatNobodyAnswersAndOnceThatItIsOver", func(t *testing.T) {
		c := newCollector(t)
		c.status = http.StatusServiceUnavailable
		var log bytes.Buffer
		tracer := New(Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		tracer.Configure(c.URL)
		s := newSender()
		defer s.close()
		var state listener
		for _, status := range []int{503, 503, 503, 200, 200} {
			c.status = status
			tracer.Add(request())
			tracer.send(t.Context(), s, &state)
		}
		if lost, again := strings.Count(log.String(), "traces are lost"), strings.Count(log.String(), "traces arrive again"); lost != 1 || again != 1 || !strings.Contains(log.String(), "3 requests") {
			t.Errorf("the log:\n%s", &log)
		}
	})

	t.Run("GoesNowhereElse", func(t *testing.T) {
		elsewhere := newCollector(t)
		c := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/v1/traces", http.StatusTemporaryRedirect))
		defer c.Close()
		s := newSender()
		defer s.close()
		if err := s.send(t.Context(), c.URL, message("1", []Request{request()})); err == nil || len(elsewhere.messages) > 0 {
			t.Errorf("%v, %d messages elsewhere", err, len(elsewhere.messages))
		}
	})
}

func TestAddressOf(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:4318": "http://127.0.0.1:4318/v1/traces", "http://127.0.0.1:4318/": "http://127.0.0.1:4318/v1/traces",
		"https://box.lan/otlp/v1/traces": "https://box.lan/otlp/v1/traces",
	} {
		if got, err := addressOf(endpoint); got != want || err != nil {
			t.Errorf("%s: %s, %v", endpoint, got, err)
		}
	}
}

func TestOperationOf(t *testing.T) {
	var got []string
	for _, route := range []string{"/api/generate", "/api/chat", "/v1/completions", "/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/embed", "/v1/rerank"} {
		got = append(got, operationOf(route))
	}
	if want := []string{"text_completion", "chat", "text_completion", "chat", "chat", "chat", "embeddings", "rerank"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
