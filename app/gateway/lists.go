package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"carpool/backends"
)

// listing is a list of models as one API has it.
type listing struct {
	path   string
	api    backends.API
	array  string // the key that holds the entries
	name   string // the key of an entry's name
	before string // what stands before the array
	kept   bool   // an engine that is down is listed, too
	loaded bool   // only models in memory are listed
	entry  func(backends.Info, backends.Model) any
}

var listings = map[string]*listing{
	"/api/tags":  {path: "/api/tags", api: backends.OllamaAPI, array: "models", name: "name", kept: true, entry: tagOf},
	"/api/ps":    {path: "/api/ps", api: backends.OllamaAPI, array: "models", name: "name", loaded: true, entry: processOf},
	"/v1/models": {path: "/v1/models", api: backends.OpenAIAPI, array: "data", name: "id", before: `"object":"list",`, kept: true, entry: modelOf},
}

const (
	maxList  = 4 << 20         // bytes of a list that is read or kept
	slowList = 2 * time.Second // for one engine's list, where several are asked
)

// serveList answers with the models of all engines. The list of a single one that
// has the API passes untouched.
func (c *call) serveList(l *listing) {
	var engines []backends.Info
	for _, e := range c.known() {
		if e.Health == backends.Up || l.kept && c.isKept(l, e) {
			engines = append(engines, e)
		}
	}
	switch {
	case len(engines) == 0:
		c.client.refuse(c.dialect, c.nobody())
	case len(engines) == 1:
		c.serveListOf(l, engines[0])
	default:
		c.sendJSON(l.body(c.gather(l, engines)))
	}
}

// isKept reports whether there is a list to show of an engine that is not up.
// Simulated ones are not kept: they would outlive the demo.
func (c *call) isKept(l *listing, e backends.Info) bool {
	_, saved := c.lists.load(listKey{e.Name, l.path})
	return !e.Simulated && (saved || len(e.Models) > 0)
}

// nobody says why no engine answers.
func (c *call) nobody() *fault {
	_, err := c.preferred()
	if err == nil { // it has come up meanwhile
		err = backends.ErrNoEngine
	}
	return faultOfResolve(err)
}

func (c *call) serveListOf(l *listing, e backends.Info) {
	target, err := c.engines.Target(e.Name)
	switch {
	case err != nil:
		c.fallBack(l, e, faultOfResolve(err))
	case e.Serves(l.api):
		c.pass(target, func(res *http.Response) { c.keepList(l, res) }, func(f *fault) { c.fallBack(l, e, f) })
	default:
		markEngine(c.client.Header(), target)
		c.sendJSON(l.body([][]entry{l.entries(e)}))
	}
}

// fallBack answers with the last list of an engine that gave none, else with f.
func (c *call) fallBack(l *listing, e backends.Info, f *fault) {
	saved, ok := c.lists.load(listKey{e.Name, l.path})
	switch {
	case !l.kept || !c.isKept(l, e):
		c.client.refuse(c.dialect, f)
	case ok:
		c.client.Header().Set("Content-Type", saved.contentType)
		_, _ = c.client.Write(saved.body) // a client that has gone needs no error
	default:
		c.sendJSON(l.body([][]entry{l.entries(e)}))
	}
}

// gather asks all engines at once. The first that has a name is listed with it.
func (c *call) gather(l *listing, engines []backends.Info) [][]entry {
	all := make([][]entry, len(engines))
	var wait sync.WaitGroup
	for i, e := range engines {
		if e.Simulated {
			c.client.Header().Set("X-Carpool-Simulated", "true")
		}
		wait.Go(func() { all[i] = c.entriesOf(l, e) })
	}
	wait.Wait()
	return all
}

// entriesOf are an engine's own entries where it has them, else what is known of it.
func (c *call) entriesOf(l *listing, e backends.Info) []entry {
	if !e.Serves(l.api) {
		return l.entries(e)
	}
	body, err := c.fetchList(l, e)
	if err != nil && l.kept {
		saved, _ := c.lists.load(listKey{e.Name, l.path})
		body = saved.body
	}
	if all, err := l.read(body); err == nil {
		return all
	}
	return l.entries(e)
}

// fetchList asks an engine for its list, and keeps it. The client's key does not
// go along: it is meant for one engine at most.
func (c *call) fetchList(l *listing, e backends.Info) ([]byte, error) {
	target, err := c.engines.Target(e.Name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.slowList)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.Base.JoinPath(l.path).String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	res, err := target.Transport.RoundTrip(req)
	if err != nil {
		if f := faultOfTransport(err); c.ctx.Err() == nil && f.isLoss() {
			c.engines.Trouble(e.Name, err)
		}
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxList))
	if err != nil {
		return nil, err
	}
	if _, err := l.read(body); err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("list of %s: status %d", e.Name, res.StatusCode)
	}
	if !e.Simulated {
		c.lists.save(listKey{e.Name, l.path}, savedList{res.Header.Get("Content-Type"), body})
	}
	return body, nil
}

// entry is one model in a list.
type entry struct {
	name string
	raw  []byte // JSON
}

// entries are what is known of an engine's models, in the list's form.
func (l *listing) entries(e backends.Info) []entry {
	var all []entry
	for _, m := range e.Models {
		if m.Loaded || !l.loaded {
			all = append(all, entry{m.Name, mustJSON(l.entry(e, m))})
		}
	}
	return all
}

// read takes an engine's list apart; the entries stay the bytes that they were.
func (l *listing) read(body []byte) ([]entry, error) {
	var list map[string]json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(list[l.array], &raw); err != nil {
		return nil, err
	}
	all := make([]entry, len(raw))
	for i, r := range raw {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(r, &fields); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(fields[l.name], &all[i].name); err != nil {
			return nil, err
		}
		all[i].raw = r
	}
	return all, nil
}

// body is the list of all entries, each name once.
func (l *listing) body(lists [][]entry) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{%s"%s":[`, l.before, l.array)
	seen := map[string]bool{}
	for _, list := range lists {
		for _, e := range list {
			if seen[e.name] {
				continue
			}
			if len(seen) > 0 {
				b.WriteByte(',')
			}
			seen[e.name] = true
			b.Write(e.raw)
		}
	}
	b.WriteString("]}")
	return b.Bytes()
}
