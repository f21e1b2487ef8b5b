package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// checkListen accepts a loopback address with a port.
func checkListen(v string) error {
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		return fmt.Errorf("%q is not an address with a port, such as 127.0.0.1:11435", v)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 || strconv.Itoa(n) != port {
		return fmt.Errorf("%q: the port must be a number from 1 to 65535, or 0 for any free one", v)
	}
	if host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() || ip.Zone() != "" {
		return fmt.Errorf("%q would open Carpool to the network without a token: use 127.0.0.1, [::1] or localhost here, and gateway.lan for other computers", v)
	}
	return nil
}

// checkLAN accepts nothing, or a numeric address of this computer with a port. The
// addresses that need no token are not among them.
func checkLAN(v string) error {
	if v == "" {
		return nil
	}
	a, err := netip.ParseAddrPort(v)
	switch {
	case err != nil || a.Addr().Zone() != "" || a.Addr().Is4In6() || a.Addr().IsMulticast() || a.String() != v:
		return fmt.Errorf("%q is not an IP address with a port, such as 0.0.0.0:11436 for all addresses of this computer", v)
	case a.Port() == 0:
		return fmt.Errorf("%q: the port must be a number from 1 to 65535", v)
	case a.Addr() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || a.Addr() == netip.IPv6Loopback():
		return fmt.Errorf("%q is for programs of this computer, which gateway.listen serves: use 0.0.0.0 or an address in your network", v)
	}
	return nil
}

// checkApart refuses all addresses at the port that two of them have already: no
// system opens both.
func checkApart(c Config) error {
	lan, err := netip.ParseAddrPort(c.Gateway.LAN)
	if err != nil || !lan.Addr().IsUnspecified() {
		return nil
	}
	if _, port, err := net.SplitHostPort(c.Gateway.Listen); err == nil && port == strconv.Itoa(int(lan.Port())) {
		return fmt.Errorf("gateway.lan: %s and gateway.listen have the same port: choose another one, such as %s",
			c.Gateway.LAN, netip.AddrPortFrom(lan.Addr(), lan.Port()%65535+1))
	}
	return nil
}

// checkHost accepts a host name or IP address, with or without a port.
func checkHost(v string) error {
	u, err := url.Parse("http://" + v)
	if err != nil || v == "" || u.Host != v || u.Hostname() == "" || strings.ContainsAny(v, `*"', `) {
		return fmt.Errorf("%q is not a host name, such as carpool.home or carpool.home:8080", v)
	}
	return nil
}

// checkOrigin accepts what a browser sends as Origin, "null" excepted.
func checkOrigin(v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != v || strings.ContainsAny(v, `*"', `) {
		return fmt.Errorf("%q is not an origin, such as https://chat.example or chrome-extension://abcdef", v)
	}
	return nil
}

// checkEngine accepts nothing, "demo" or the base URL of an engine.
func checkEngine(v string) error {
	if v == "" || v == "demo" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("%q is not the address of an engine, such as http://127.0.0.1:11434, nor demo", withoutLogin(v))
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("the address of an engine holds no user, password, query or fragment")
	}
	return nil
}

// login is the user and password of an address.
var login = regexp.MustCompile(`//[^/\s]*@`)

// withoutLogin is an address as an error may quote it, which reaches the log.
func withoutLogin(v string) string { return login.ReplaceAllString(v, "//***@") }

// checkLoop refuses an engine that is Carpool itself.
func checkLoop(c Config) error {
	u, err := url.Parse(c.Engine.URL)
	if err != nil || u.Host == "" {
		return nil
	}
	if c.Gateway.LAN != "" && u.Host == c.Gateway.LAN {
		return fmt.Errorf("engine.url: %s is Carpool's own address (gateway.lan)", c.Engine.URL)
	}
	ip, err := netip.ParseAddr(u.Hostname())
	here := u.Hostname() == "localhost" || err == nil && (ip.IsLoopback() || ip.IsUnspecified())
	lan, err := netip.ParseAddrPort(c.Gateway.LAN)
	if err == nil && here && lan.Addr().IsUnspecified() && u.Port() == strconv.Itoa(int(lan.Port())) {
		return fmt.Errorf("engine.url: %s is Carpool's own address (gateway.lan)", c.Engine.URL)
	}
	host, port, err := net.SplitHostPort(c.Gateway.Listen)
	if err != nil || port == "0" || u.Port() != port {
		return nil
	}
	if here || u.Hostname() == host {
		return fmt.Errorf("engine.url: %s is Carpool's own address (gateway.listen)", c.Engine.URL)
	}
	return nil
}

// checkStarted accepts a kind of engine that Carpool can start.
func checkStarted(v string) error {
	switch v {
	case "ollama", "llamacpp", "lmstudio":
		return nil
	}
	return fmt.Errorf("%q is none of ollama, llamacpp, lmstudio", v)
}

// checkModelSource accepts a file or the name of a repository.
func checkModelSource(v string) error {
	if strings.HasPrefix(v, "-") || strings.ContainsAny(v, "\r\n\x00") {
		return fmt.Errorf("%q is neither a file nor a repository, such as /models/llama.gguf or ggml-org/gemma-3-4b-it-GGUF", v)
	}
	return nil
}

// checkStart accepts a number of requests or "table".
func checkStart(v string) error {
	if n, err := strconv.Atoi(v); v != "table" && (err != nil || n < 1 || n > 64 || strconv.Itoa(n) != v) {
		return fmt.Errorf("%q is neither a number from 1 to 64 nor table", v)
	}
	return nil
}

// checkApp accepts an app's name.
func checkApp(v string) error {
	if strings.TrimSpace(v) != v || v == "" || strings.ContainsAny(v, "=,") {
		return fmt.Errorf("%q is not an app's name", v)
	}
	return nil
}

// checkModel accepts a model's name.
func checkModel(v string) error {
	if v == "" || strings.ContainsAny(v, ", \t\r\n") {
		return fmt.Errorf("%q is not a model's name, such as llama3.2:latest", v)
	}
	return nil
}

// A context below smallestCtx holds no conversation, and none above largestCtx
// fits a GPU: such a number is a slip.
const (
	smallestCtx = 256
	largestCtx  = 1 << 20
)

// checkModelCtx accepts a model and a size of context in tokens, or "default".
func checkModelCtx(v string) error {
	model, size := pair(v)
	n, err := strconv.Atoi(size)
	if checkModel(model) != nil || size != "default" && (err != nil || n < smallestCtx || n > largestCtx || strconv.Itoa(n) != size) {
		return fmt.Errorf("%q is neither model=tokens with %d to %d tokens nor model=default", v, smallestCtx, largestCtx)
	}
	return nil
}

// checkAppKey accepts a key and its app. Its errors reach the log, so they never
// quote a key.
func checkAppKey(v string) error {
	key, app := pair(v)
	switch {
	case key == "" || checkApp(app) != nil:
		return errors.New("an item is not key=app")
	case key == hidden:
		return fmt.Errorf("%s stands for a key that is not shown; give the key itself", hidden)
	}
	return nil
}

func checkAppWeight(v string) error {
	app, weight := pair(v)
	if w, err := strconv.ParseFloat(weight, 64); checkApp(app) != nil || err != nil || !(w >= 0.1 && w <= 10) {
		return fmt.Errorf("%q is not app=weight with a weight from 0.1 to 10", v)
	}
	return nil
}

func checkAppPriority(v string) error {
	app, priority := pair(v)
	if checkApp(app) != nil || priority != "urgent" && priority != "normal" && priority != "background" {
		return fmt.Errorf("%q is not app=urgent, app=normal or app=background", v)
	}
	return nil
}

// checkEndpoint accepts nothing, or the address of a collector of traces.
func checkEndpoint(v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not the address of a collector, such as http://127.0.0.1:4318", v)
	}
	return nil
}
