package relay

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// Plain serves l with what the standard library has for the task, set as one sets it
// for streams, until ctx ends: the bar for a gateway in Go.
func Plain(ctx context.Context, l net.Listener, engine *url.URL) error {
	const idle = 1 << 14
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(engine)
				r.SetXForwarded()
			},
			FlushInterval: -1,
			Transport:     &http.Transport{MaxIdleConns: idle, MaxIdleConnsPerHost: idle, DisableCompression: true},
		},
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
