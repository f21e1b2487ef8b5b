package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// listen binds addr's port on 127.0.0.1 and [::1]. Both, since "localhost" may
// mean either, and a program on the other one would get our clients' prompts.
// A machine without IPv6 gets 127.0.0.1 alone. Port 0 is one that is free on both.
func listen(ctx context.Context, addr string) ([]net.Listener, error) {
	var lc net.ListenConfig
	return listenBy(ctx, addr, lc.Listen)
}

// binder is net.ListenConfig's Listen.
type binder func(ctx context.Context, network, address string) (net.Listener, error)

func listenBy(ctx context.Context, addr string, bind binder) ([]net.Listener, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen address: %w", err)
	}
	const most = 10
	for tries := 1; ; tries++ {
		all, failed, err := listenBoth(ctx, port, bind)
		switch {
		case err == nil:
			return all, nil
		case port != "0" || tries == most || !errors.Is(err, syscall.EADDRINUSE):
			return nil, taken(ctx, failed, err)
		}
	}
}

// listenBoth says at which address it failed.
func listenBoth(ctx context.Context, port string, bind binder) (all []net.Listener, failed string, err error) {
	v4, err := bind(ctx, "tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, net.JoinHostPort("127.0.0.1", port), err
	}
	port = strconv.Itoa(v4.Addr().(*net.TCPAddr).Port)
	v6, err := bind(ctx, "tcp6", net.JoinHostPort("::1", port))
	switch {
	case err == nil:
		return []net.Listener{v4, v6}, "", nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, net.JoinHostPort("::1", port), errors.Join(err, v4.Close())
	}
	return []net.Listener{v4}, "", nil
}

// taken says who has the port and what to do about it.
func taken(ctx context.Context, addr string, err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	return fmt.Errorf("listen on %s: taken by %s; end it, or choose another port with --listen 127.0.0.1:PORT or gateway.listen in the settings", addr, owner(ctx, addr))
}

// Owner says for people which program listens at addr, host:port; it is asked.
func Owner(ctx context.Context, addr string) string { return owner(ctx, addr) }

// owner asks the program at addr what it is.
func owner(ctx context.Context, addr string) string {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var health struct {
		Carpool string `json:"carpool"`
	}
	if ask(ctx, "http://"+addr+"/health", &health) && health.Carpool != "" {
		return "another Carpool (" + health.Carpool + ")"
	}
	var version struct {
		Version string `json:"version"`
	}
	if ask(ctx, "http://"+addr+"/api/version", &version) && version.Version != "" {
		return "Ollama " + version.Version
	}
	var props struct {
		Build string `json:"build_info"`
	}
	if ask(ctx, "http://"+addr+"/props", &props) && props.Build != "" {
		return "llama.cpp " + props.Build
	}
	var greeting struct {
		LMStudio bool `json:"lmstudio"`
	}
	if ask(ctx, "http://"+addr+"/lmstudio-greeting", &greeting) && greeting.LMStudio {
		return "LM Studio"
	}
	return "another program"
}

func ask(ctx context.Context, url string, answer any) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	const enough = 64 << 10
	return resp.StatusCode == http.StatusOK &&
		json.NewDecoder(http.MaxBytesReader(nil, resp.Body, enough)).Decode(answer) == nil
}

// address is what clients are told: 127.0.0.1 and the port bound.
func (a *App) address() string { return a.listeners[0].Addr().String() }

// newServer is the HTTP server with the limits of a public surface: the clients
// are local, but a browser page may be one of them. No WriteTimeout, since a
// stream may last for hours; the gateway bounds each write.
func (a *App) newServer() *http.Server {
	g := a.config.Load().Gateway
	return &http.Server{
		Handler:           a.gateway,
		ConnContext:       a.gateway.ConnContext,
		ReadHeaderTimeout: time.Duration(g.HeaderTimeoutS) * time.Second,
		IdleTimeout:       time.Duration(g.IdleTimeoutS) * time.Second,
		MaxHeaderBytes:    g.MaxHeaderKiB << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),

		DisableGeneralOptionsHandler: true, // it would answer "OPTIONS *" to any Host
	}
}
