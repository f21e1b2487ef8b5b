package gateway

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"sync"

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
	if !passesUnknown(target.Kind) {
		c.client.refuse(c.dialect, newFault(notFound, "404 page not found"))
		return
	}
	if changesModels[c.in.URL.Path] {
		c.cache.forget()
		defer c.cache.forget() // and what was computed meanwhile
	}
	c.pass(target, c.loads(target), func(f *fault) { c.client.refuse(c.dialect, f) })
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
			return localRedirect(res, target.Base)
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

// lastGood keeps the last good answer of each engine's lists of models, for the
// time in which that engine is not up. Simulated lists are not kept: they would outlive the
// demo.
type lastGood struct {
	mu    sync.Mutex
	lists map[listKey]savedList
}

type listKey struct{ engine, path string }

type savedList struct {
	contentType string
	body        []byte
}

// maxList bounds a list that is kept, in bytes.
const maxList = 4 << 20

func (l *lastGood) save(k listKey, s savedList) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lists == nil {
		l.lists = map[listKey]savedList{}
	}
	l.lists[k] = s
}

func (l *lastGood) load(k listKey) (savedList, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.lists[k]
	return s, ok
}

// serveList passes a list of models on, or the engine's last one while it is not
// up. Where no engine is up at all, the first known one with a list counts.
func (c *call) serveList() {
	path := c.in.URL.Path
	target, err := c.engines.Preferred()
	if err == nil {
		c.pass(target, func(res *http.Response) { c.keepList(path, res) }, func(f *fault) { c.fallBack(path, f, target.Info) })
		return
	}
	c.fallBack(path, faultOfResolve(err), c.engines.Snapshot()...)
}

// fallBack answers with the last list of the first of these engines that has
// one, else with f.
func (c *call) fallBack(path string, f *fault, known ...backends.Info) {
	for _, e := range known {
		if saved, ok := c.lists.load(listKey{e.Name, path}); ok {
			c.client.Header().Set("Content-Type", saved.contentType)
			_, _ = c.client.Write(saved.body) // a client that has gone needs no error
			return
		}
	}
	c.client.refuse(c.dialect, f)
}

func (c *call) keepList(path string, res *http.Response) {
	if res.StatusCode != http.StatusOK || c.in.Method != http.MethodGet || c.target.Simulated {
		return
	}
	if res.Header.Get("Content-Encoding") != "" {
		return // the next client may not read it
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxList+1))
	if err == nil && len(body) <= maxList {
		c.lists.save(listKey{c.target.Name, path}, savedList{res.Header.Get("Content-Type"), body})
	}
	rest := io.Reader(res.Body)
	if err != nil {
		rest = failing{err}
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), res.Body}
}

// failing is a reader that has already failed.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
