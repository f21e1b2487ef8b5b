package backends

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// connectTimeout is how long an engine may take to be reached.
func (s *Settings) connectTimeout() time.Duration {
	return cmp.Or(s.Connect, 2*time.Second)
}

// maxHeaders bounds the headers of one answer, in bytes. Engines send some hundred.
const maxHeaders = 64 << 10

// ioBuffer is what a connection to an engine reads or writes at a time, in bytes. It
// is held for as long as a stream lasts; larger pieces go past it.
const ioBuffer = 4 << 10

// dialEngine connects over TCP.
func (r *Registry) dialEngine(ctx context.Context, network, addr string) (net.Conn, error) {
	r.mu.Lock()
	limit := r.settings.connectTimeout()
	r.mu.Unlock()
	d := net.Dialer{Timeout: limit, KeepAlive: 30 * time.Second}
	return d.DialContext(ctx, network, addr)
}

// newTransport returns a transport for one engine: it never uses a proxy, asks
// for no compression so that bytes pass untouched, speaks HTTP/1.1 only, and
// keeps enough idle connections for a full batch. It reads maxHeaders of an answer's
// headers. It waits for the first byte
// as long as the request's context allows. It trusts whom the system trusts, and
// others where trusted is not nil. hello bounds the handshake of https.
func newTransport(dial func(ctx context.Context, network, addr string) (net.Conn, error), trusted *x509.CertPool, hello time.Duration) *lean {
	return newLean(&http.Transport{
		Proxy:                  nil,
		DialContext:            dial,
		DisableCompression:     true,
		MaxIdleConns:           0, // no bound
		MaxIdleConnsPerHost:    mostIdle,
		IdleConnTimeout:        idleFor,
		TLSHandshakeTimeout:    hello,
		ExpectContinueTimeout:  time.Second,
		TLSClientConfig:        &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		MaxResponseHeaderBytes: maxHeaders,
		WriteBufferSize:        ioBuffer,
		ReadBufferSize:         ioBuffer,
	})
}

// keyed sends an engine's own key in the place of the client's, if it has one.
type keyed struct {
	http.RoundTripper
	key string
}

// RoundTrip implements http.RoundTripper.
func (k keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	if k.key != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+k.key)
		r.Header.Del("X-Api-Key") // Anthropic's clients send theirs so
	}
	return k.RoundTripper.RoundTrip(r)
}
