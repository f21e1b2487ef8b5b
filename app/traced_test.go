package app_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	collectorpb "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
)

// A collector that is set while Carpool runs is told of what comes after, as part of
// the client's own trace, and never what was asked or answered.
func TestTracing_TellsACollector(t *testing.T) {
	told := make(chan []byte, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- body
	}))
	defer collector.Close()
	a := start(t, options(t))
	// A limit for what never comes, far beyond what a slow machine takes.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ask := func(question string) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Snapshot().Endpoint+"/api/generate",
			strings.NewReader(`{"model": "carpool-demo", "prompt": "`+question+`", "options": {"num_predict": 3}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		req.Header.Set("Authorization", "Bearer sk-hush")
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer http.DefaultClient.CloseIdleConnections()
		defer func() { _ = answer.Body.Close() }()
		if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v: %s", answer.Status, err, text)
		}
	}
	ask("before it is set")
	if err := a.Set(t.Context(), "tracing.endpoint", collector.URL); err != nil {
		t.Fatal(err)
	}
	ask("marmalade")
	var body []byte
	select {
	case body = <-told:
	case <-ctx.Done():
		t.Fatal("the collector was told nothing")
	}
	m := &collectorpb.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(body, m); err != nil {
		t.Fatal(err)
	}
	all := m.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()
	if len(all) != 3 || all[0].GetName() != "text_completion carpool-demo" || all[1].GetName() != "queue" || all[2].GetName() != "engine demo" {
		t.Fatalf("%v", all)
	}
	if trace, parent := hex.EncodeToString(all[0].GetTraceId()), hex.EncodeToString(all[0].GetParentSpanId()); trace != "0af7651916cd43dd8448eb211c80319c" || parent != "b7ad6b7169203331" {
		t.Errorf("trace %s, parent %s", trace, parent)
	}
	for _, secret := range []string{"marmalade", "sk-hush"} {
		if bytes.Contains(body, []byte(secret)) {
			t.Errorf("the collector is told %q", secret)
		}
	}
}
