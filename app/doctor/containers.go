package doctor

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// containers tell how an app in a container reaches Carpool, which listens where a
// container's own 127.0.0.1 is not.
func containers(f Facts) []Finding {
	const check = "containers"
	if f.Docker != "" {
		return one(check, Note, sentence("Containers cannot be seen: "+f.Docker), "", "")
	}
	if len(f.Containers) == 0 {
		return one(check, OK, "No app that Carpool knows runs in a container.", "", "")
	}
	var all []Finding
	for _, c := range f.Containers {
		all = append(all, container(f, c))
	}
	return all
}

func container(f Facts, c Container) Finding {
	found := Finding{Check: "container " + c.Name, Level: Note}
	shut := c.Open != "" || c.Token && f.Running != nil && !f.LAN.Listening
	at, mine := pointsAtCarpool(f, c)
	switch {
	case mine && shut:
		found.Level = Problem
		found.Says = fmt.Sprintf("%s in a container points at Carpool (%s) but cannot reach it: Carpool does not listen there.", c.App, at)
	case mine && nameless(f, c, at):
		found.Level = Problem
		found.Says = fmt.Sprintf("%s in a container points at %s but cannot reach it: the container was not told what that name is.", c.App, at)
		found.Do = fmt.Sprintf("Start it again with --add-host=host.docker.internal:host-gateway, or set http://%s in its settings.", c.Reach)
		return found
	case mine:
		found.Level, found.Says = OK, fmt.Sprintf("%s in a container points at Carpool (%s).", c.App, at)
		return found
	case len(c.Points) == 0:
		found.Says = fmt.Sprintf("%s runs in a container (%s) and does not point at Carpool.", c.App, c.By)
	default:
		found.Says = fmt.Sprintf("%s runs in a container (%s) and does not point at Carpool but at %s.", c.App, c.By, strings.Join(c.Points, ", "))
	}
	if c.Open != "" {
		found.Do = fmt.Sprintf("Open an address for containers, with a token. Then, in %s's settings under Connections, add the OpenAI API http://%s/v1 with that token as key.", c.App, c.Reach)
		found.Run = fmt.Sprintf("carpool lan on %s\ncarpool lan token", c.Open)
		return found
	}
	if shut {
		found.Do = "See what is said of the network, and look again in a moment."
		return found
	}
	found.Do = fmt.Sprintf("In %s's settings under Connections, set the address of Ollama to http://%s, or of OpenAI's API to http://%s/v1.", c.App, c.Reach, c.Reach)
	if c.Token {
		found.Do = fmt.Sprintf("In %s's settings under Connections, add the OpenAI API http://%s/v1 with the token as key.", c.App, c.Reach)
		found.Run = "carpool lan token"
	}
	return found
}

// names are what containers call this machine, beside its addresses.
var names = []string{"host.docker.internal", "host.containers.internal"}

// pointsAtCarpool is the address of an app's that is meant to be Carpool's: at a port of
// Carpool's, and by a name or address of this machine.
func pointsAtCarpool(f Facts, c Container) (string, bool) {
	host, port := cut(c.Reach)
	_, own := cut(f.Port.Address)
	for _, p := range c.Points {
		u, err := url.Parse(p)
		if err != nil || u.Port() != port && u.Port() != own {
			continue
		}
		if u.Hostname() == host || slices.Contains(names, u.Hostname()) {
			return u.Host, true
		}
	}
	return "", false
}

// nameless tells that a container does not know the name that it uses: Docker on Linux
// has to be told it.
func nameless(f Facts, c Container, at string) bool {
	host, _ := cut(at)
	reach, _ := cut(c.Reach)
	return f.System == "linux" && c.By == "docker" && !c.Named && host == "host.docker.internal" && reach != host
}

// cut are the host and the port of an address.
func cut(address string) (host, port string) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return address, ""
	}
	return strings.Trim(address[:i], "[]"), address[i+1:]
}
