package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"carpool/app/gateway/translate"
	"carpool/backends"
)

// apiOf is the API that a route belongs to.
func apiOf(path string) backends.API {
	switch {
	case path == "/v1/messages":
		return backends.AnthropicAPI
	case path == "/v1/responses":
		return backends.ResponsesAPI
	case strings.HasPrefix(path, "/v1/"):
		return backends.OpenAIAPI
	}
	return backends.OllamaAPI
}

// isForeign reports whether the call's engine does not serve its route by itself,
// so that it is translated.
func (c *call) isForeign() bool {
	path := c.in.URL.Path
	return translate.Translates(path) && !c.target.Serves(apiOf(path))
}

// translate prepares what the engine will be asked, while a request that cannot be
// translated can still be refused without a turn.
func (c *call) translate() *fault {
	c.asked = nil
	if !c.isForeign() {
		return nil
	}
	if c.sketch.packed {
		return newFault(unsupportedMedia, "the body is compressed, which "+c.target.Label+" cannot read in this dialect: send it plain")
	}
	var err error
	c.asked, err = translate.Ask(c.in.URL.Path, c.body, c.target.Model, c.flavour())
	return faultOfTranslation(err)
}

// flavour is what a translation must know of the engine.
func (c *call) flavour() translate.Engine {
	e := translate.Engine{Kind: string(c.target.Kind)}
	for _, m := range c.target.Models {
		if m.Name == c.target.Model {
			e.Context = m.Context
		}
	}
	return e
}

func faultOfTranslation(err error) *fault {
	var wrong *translate.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		f := newFault(invalidRequest, wrong.Message)
		f.param, f.code = wrong.Param, wrong.Status
		return f
	}
	return newFault(invalidRequest, err.Error())
}

// engine is the way to the call's engine as one that speaks the client's dialect
// and knows the name that the client wrote.
func (c *call) engine() http.RoundTripper {
	switch {
	case c.isForeign():
		return roundTripper(c.roundTripTranslated)
	case c.target.Prefixed && c.body != nil:
		return roundTripper(c.roundTripRenamed)
	}
	return c.target.Transport
}

// roundTripRenamed asks for the model by the engine's own name.
func (c *call) roundTripRenamed(r *http.Request) (*http.Response, error) {
	body := renamed(c.body, c.target.Model)
	fresh := func() (io.ReadCloser, error) { return c.send(body), nil }
	r = r.Clone(r.Context())
	r.ContentLength = int64(len(body))
	r.Body, _ = fresh() // never fails
	if r.GetBody != nil {
		r.GetBody = fresh
	}
	return c.target.Transport.RoundTrip(r)
}

// renamed is a body with another model's name in it, all else as it was. Where
// there is no model, name may be what Ollama once called it.
func renamed(body []byte, model string) []byte {
	from, to, named := 0, 0, false
	p := cursor{text: body}
	err := p.object(func(key []byte) error {
		p.next()
		start := p.at
		err := p.skip()
		if is(key, "model") || is(key, "name") && !named {
			from, to = start, p.at
			named = named || is(key, "model")
		}
		return err
	})
	if err != nil || to == 0 {
		return body
	}
	name := mustJSON(model)
	b := make([]byte, 0, len(body)+len(name))
	return append(append(append(b, body[:from]...), name...), body[to:]...)
}

// roundTripTranslated asks the engine in its own dialect and answers in the
// client's.
func (c *call) roundTripTranslated(r *http.Request) (*http.Response, error) {
	x := c.asked
	c.asked = nil // it is good for one answer
	if x == nil {
		var err error
		if x, err = translate.Ask(c.in.URL.Path, c.body, c.target.Model, c.flavour()); err != nil {
			return nil, faultOfTranslation(err)
		}
	}
	x.Began(time.Now())
	if x.Path == "" {
		return c.answerAlone(r, x)
	}
	out := r.Clone(r.Context())
	base := *c.target.Base
	base.Path, base.RawPath = strings.TrimSuffix(base.Path, "/")+x.Path, ""
	out.URL = &base
	out.Body, out.ContentLength = c.send(x.Body), int64(len(x.Body))
	addressTranslated(out.Header)
	res, err := c.target.Transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	x.Body = nil // it is sent, and read nowhere else
	res.Header.Set("X-Carpool-Translated", x.Path)
	if res.StatusCode >= 400 {
		return res, translateRefusal(res, c.in.URL.Path)
	}
	form, known := framingOf(res.Header.Get("Content-Type"))
	if res.StatusCode != http.StatusOK || !known {
		return res, nil // judge knows what to say
	}
	t := &translation{src: piecesOf(res.Body, form), exchange: x, tap: newTap(form, nil)}
	c.inner = t.tap
	res.Body, res.ContentLength = &readable{pieces: t}, -1
	res.Header.Del("Content-Length")
	res.Header.Set("Content-Type", x.ContentType)
	return res, nil
}

// addressTranslated makes a client's headers those of an OpenAI client.
func addressTranslated(h http.Header) {
	if key := h.Get("X-Api-Key"); key != "" && h.Get("Authorization") == "" {
		h.Set("Authorization", "Bearer "+key)
	}
	for name := range h {
		if name == "X-Api-Key" || name == "Accept" || strings.HasPrefix(name, "Anthropic-") {
			h.Del(name)
		}
	}
	h.Set("Content-Type", "application/json")
}

// answerAlone answers what needs no engine, such as a request that only loads.
func (c *call) answerAlone(r *http.Request, x *translate.Exchange) (*http.Response, error) {
	body, err := x.Close(time.Now())
	if err != nil {
		return nil, faultOfTranslation(err)
	}
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header:        http.Header{"Content-Type": {x.ContentType}},
		Body:          io.NopCloser(bytes.NewReader(bytes.Clone(body))),
		ContentLength: int64(len(body)),
	}, nil
}

// maxRefusal bounds an engine's error answer that is translated, in bytes.
const maxRefusal = 64 << 10

func translateRefusal(res *http.Response, route string) error {
	text, err := io.ReadAll(io.LimitReader(res.Body, maxRefusal))
	_ = res.Body.Close()
	if err != nil {
		return err
	}
	body := translate.Refusal(route, res.StatusCode, text)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Set("Content-Type", "application/json; charset=utf-8")
	res.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// translation is an engine's answer in the client's dialect. It reads along in the
// engine's own, as only that tells what the engine really said: an error inside a
// 200, a missing end mark, counts and times.
type translation struct {
	src      pieces
	exchange *translate.Exchange
	tap      *tap
	err      error // what Next returns from now on; nil = go on
}

// Next implements pieces. What the engine did wrong it tells as a fault, once all before
// it was taken.
func (t *translation) Next() ([]byte, error) {
	for t.err == nil {
		piece, err := t.src.Next()
		t.tap.feed(piece)
		ready, wrong := t.exchange.Feed(piece, time.Now())
		if ready = t.judge(ready, err, wrong); len(ready) > 0 {
			return ready, nil
		}
	}
	return nil, t.err
}

// Close implements io.Closer.
func (t *translation) Close() error { return t.src.Close() }

// judge settles how the answer goes on after a piece: with err, and with wrong where it
// could not be translated. It returns what the client gets.
func (t *translation) judge(ready []byte, err, wrong error) []byte {
	ends := errors.Is(err, io.EOF)
	if ends {
		t.tap.close()
	}
	switch {
	case t.tap.failure != nil:
		t.err = faultOfEvent(t.tap.failure)
	case t.tap.garbled:
		t.err = newFault(backendBadResponse, "the engine answered with something that is not an answer")
	case wrong != nil:
		t.err = newFault(backendBadResponse, plainText(wrong.Error()))
	case ends && !t.tap.ended:
		t.err = newFault(backendTruncated, "the engine ended its answer early")
	case ends:
		return t.end(ready)
	default:
		t.err = err
	}
	return ready
}

// end adds what is left once the engine has ended well.
func (t *translation) end(ready []byte) []byte {
	ready = bytes.Clone(ready) // Close writes where they lie
	last, wrong := t.exchange.Close(time.Now())
	if t.err = io.EOF; wrong != nil {
		t.err = newFault(backendBadResponse, plainText(wrong.Error()))
	}
	return append(ready, last...)
}
