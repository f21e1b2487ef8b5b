package tracing

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	collectorpb "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	// patience is for one message.
	patience = 10 * time.Second
	// mostRead bounds what is read of a collector's answer, in bytes.
	mostRead = 64 << 10
)

// sender posts messages. It goes to the endpoint and nowhere else: no proxy, no
// redirect.
type sender struct{ client *http.Client }

func newSender() *sender {
	return &sender{&http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{MaxIdleConns: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (s *sender) close() { s.client.CloseIdleConnections() }

// send posts one message.
func (s *sender) send(ctx context.Context, endpoint string, m *collectorpb.ExportTraceServiceRequest) error {
	address, err := addressOf(endpoint)
	if err != nil {
		return err
	}
	body, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("User-Agent", "carpool")
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, mostRead)) // so that the connection can be kept
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("the collector answered %s", answer.Status)
	}
	return nil
}

// addressOf is where an endpoint takes traces.
func addressOf(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}
