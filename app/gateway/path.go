package gateway

import (
	"net/url"
	"path"
	"strings"
)

// denied are engines' routes that tell or change too much to be passed on.
var denied = map[string]bool{"slots": true, "props": true, "metrics": true, "rpc": true, "debug": true}

// checkPath refuses paths that two servers could read in two ways, and routes
// of an engine that are never passed on.
func checkPath(u *url.URL) *fault {
	unclear := newFault(notFound, "404 page not found")
	p, escaped := u.Path, strings.ToLower(u.EscapedPath())
	if !strings.HasPrefix(p, "/") || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return unclear
	}
	clean := path.Clean(p)
	if clean != p && clean+"/" != p {
		return unclear
	}
	// A model's name in /v1/models/{name} may hold an encoded slash.
	if strings.Contains(escaped, "%2f") && !strings.HasPrefix(p, "/v1/models/") {
		return unclear
	}
	for _, twice := range []string{"%2e", "%2f", "%5c", "%25"} {
		if strings.Contains(strings.ToLower(p), twice) || twice == "%2e" && strings.Contains(escaped, twice) {
			return unclear
		}
	}
	first, _, _ := strings.Cut(strings.ToLower(p[1:]), "/")
	if denied[first] && p != "/metrics" { // that one is our own
		return unclear
	}
	return nil
}
