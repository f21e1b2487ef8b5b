package cli

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"

	"carpool/app"
	"carpool/app/connect"
	"carpool/app/connect/containers"
	"carpool/app/connect/wiring"
)

// inContainer guides an app that runs in a container here: what it asks now, what to set,
// and, once that is agreed to, an address for it. It is false where none runs.
func (c *cli) inContainer(ctx context.Context, wanted string, endpoint string, running bool, f connectFlags) (bool, error) {
	meant := func(app string) bool { return strings.Contains(wiring.Plain(app), wiring.Plain(wanted)) }
	if wiring.Plain(wanted) == "" || !slices.ContainsFunc(containers.Apps(), meant) {
		return false, nil
	}
	found, err := containers.List(ctx)
	if err != nil {
		c.note("containers cannot be seen: %v", err)
		return false, nil
	}
	i := slices.IndexFunc(found, func(k containers.Container) bool { return meant(k.App) })
	if i < 0 {
		return false, nil
	}
	k := found[i]
	here := containers.Carpool{System: runtime.GOOS, Listen: strings.TrimPrefix(endpoint, "http://"), Ours: containers.Ours}
	if running {
		s, _, err := c.snapshot(ctx)
		if err != nil {
			return true, err
		}
		here.LAN = s.Config.Gateway.LAN
	}
	way := k.Way(here)
	guide := connect.InContainer(connect.Contained{App: k.App, Name: k.Name, By: k.By, Image: k.Image, Host: k.Host, Composed: k.Composed, Ports: k.Ports, Volumes: k.Volumes,
		Address: way.Address, Token: way.Token})
	if f.json {
		return true, c.printJSON([]app.ConnectGuide{guide})
	}
	if err := c.print(containerText(k) + "\n" + connectText(guide)); err != nil || way.Open == "" {
		return true, err
	}
	return true, c.openFor(ctx, k, way, running, f)
}

// containerText is what was found.
func containerText(k containers.Container) string {
	text := fmt.Sprintf("%s runs in a container: %s (%s).", k.App, k.Name, k.By)
	if len(k.Points) > 0 {
		text += fmt.Sprintf(" It was started to ask %s.", strings.Join(k.Points, ", "))
	}
	return text + "\n"
}

// openFor opens the address by which a container reaches this computer, if its user agrees.
func (c *cli) openFor(ctx context.Context, k containers.Container, way containers.Way, running bool, f connectFlags) error {
	host, _, _ := net.SplitHostPort(way.Open)
	who := "this computer and its containers"
	if host == "0.0.0.0" {
		who = "all that reach this computer"
	}
	c.note("Carpool does not listen at %s yet: %s would reach it there, and only who sends the token is let in", way.Open, who)
	switch {
	case f.dryRun:
		c.note("nothing was changed; this opens it: carpool lan on %s", way.Open)
		return nil
	case !running:
		return fmt.Errorf("carpool is not running: start it, then “carpool lan on %s” opens that address for %s", way.Open, k.App)
	}
	if err := c.consent("Open Carpool at "+way.Open+", with the token?", f.yes); err != nil {
		return err
	}
	return c.setLAN(ctx, way.Open)
}
