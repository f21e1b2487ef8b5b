package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"
	"net/http"
	"slices"
	"strings"
)

// embedForm is how a route asks for vectors and answers with them.
type embedForm int

const (
	noVectors     embedForm = iota
	nativeVectors           // /api/embed: input, embeddings
	openaiVectors           // /v1/embeddings: input, data
	legacyVector            // /api/embeddings: prompt, embedding; one text, and not normalized as the others are
)

// input is the key that holds the texts.
func (f embedForm) input() string {
	if f == legacyVector {
		return "prompt"
	}
	return "input"
}

// embedCall is a call for vectors of which every part is understood, so that its
// texts may go with those of others and its answer may be put together from
// pieces. All slices are parts of the body.
type embedCall struct {
	form  embedForm
	model string
	texts [][]byte // JSON strings with their quotes, none of them empty
	rest  []member // all other members, by name, their values without spaces
}

// member is one name and value of a JSON object.
type member struct{ name, value []byte }

// errNotPlain is the reason why a call goes its way untouched.
var errNotPlain = errors.New("not a plain call for vectors")

// readEmbedCall reads a body that peek has found sound. ok is false for whatever
// might mean different things to different readers, or different things alone
// and in company: empty texts, tokens in place of text, names twice or in
// another case.
func readEmbedCall(form embedForm, body []byte) (e *embedCall, ok bool) {
	e = &embedCall{form: form}
	seen := map[string]bool{}
	c := cursor{text: body}
	err := c.object(func(key []byte) error {
		name := string(key)
		if seen[name] || !isPlainName(key) {
			return errNotPlain
		}
		seen[name] = true
		c.next()
		start := c.at
		if name == form.input() {
			return e.readTexts(&c)
		}
		if err := c.skip(); err != nil {
			return err
		}
		value := body[start:c.at]
		if name == "model" {
			return e.readModel(value)
		}
		e.rest = append(e.rest, member{slices.Clone(key), compact(value)})
		return nil
	})
	if err != nil || len(e.texts) == 0 || e.model == "" {
		return nil, false
	}
	slices.SortFunc(e.rest, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	return e, true
}

// count is how many texts e has; a nil e has none.
func (e *embedCall) count() int {
	if e == nil {
		return 0
	}
	return len(e.texts)
}

// isPlainName reports whether a name cannot be taken for another one that
// differs in case: readers that ignore case know capitals outside ASCII, too.
func isPlainName(name []byte) bool {
	for _, b := range name {
		if b >= 0x80 || 'A' <= b && b <= 'Z' {
			return false
		}
	}
	return true
}

func (e *embedCall) readModel(value []byte) error {
	c := cursor{text: value}
	name, err := c.str()
	e.model = unquote(name)
	return err
}

func (e *embedCall) readTexts(c *cursor) error {
	one := func() error {
		c.next()
		start := c.at
		text, err := c.str()
		if err != nil || len(text) == 0 {
			return errNotPlain
		}
		e.texts = append(e.texts, c.text[start:c.at])
		return nil
	}
	if e.form == legacyVector || c.next() != '[' {
		return one()
	}
	return c.array(one)
}

func compact(value []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, value) != nil {
		return value // never: it was read as JSON
	}
	return b.Bytes()
}

// addTo feeds h all that has to be equal for two calls to get equal vectors for
// equal texts, but for the model.
func (e *embedCall) addTo(h hash.Hash) {
	addPart(h, []byte{byte(e.form)})
	for _, m := range e.rest {
		addPart(h, m.name)
		addPart(h, m.value)
	}
}

// addPart feeds h one part so that no two lists of parts look alike.
func addPart(h hash.Hash, part []byte) {
	n := uint64(len(part))
	_, _ = h.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), byte(n >> 32)}) // a hash never fails
	_, _ = h.Write(part)
}

// mergedBody is the body of one call for the texts of all.
func mergedBody(calls []*embedCall) []byte {
	first, model := calls[0], mustJSON(calls[0].model)
	size := len(model) + 32
	for _, m := range first.rest {
		size += len(m.name) + len(m.value) + 4
	}
	for _, e := range calls {
		for _, t := range e.texts {
			size += len(t) + 1
		}
	}
	b := make([]byte, 0, size)
	b = append(append(b, `{"model":`...), model...)
	for _, m := range first.rest {
		b = append(appendName(append(b, ','), m.name), m.value...)
	}
	b = append(b, `,"input":[`...)
	for _, e := range calls {
		for _, t := range e.texts {
			b = append(append(b, t...), ',')
		}
	}
	b[len(b)-1] = ']'
	return append(b, '}')
}

// wordOf is equal for calls that may become one: the same form, options and
// headers, as far as an engine may look at them.
func wordOf(e *embedCall, header http.Header) string {
	h := sha256.New()
	e.addTo(h)
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		addPart(h, []byte(name))
		for _, value := range header[name] {
			addPart(h, []byte(value))
		}
	}
	return string(h.Sum(nil))
}

// idleHeaders say nothing to an engine that would change its answer.
var idleHeaders = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Cache-Control": true, "Connection": true,
	"Content-Length": true, "Dnt": true, "Expect": true, "Forwarded": true, "Keep-Alive": true, "Origin": true,
	"Pragma": true, "Priority": true, "Referer": true, "Te": true, "Traceparent": true, "Tracestate": true,
	"Upgrade": true, "User-Agent": true, "X-Request-Id": true,
}

// tellingHeaders are the others. Only calls that agree in them go together, and
// the call that is made for them has these.
func tellingHeaders(h http.Header) http.Header {
	telling := http.Header{}
	for name, values := range h {
		if idleHeaders[name] || strings.HasPrefix(name, "X-Carpool-") || strings.HasPrefix(name, "Sec-") ||
			strings.HasPrefix(name, "X-Stainless-") || strings.HasPrefix(name, "X-Forwarded-") {
			continue
		}
		telling[name] = values
	}
	return telling
}
