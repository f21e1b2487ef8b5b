package gateway

import (
	"net/http"
	"net/http/httputil"
	"strings"

	"carpool/backends"
)

// smallBody is the size in bytes up to which the body of a call without a turn
// is read before the engine is asked. net/http closes an incoming body at the
// first byte of the answer, and a transport that still looks at it then breaks
// the answer off: of 300 busy /api/show calls 10 were lost that way. Uploads are
// larger and are read to their end before they are answered.
const smallBody = 1 << 20

// serveStraight passes a call to the engine without a turn in the queue:
// lists, management, uploads of any size, and whatever the engine alone knows.
func (c *call) serveStraight() {
	if n := c.in.ContentLength; c.body == nil && 0 < n && n <= smallBody {
		body, held, f := readBody(c.client, c.in, &c.memory, smallBody, c.slowBody)
		defer c.memory.give(held)
		if f != nil {
			c.client.refuse(c.dialect, f)
			return
		}
		c.body = body
	}
	target, err := c.resolve()
	if err != nil {
		c.client.refuse(c.dialect, faultOfResolve(err))
		return
	}
	if c.route.prompts != nil && !target.Serves(backends.OllamaAPI) {
		c.serveLoad(target)
		return
	}
	if !reaches(target.Kind, c.in.URL.Path) {
		c.client.refuse(c.dialect, newFault(notFound, "404 page not found"))
		return
	}
	if changesModels[c.in.URL.Path] {
		c.cache.forget()
		defer c.cache.forget() // and what was computed meanwhile
	}
	c.pass(target, nil, func(f *fault) { c.client.refuse(c.dialect, f) })
}

// pass proxies to target. keep sees each answer first, failed hears of an
// engine that gave none; keep may be nil.
func (c *call) pass(target backends.Target, keep func(*http.Response), failed func(*fault)) {
	c.target = target
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			rewrite(p, target)
			if c.body != nil {
				p.Out.Body, _ = c.reader() // never fails
				p.Out.GetBody = c.reader
				p.Out.ContentLength = int64(len(c.body))
				p.Out.TransferEncoding = nil
			}
		},
		Transport: target.Transport,
		ModifyResponse: func(res *http.Response) error {
			cleanHeaders(res.Header)
			markEngine(res.Header, target)
			if res.StatusCode < 200 {
				return newFault(backendBadResponse, "the engine wants to change the protocol")
			}
			if keep != nil {
				keep(res)
			}
			if err := localRedirect(res, target.Base); err != nil {
				return err
			}
			if to := res.Header.Get("Location"); c.prefix != "" && strings.HasPrefix(to, "/") {
				res.Header.Set("Location", c.prefix+to)
			}
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) {
			f := c.explain(err)
			if f.kind == clientGone {
				panic(http.ErrAbortHandler) // as in fail
			}
			failed(f)
		},
		FlushInterval: -1,
		BufferPool:    &copyBuffers,
		ErrorLog:      noLog,
	}
	proxy.ServeHTTP(c.client, c.in.WithContext(c.ctx))
}
