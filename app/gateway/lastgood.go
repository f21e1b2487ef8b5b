package gateway

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// lastGood keeps the last good answer of each engine's lists of models, for the
// time in which that engine is not up.
type lastGood struct {
	mu    sync.Mutex
	lists map[listKey]savedList
}

type listKey struct{ engine, path string }

type savedList struct {
	contentType string
	body        []byte
}

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

// keepList keeps a list that passes.
func (c *call) keepList(l *listing, res *http.Response) {
	if !l.kept || res.StatusCode != http.StatusOK || c.in.Method != http.MethodGet || c.target.Simulated {
		return
	}
	if res.Header.Get("Content-Encoding") != "" {
		return // the next client may not read it
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxList+1))
	if err == nil && len(body) <= maxList {
		c.lists.save(listKey{c.target.Name, l.path}, savedList{res.Header.Get("Content-Type"), body})
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
