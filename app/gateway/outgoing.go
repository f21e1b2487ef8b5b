package gateway

import (
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"

	"carpool/backends"
)

// outgoing is the request that the engine gets. It shares the values of its header with
// the client's, and nobody changes them in their place.
func (c *call) outgoing() *http.Request {
	out := c.in.WithContext(c.ctx) // a copy
	address := *c.in.URL
	address.RawQuery = cleanQuery(address.RawQuery)
	out.URL, out.Header = &address, make(http.Header, len(c.in.Header)+1)
	for name, values := range c.in.Header {
		out.Header[name] = values
	}
	dropHopByHop(out.Header)
	for _, name := range forwarding {
		delete(out.Header, name)
	}
	rewrite(&httputil.ProxyRequest{In: c.in, Out: out}, c.target)
	c.keepKeys(out.Header)
	c.rec.Trace.mark(out.Header)
	out.Header.Set("Accept-Encoding", "identity") // the tap reads plain text
	if _, told := out.Header["User-Agent"]; !told {
		out.Header["User-Agent"] = []string{""} // else net/http gives its own name
	}
	out.Body, _ = c.reader() // never fails
	out.GetBody = nil        // else net/http has retries of its own
	out.ContentLength = int64(len(c.body))
	out.TransferEncoding, out.Close = nil, false
	return out
}

// hopByHop are the fields that are about one connection only, beside those that
// Connection names: those that httputil.ReverseProxy takes off, in both directions.
var hopByHop = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// forwarding are the fields by which proxies tell of a client. Engines need none, and
// what a client says of itself there is not to be believed.
var forwarding = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

func dropHopByHop(h http.Header) {
	for _, value := range h["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			h.Del(textproto.TrimString(name))
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
}

// cleanQuery leaves out of a query what two servers could read in two ways.
func cleanQuery(query string) string {
	if _, err := url.QueryUnescape(query); err == nil && !strings.Contains(query, ";") {
		return query
	}
	values, _ := url.ParseQuery(query) // all that it can read
	return values.Encode()
}

// rewrite addresses a request to the engine. It leaves out what was meant for
// us: the origin, which has been judged, our own headers, offers to change the
// protocol, and trailers.
func rewrite(p *httputil.ProxyRequest, t backends.Target) {
	p.SetURL(t.Base)
	p.Out.Trailer = nil // as fields behind a body they would come in past all checks
	h := p.Out.Header
	for _, name := range []string{"Origin", "Expect", "Upgrade", "Connection", "Te"} {
		h.Del(name)
	}
	for name := range h {
		if strings.HasPrefix(name, "X-Carpool-") {
			h.Del(name)
		}
	}
	if h.Get("Accept-Encoding") == "" {
		h.Set("Accept-Encoding", "identity") // else the transport asks for gzip and unpacks it
	}
}

// keepKeys takes the client's keys off a request that goes to another engine than
// the one that it was meant for: they may be that one's own.
func (c *call) keepKeys(h http.Header) {
	if c.target.Name != c.first {
		h.Del("Authorization")
		h.Del("X-Api-Key")
	}
}
