package backends

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// place is where an engine may be.
type place struct{ url *url.URL }

// parsePlace reads an address as Ollama reads OLLAMA_HOST: host, host:port or a
// URL; what is missing or cannot be read is taken from http://127.0.0.1:11434.
// An address to listen on everywhere (0.0.0.0, ::) is reached on this machine.
func parsePlace(s string) place {
	port := "11434"
	scheme, rest, ok := strings.Cut(strings.Trim(strings.TrimSpace(s), `"'`), "://")
	switch {
	case !ok:
		scheme, rest = "http", scheme
	case scheme == "http":
		port = "80"
	case scheme == "https":
		port = "443"
	}
	hostport, path, _ := strings.Cut(rest, "/")
	host, given, err := net.SplitHostPort(hostport)
	if err != nil {
		host, given = strings.Trim(hostport, "[]"), port
	}
	if n, err := strconv.Atoi(given); err == nil && n >= 0 && n <= 65535 {
		port = given
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	u := &url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port)}
	if path = strings.Trim(path, "/"); path != "" {
		u.Path = "/" + path
	}
	return place{u}
}

func (p place) String() string { return p.url.String() }

// local reports whether the place is on this machine.
func (p place) local() bool { return loopback(p.url.Hostname()) }

// isSelf reports whether one of our own addresses is at this place.
func (p place) isSelf(self []string) bool {
	for _, s := range self {
		host, port, err := net.SplitHostPort(s)
		if err != nil || port != p.url.Port() {
			continue
		}
		anywhere := host == "" || net.ParseIP(host).IsUnspecified()
		if host == p.url.Hostname() || p.local() && (anywhere || loopback(host)) {
			return true
		}
	}
	return false
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
