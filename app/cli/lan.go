package cli

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"carpool/app"
)

func (c *cli) lanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lan",
		Short: "Let other computers use Carpool, with a token",
		Long: `Let other computers and containers use Carpool. It is closed to them until "carpool
lan on", and needs no token of programs of this computer either way.

Whoever comes in by the network sends the token as an API key: most apps have a field
for one. They may chat, embed and read; they may not manage models. The token is sent
as it is: use this in a network that you trust, or put a proxy with TLS before it.`,
		Example: `  carpool lan                      is it open, and at which addresses
  carpool lan on                   at all addresses of this computer
  carpool lan on 172.17.0.1:11435  for Docker's containers alone
  carpool lan token                the key for apps elsewhere
  carpool lan rotate               a new key; the old one is worth nothing
  carpool lan off`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, err := c.snapshot(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(lanText(s.LAN, ownAddresses()))
		},
	}
	cmd.AddCommand(
		&cobra.Command{Use: "on [ADDRESS:PORT]", Short: "Open Carpool to the network", Args: cobra.MaximumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error { return c.openLAN(cmd.Context(), args) }},
		&cobra.Command{Use: "off", Short: "Close it", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return c.setLAN(cmd.Context(), "") }},
		&cobra.Command{Use: "token", Short: "Show the token", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return c.printToken(c.running().LANToken(cmd.Context())) }},
		&cobra.Command{Use: "rotate", Short: "Replace the token, and show the new one", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return c.printToken(c.running().RotateLANToken(cmd.Context()))
			}},
	)
	return cmd
}

func (c *cli) printToken(token string, err error) error {
	if err != nil {
		return err
	}
	return c.print(token + "\n")
}

// openLAN opens the address given, else the last one, else all.
func (c *cli) openLAN(ctx context.Context, args []string) error {
	s, _, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	address := cmp.Or(s.Config.Gateway.LAN, besides(s.Endpoint))
	if len(args) > 0 {
		address = args[0]
	}
	return c.setLAN(ctx, address)
}

// besides is all addresses at the port after the one that programs of this computer
// use: no system opens the same one twice.
func besides(endpoint string) string {
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(endpoint, "http://"))
	n, _ := strconv.Atoi(port) // what is no number is the port 1
	return net.JoinHostPort("0.0.0.0", strconv.Itoa(n%65535+1))
}

// setLAN opens or closes an address, and tells what came of it.
func (c *cli) setLAN(ctx context.Context, address string) error {
	if err := c.running().Set(ctx, "gateway.lan", address); err != nil {
		return err
	}
	const patience, pause = 10 * time.Second, 50 * time.Millisecond
	for end := time.Now().Add(patience); ; time.Sleep(pause) {
		s, _, err := c.snapshot(ctx)
		switch {
		case err != nil:
			return err
		case s.LAN.Address != address && time.Now().Before(end):
			continue
		case s.LAN.Problem != "":
			return fmt.Errorf("%s; it stays set, and \"carpool lan off\" takes it back", s.LAN.Problem)
		default:
			return c.print(lanText(s.LAN, ownAddresses()))
		}
	}
}

// lanText tells whether Carpool is open to the network, and where. own are the
// addresses of this computer.
func lanText(l app.LAN, own []netip.Addr) string {
	switch {
	case l.Address == "":
		return "Closed: only programs of this computer reach Carpool. \"carpool lan on\" opens it.\n"
	case l.Problem != "":
		return "Not open: " + l.Problem + ".\n"
	}
	var b strings.Builder
	b.WriteString("Open to the network, for those who send the token of \"carpool lan token\" as their API key:\n")
	for _, u := range urls(l.Address, own) {
		fmt.Fprintf(&b, "  %s\n", u)
	}
	return b.String()
}

// urls are where other computers find an address that may stand for all of own.
func urls(address string, own []netip.Addr) []string {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().IsUnspecified() {
		return []string{"http://" + address}
	}
	var all []string
	for _, o := range own {
		if o.Is4() == a.Addr().Is4() {
			all = append(all, "http://"+netip.AddrPortFrom(o, a.Port()).String())
		}
	}
	if len(all) == 0 {
		return []string{"http://" + address}
	}
	return all
}

// ownAddresses are those of this computer that others can reach.
func ownAddresses() []netip.Addr {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var own []netip.Addr
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().IsGlobalUnicast() {
			own = append(own, p.Addr())
		}
	}
	return own
}

// networkText is the line of `carpool status`.
func networkText(l app.LAN) string {
	switch {
	case l.Problem != "":
		return "not open: " + l.Problem
	}
	return "open at " + l.Address + `, for those with the token; "carpool lan off" closes it`
}

// onlyIPv4 tells that nothing listens on [::1]; "" = something does.
func onlyIPv4(s app.Snapshot) string {
	if len(s.Listen) == 1 {
		return "on 127.0.0.1 alone: this computer has no IPv6"
	}
	return ""
}
