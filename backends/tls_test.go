package backends

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"

	"carpool/backends/backendstest"
)

// TestEnginesOverTLS has an engine behind a certificate that only the settings
// vouch for.
func TestEnginesOverTLS(t *testing.T) {
	engine := backendstest.NewVLLM(t)
	engine.SetModels("big")
	server := httptest.NewTLSServer(engine)
	defer server.Close()
	source := Source{Name: "box", Kind: KindOpenAI, URL: server.URL}

	r := NewRegistry(Options{Settings: Settings{Engines: []Source{source}, NoDiscovery: true, Demo: "never"}, RealSeen: true})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	<-r.Ready()
	if _, err := r.Resolve(ctx, "big"); err == nil {
		t.Fatal("a certificate that nobody vouches for is taken")
	}

	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	r.Configure(Settings{Engines: []Source{source}, NoDiscovery: true, Demo: "never", Authorities: trusted})
	target, err := r.Resolve(ctx, "big")
	if err != nil || target.Name != "box" {
		t.Fatalf("%+v, %v", target.Info, err)
	}
	resp, err := target.Transport.RoundTrip(must(http.NewRequestWithContext(ctx, "GET", target.Base.JoinPath("/v1/models").String(), nil)))
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	_ = resp.Body.Close()
}
