package wiring

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// form is how an app writes an address.
type form int

const (
	keep   form = iota // a URL whose path stays as it is
	openAI             // the base of OpenAI's API, which Carpool has below /v1
	host               // as OLLAMA_HOST: host, host:port or a URL
	named              // NAME=URL
)

// enginePorts are those of Ollama, LM Studio and llama.cpp's server, old and new.
var enginePorts = []string{"11434", "1234", "8080", "9931"}

// about says what an address is to Carpool.
type about int

const (
	foreign about = iota // a cloud service, another computer, another program
	engine               // an engine of this computer
	carpool              // Carpool itself
)

// judge says what an address is, and what it is once it points at Carpool.
func judge(text string, f form, endpoint string) (about, string) {
	prefix := ""
	if f == named {
		name, rest, ok := strings.Cut(text, "=")
		if !ok || !slices.Contains([]string{"OLLAMA_API_BASE", "OPENAI_API_BASE", "OPENAI_BASE_URL", "LM_STUDIO_API_BASE"}, name) {
			return foreign, ""
		}
		prefix, text, f = name+"=", rest, openAI
		if name == "OLLAMA_API_BASE" {
			f = keep
		}
	}
	written := text
	if f == host && !strings.Contains(text, "://") {
		if net.ParseIP(text) == nil && strings.Contains(text, ":") {
			written = "http://" + text
		} else {
			written = "http://" + net.JoinHostPort(text, "11434")
		}
	}
	u, err := url.Parse(written)
	if err != nil || u.Scheme != "http" || u.User != nil || !loopback(u.Hostname()) {
		return foreign, ""
	}
	own, err := url.Parse(endpoint)
	if err != nil {
		return foreign, ""
	}
	if u.Port() == own.Port() {
		return carpool, ""
	}
	if !slices.Contains(enginePorts, u.Port()) {
		return foreign, ""
	}
	u.Host = own.Host
	if f == openAI && (u.Path == "" || u.Path == "/") {
		u.Path = "/v1"
	}
	return engine, prefix + u.String()
}

func loopback(name string) bool {
	if name == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(name)
	return err == nil && a.Unmap().IsLoopback()
}
