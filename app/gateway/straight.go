package gateway

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"

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
		body, held, f := readBody(c.client, c.in, &c.memory, smallBody)
		defer c.memory.give(held)
		if f != nil {
			c.client.refuse(c.dialect, f)
			return
		}
		c.body = body
	}
	target, err := c.resolve(c.engines.Look)
	if err != nil {
		c.client.refuse(c.dialect, faultOfResolve(err))
		return
	}
	c.target = target
	if c.isForeign() {
		c.serveLoad()
		return
	}
	if !reaches(target.Kind, c.in.URL.Path) {
		c.client.refuse(c.dialect, newFault(notFound, "404 page not found"))
		return
	}
	if f := c.away.takes(c, target); f != nil {
		c.client.refuse(c.dialect, f)
		return
	}
	if changesModels[c.in.URL.Path] {
		c.cache.forget()
		defer c.cache.forget() // and what was computed meanwhile
	}
	seen := c.loads(target) //nolint:bodyclose // it looks at an answer that pass closes
	c.pass(target, seen, func(f *fault) { c.client.refuse(c.dialect, f) })
}

// serveLoad answers a call that only loads or unloads a model of an engine that
// has no such call: it loads by itself.
func (c *call) serveLoad() {
	f := c.translate()
	if f == nil && c.asked.Path != "" {
		f = newFault(invalidRequest, "the request asks for nothing")
	}
	if f != nil {
		c.client.refuse(c.dialect, f)
		return
	}
	body, err := c.asked.Close(time.Now())
	if err != nil {
		c.client.refuse(c.dialect, faultOfTranslation(err))
		return
	}
	markEngine(c.client.Header(), c.target)
	c.client.Header().Set("Content-Type", c.asked.ContentType)
	_, _ = c.client.Write(body) // a client that has gone needs no error
}

// noLog keeps ReverseProxy's notes out of the log: each failure is told.
var noLog = log.New(io.Discard, "", 0)

// passBuffers lends ReverseProxy large buffers.
type passBuffers struct{}

// Get implements httputil.BufferPool.
func (passBuffers) Get() []byte { return *largeBuffers.take() }

// Put implements httputil.BufferPool.
func (passBuffers) Put(b []byte) { largeBuffers.Put(&b) }

// pass proxies to target. keep sees each answer first, failed hears of an
// engine that gave none; keep may be nil.
func (c *call) pass(target backends.Target, keep func(*http.Response), failed func(*fault)) {
	c.target = target
	var streams *upload
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
		Transport: c.engine(),
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
			if streams != nil && streams.late() {
				f = newFault(requestTimeout, tooSlow)
			}
			if f.kind == clientGone {
				panic(http.ErrAbortHandler) // as in fail
			}
			failed(f)
		},
		FlushInterval: -1,
		BufferPool:    passBuffers{},
		ErrorLog:      noLog,
	}
	in := c.in.WithContext(c.ctx)
	if c.body == nil && in.Body != http.NoBody {
		streams = &upload{ReadCloser: in.Body, call: c}
		in.Body = streams
	}
	proxy.ServeHTTP(c.client, in)
}
