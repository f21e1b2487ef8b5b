package gateway

import (
	"net/url"
	"path"
	"strings"
)

// denied are engines' routes that tell or change too much to be passed on.
var denied = map[string]bool{
	"slots": true, "props": true, "metrics": true, "rpc": true, "debug": true,
	"tools": true, "cors-proxy": true, "lora-adapters": true, // llama.cpp's: programs, other addresses, files
}

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
	_, rest, bound := enginePath(p)
	if _, ok := escapedRest(u); bound && !ok {
		return unclear
	}
	// The name of a model that ends a path may hold an encoded slash.
	named := strings.HasPrefix(rest, "/v1/models/") || strings.HasPrefix(rest, "/api/v0/models/")
	if strings.Contains(escaped, "%2f") && !named {
		return unclear
	}
	for _, twice := range []string{"%2e", "%2f", "%5c", "%25"} {
		if strings.Contains(strings.ToLower(p), twice) || twice == "%2e" && strings.Contains(escaped, twice) {
			return unclear
		}
	}
	first, _, _ := strings.Cut(strings.ToLower(rest[1:]), "/")
	if denied[first] && p != "/metrics" { // that one is our own
		return unclear
	}
	if bound && first == "engine" {
		return unclear
	}
	return nil
}
