package containers

import (
	"net"
	"net/netip"
	"strconv"
)

// Carpool is where one listens, as its settings say.
type Carpool struct {
	System string               // as runtime.GOOS
	Listen string               // host and port for programs of this computer
	LAN    string               // for others, with the token; "" = closed
	Ours   func(ip string) bool // whether this computer has an address
}

// Way is how a container reaches Carpool.
type Way struct {
	Address string // host and port for the app's settings
	Token   bool   // whoever comes by it has to send the token
	Open    string // what gateway.lan has to become first; "" = nothing has to
}

// Way is the one that opens least: nothing where the container's network leads to
// 127.0.0.1, else this computer's address in that network alone.
func (c Container) Way(p Carpool) Way {
	_, port, _ := net.SplitHostPort(p.Listen)
	const docker, podman = "host.docker.internal", "host.containers.internal"
	switch {
	case c.Host:
		return Way{Address: net.JoinHostPort("127.0.0.1", port)}
	case p.System != "linux", c.Gateway != "" && !p.Ours(c.Gateway), c.Gateway == "" && c.By != "podman":
		// It runs in a virtual machine, Podman's too, where this name leads to 127.0.0.1 here;
		// it is the one that Carpool knows as its own. Or it is Docker's and in the network of
		// another container: nothing is opened for what may not lead here at all.
		return Way{Address: net.JoinHostPort(docker, port)}
	case p.LAN != "":
		return Way{Address: c.by(p.LAN, podman), Token: true}
	case c.Gateway == "":
		all := net.JoinHostPort("0.0.0.0", after(port)) // no address of its network is known: all, at a port that is free
		return Way{Address: c.by(all, podman), Token: true, Open: all}
	}
	at := net.JoinHostPort(c.Gateway, port)
	return Way{Address: at, Token: true, Open: at}
}

// by is an address that Carpool listens at as the container says it: name stands for this
// computer where its address in the container's network is not known.
func (c Container) by(lan, name string) string {
	a, err := netip.ParseAddrPort(lan)
	if err != nil || !a.Addr().IsUnspecified() {
		return lan
	}
	host := c.Gateway
	if host == "" {
		host = name
	}
	return net.JoinHostPort(host, strconv.Itoa(int(a.Port())))
}

func after(port string) string {
	n, _ := strconv.Atoi(port) // what is no number is the port 1
	return strconv.Itoa(n%65535 + 1)
}

// Ours tells whether this computer has an IP address: whether it can listen there.
func Ours(ip string) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0")) //nolint:noctx // it does not wait
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
