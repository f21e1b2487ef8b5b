package containers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
)

// inspected is what Docker and Podman say of a container, of which this is a part. Its
// names are those of Docker's Engine API.
type inspected struct {
	Name   string
	Config struct {
		Env    []string
		Labels map[string]string
	}
	HostConfig struct {
		NetworkMode  string
		ExtraHosts   []string
		PortBindings map[string][]struct{ HostIP, HostPort string }
	}
	Mounts []struct {
		Type, Name, Source, Destination string
		RW                              *bool
	}
	NetworkSettings struct {
		Gateway  string
		Networks map[string]struct{ Gateway string }
	}
}

// points are the variables, by the beginning of their names, that hold addresses of
// engines and nothing else.
var points = []string{"OLLAMA_BASE_URL", "OPENAI_API_BASE_URL", "OLLAMA_BASE_PATH", "OLLAMA_HOST", "OLLAMA_PROXY_URL", "GENERIC_OPEN_AI_BASE_PATH", "LMSTUDIO_BASE_PATH"}

// read takes from what is said what Carpool needs to know.
func read(text []byte) (Container, error) {
	var in inspected
	if err := json.Unmarshal(text, &in); err != nil {
		return Container{}, fmt.Errorf("container: %w", err)
	}
	c := Container{Name: strings.TrimPrefix(in.Name, "/"), Host: in.HostConfig.NetworkMode == "host", Gateway: in.NetworkSettings.Gateway}
	c.Named = slices.ContainsFunc(in.HostConfig.ExtraHosts, func(h string) bool { return strings.HasPrefix(h, "host.docker.internal:") })
	c.Composed = in.Config.Labels["com.docker.compose.project"] != ""
	for _, name := range slices.Sorted(maps.Keys(in.NetworkSettings.Networks)) {
		c.Gateway = cmp.Or(c.Gateway, in.NetworkSettings.Networks[name].Gateway)
	}
	for _, variable := range in.Config.Env {
		name, value, _ := strings.Cut(variable, "=")
		if !slices.ContainsFunc(points, func(p string) bool { return name == p || name == p+"S" }) {
			continue
		}
		for point := range strings.SplitSeq(value, ";") {
			if strings.Contains(point, "://") { // "/ollama" is a path of Open WebUI's own
				c.Points = append(c.Points, plain(point))
			}
		}
	}
	for _, inside := range slices.Sorted(maps.Keys(in.HostConfig.PortBindings)) {
		for _, b := range in.HostConfig.PortBindings[inside] {
			port := b.HostPort + ":" + strings.TrimSuffix(inside, "/tcp")
			if b.HostIP != "" { // it is to stay closed to others
				port = net.JoinHostPort(b.HostIP, port)
			}
			c.Ports = append(c.Ports, port)
		}
	}
	for _, m := range in.Mounts {
		from := m.Name
		if m.Type == "bind" {
			from = m.Source
		}
		if from == "" { // of memory alone
			continue
		}
		volume := from + ":" + m.Destination
		if m.RW != nil && !*m.RW {
			volume += ":ro"
		}
		c.Volumes = append(c.Volumes, volume)
	}
	return c, nil
}

// plain is an address without what may be secret in it. One that cannot be read is left out
// but for its scheme.
func plain(point string) string {
	u, err := url.Parse(point)
	if err != nil {
		scheme, _, _ := strings.Cut(point, "://")
		return scheme + "://"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func sort(all []Container) {
	slices.SortFunc(all, func(a, b Container) int { return strings.Compare(a.Name, b.Name) })
}
