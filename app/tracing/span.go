package tracing

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	collectorpb "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/slim/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
)

// Request is one scheduled request that has ended.
type Request struct {
	Trace            [16]byte
	Parent           [8]byte // the client's span; all zero = none
	Span, EngineSpan [8]byte

	ID, Route, App, Engine, Model string
	Priority, Outcome             string
	Error                         string // what kind of failure it was; "" = none
	Status                        int    // of HTTP, as sent to the client
	Stream                        bool
	Batch                         uint64 // 0 = it was never released, or another's run answered it
	PromptTokens, OutputTokens    int    // -1 = not known

	Started    time.Time
	Queued     time.Duration // from Started
	FirstToken time.Duration // from Started; 0 = none
	Total      time.Duration
}

// message is what a collector is told of some requests.
func message(version string, all []Request) *collectorpb.ExportTraceServiceRequest {
	spans := make([]*tracepb.Span, 0, 3*len(all))
	for i := range all {
		spans = append(spans, all[i].spans()...)
	}
	return &collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "carpool"), text("service.version", version)}},
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "carpool/gateway", Version: version}, Spans: spans}},
	}}}
}

// spans are the request, its wait, and the engine's work on it, named by the
// conventions for generative AI where they have a name.
func (r *Request) spans() []*tracepb.Span {
	operation := operationOf(r.Route)
	about := []*commonpb.KeyValue{text("gen_ai.operation.name", operation)}
	name := operation
	if r.Model != "" {
		name += " " + r.Model
		about = append(about, text("gen_ai.request.model", r.Model))
	}
	if r.Engine != "" {
		about = append(about, text("gen_ai.provider.name", r.Engine))
	}
	if r.PromptTokens >= 0 {
		about = append(about, number("gen_ai.usage.input_tokens", int64(r.PromptTokens)))
	}
	if r.OutputTokens >= 0 {
		about = append(about, number("gen_ai.usage.output_tokens", int64(r.OutputTokens)))
	}
	if r.Error != "" {
		about = append(about, text("error.type", r.Error))
	}
	whole := r.span(r.Span, r.Parent, clean(name), tracepb.Span_SPAN_KIND_SERVER, 0, r.Total)
	whole.Attributes = append([]*commonpb.KeyValue{
		text("http.request.method", http.MethodPost), text("http.route", r.Route), number("http.response.status_code", int64(r.Status)),
		text("carpool.request.id", r.ID), text("carpool.app", r.App), text("carpool.priority", r.Priority),
		text("carpool.outcome", r.Outcome), flag("carpool.stream", r.Stream),
	}, about...)
	if r.FirstToken > 0 {
		whole.Events = []*tracepb.Span_Event{{Name: "first token", TimeUnixNano: r.at(r.FirstToken)}}
	}
	whole.Status = r.status()
	// The wait's own number is made of the engine's, which nobody else has either.
	wait := r.EngineSpan
	wait[0] ^= 0xff
	all := []*tracepb.Span{whole, r.span(wait, r.Span, "queue", tracepb.Span_SPAN_KIND_INTERNAL, 0, r.Queued)}
	if r.Batch == 0 {
		return all
	}
	engine := r.span(r.EngineSpan, r.Span, clean("engine "+r.Engine), tracepb.Span_SPAN_KIND_CLIENT, r.Queued, r.Total)
	engine.Attributes = append([]*commonpb.KeyValue{number("carpool.batch", int64(r.Batch))}, about...) //nolint:gosec // a count of batches
	engine.Status = whole.Status
	return append(all, engine)
}

func (r *Request) span(id, parent [8]byte, name string, kind tracepb.Span_SpanKind, from, to time.Duration) *tracepb.Span {
	const sampled = 1
	s := &tracepb.Span{TraceId: r.Trace[:], SpanId: id[:], Name: name, Kind: kind, Flags: sampled,
		StartTimeUnixNano: r.at(from), EndTimeUnixNano: r.at(max(from, to))}
	if parent != [8]byte{} {
		s.ParentSpanId = parent[:]
	}
	return s
}

func (r *Request) at(after time.Duration) uint64 {
	return uint64(max(r.Started.Add(after).UnixNano(), 0)) //nolint:gosec // not negative
}

// status is left open by what ended well, as the conventions want it. A client that
// left is no failure.
func (r *Request) status() *tracepb.Status {
	if r.Outcome == "ok" || r.Outcome == "cancelled" {
		return nil
	}
	return &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: r.Error}
}

// operationOf is the conventions' name for what a route does.
func operationOf(route string) string {
	switch {
	case strings.Contains(route, "embed"):
		return "embeddings"
	case strings.Contains(route, "chat"), strings.HasSuffix(route, "/messages"), strings.HasSuffix(route, "/responses"):
		return "chat"
	case strings.Contains(route, "rerank"), strings.Contains(route, "score"):
		return "rerank"
	}
	return "text_completion"
}

// longest is how long a name may be, in bytes: names of apps and models come from
// clients.
const longest = 256

// clean makes a text fit for protobuf, which takes UTF-8 alone.
func clean(s string) string {
	if len(s) > longest {
		s = s[:longest]
	}
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "")
}

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: clean(value)}}}
}

func number(key string, value int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}}}
}

func flag(key string, value bool) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: value}}}
}
