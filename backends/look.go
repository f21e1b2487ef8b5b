package backends

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

var errIsCarpool = errors.New("this is Carpool's own address: set engine.url to the engine's")

// look is what one probe is to find out.
type look struct {
	*engine
	stranger bool // not known to be an engine
	known    memories
	makers   []maker // what it may be, the likeliest first
	key      func(Kind) string
}

// probed is what one probe found.
type probed struct {
	engine  *engine
	maker   maker
	report  report
	studied *facts // nil = it was not asked
	read    memories
	err     error
	at      time.Time
}

// probe asks the engine what it is and has, and first, if it is a stranger,
// whether it is Carpool itself. It reads only what never changes.
func (l look) probe(ctx context.Context) probed {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	p := probed{engine: l.engine, maker: l.makers[0]}
	switch {
	case l.self:
		p.err = errIsCarpool
	case l.stranger:
		p.err = notCarpool(ctx, l.client(""), l.url)
	}
	if p.err == nil {
		l.identify(ctx, &p)
	}
	if p.err == nil && !l.stranger && p.maker.inspect != nil {
		p.read = l.inspect(ctx, p.maker, p.report.models)
	}
	p.at = time.Now()
	return p
}

// identify asks as each kind in turn, until one knows the answer.
func (l look) identify(ctx context.Context, p *probed) {
	for i, m := range l.makers {
		c := l.client(l.key(m.kind))
		r, err := m.probe(ctx, c, l.url)
		if err == nil && m.study != nil && l.stranger {
			p.studied = l.study(ctx, m, c)
		}
		odd, isOdd := errors.AsType[*unexpected](err)
		if i == 0 || !isOdd || odd.key {
			p.maker, p.report, p.err = m, r, err
		}
		if !isOdd || odd.sure {
			return
		}
	}
}

// study asks what does not change. An engine that cannot tell is taken for one that
// serves OpenAI's API alone: the rest is translated.
func (l look) study(ctx context.Context, m maker, c *http.Client) *facts {
	ctx, cancel := context.WithTimeout(ctx, studyTimeout)
	defer cancel()
	f, err := m.study(ctx, c, l.url)
	if err != nil {
		f = facts{apis: []API{OpenAIAPI}}
	}
	return &f
}

// notCarpool fails if the address is that of a Carpool, this one or another.
// Its health page names it; an engine has none, or another one.
func notCarpool(ctx context.Context, c *http.Client, base *url.URL) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("health").String(), nil)
	if err != nil {
		return fmt.Errorf("health request: %w", err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	var page map[string]json.RawMessage
	if json.Unmarshal(b, &page) == nil && page["carpool"] != nil {
		return errIsCarpool
	}
	return nil
}
