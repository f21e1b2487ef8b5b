package gateway

import (
	"context"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"carpool/batching"
)

// runKey is all that two requests have in common that get one answer. The body
// itself is compared besides.
type runKey struct {
	app, engine, route, query string
	priority                  batching.Priority
	about, headers            string
	body                      uint64
}

// runs are those that still take clients.
type runs struct {
	mu   sync.Mutex
	open map[runKey]*run
}

// join finds the run for a body, or begins one. Its context has the values of
// ctx, and an end of its own.
func (rs *runs) join(ctx context.Context, k runKey, body []byte, memory *budget) (r *run, leads bool) {
	k.body = maphash.Bytes(prefixSeed, body)
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.open[k]; r != nil && r.enter(body) {
		return r, false
	}
	r = &run{key: k, body: body, memory: memory, clients: 1}
	r.ctx, r.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	if rs.open == nil {
		rs.open = map[runKey]*run{}
	}
	rs.open[k] = r
	return r, true
}

// forget takes a run that has ended out of the way of the next one.
func (rs *runs) forget(r *run) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.open[r.key] == r {
		delete(rs.open, r.key)
	}
}

// runKey of the call. Engines look at headers too, at keys above all.
func (c *call) runKey() runKey {
	telling := tellingHeaders(c.in.Header)
	names := make([]string, 0, len(telling))
	for name := range telling {
		names = append(names, name)
	}
	slices.Sort(names)
	var headers strings.Builder
	for _, name := range names {
		for _, value := range telling[name] {
			headers.WriteString(name + ":" + value + "\n") // neither has a line end in it
		}
	}
	return runKey{app: c.rec.App, engine: c.target.Name, route: c.in.URL.Path, query: c.in.URL.RawQuery,
		priority: c.rec.Priority, about: c.about, headers: headers.String()}
}
