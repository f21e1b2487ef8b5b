package gateway

import (
	"net/http"
	"net/url"
	"strings"
)

// localRedirect keeps a redirect from leading a client around us: one to the
// engine's own address becomes one to ours; one to elsewhere is refused.
func localRedirect(res *http.Response, base *url.URL) error {
	location := res.Header.Get("Location")
	if location == "" {
		return nil
	}
	u, err := url.Parse(location)
	switch {
	case err == nil && u.Host == "" && u.Scheme == "":
		return nil
	case err == nil && u.Host == base.Host && u.Scheme == base.Scheme:
		u.Scheme, u.Host, u.User = "", "", nil
		u.Path = "/" + strings.TrimPrefix(strings.TrimPrefix(u.Path, strings.TrimSuffix(base.Path, "/")), "/")
		u.RawPath = ""
		res.Header.Set("Location", u.String())
		return nil
	}
	return newFault(backendBadResponse, "the engine redirects to another address")
}
