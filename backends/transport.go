package backends

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// connectTimeout bounds the time to reach an engine.
const connectTimeout = 2 * time.Second

// dialEngine connects over TCP.
func dialEngine(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}
	return d.DialContext(ctx, network, addr)
}

// newTransport returns a transport for one engine: it never uses a proxy, asks
// for no compression so that bytes pass untouched, speaks HTTP/1.1 only, and
// keeps enough idle connections for a full batch. It waits for the first byte
// as long as the request's context allows.
func newTransport(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		Proxy:                 nil,
		DialContext:           dial,
		DisableCompression:    true,
		MaxIdleConns:          0, // no bound
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       30 * time.Second,
		TLSHandshakeTimeout:   connectTimeout,
		ExpectContinueTimeout: time.Second,
		TLSNextProto:          map[string]func(string, *tls.Conn) http.RoundTripper{},
		WriteBufferSize:       32 << 10,
		ReadBufferSize:        32 << 10,
	}
}
