package gateway

import (
	"bytes"
	"strconv"
	"strings"

	"carpool/backends"
)

// numCtxHeader tells a client what its num_ctx was replaced by.
const numCtxHeader = "X-Carpool-Num-Ctx"

// harmonise gives the request the size of context that models.num_ctx has for its
// model, and says so on the answer. Routes without num_ctx are left as they are.
func (c *call) harmonise() {
	if c.dialect != Ollama || !c.route.scheduled || !c.target.Serves(backends.OllamaAPI) {
		return
	}
	name := c.target.Model
	if name == "" {
		name = c.sketch.model
	}
	tokens, ruled := c.policy.NumCtx[modelKey(name)]
	if !ruled || c.sketch.model == "" {
		return
	}
	c.client.head.Set(numCtxHeader, ctxText(tokens))
	c.sketch.runner[numCtx] = wish{given: tokens > 0, n: int64(tokens)}
	c.body = withNumCtx(c.body, tokens)
	if c.embed != nil {
		c.embed, _ = readEmbedCall(c.route.vectors, c.body)
	}
}

// modelKey is how a model stands in Limits.NumCtx: engines ignore case, and
// ":latest" goes without saying.
func modelKey(name string) string { return strings.TrimSuffix(strings.ToLower(name), ":latest") }

// ctxText is a size of context as the settings write it.
func ctxText(tokens int) string {
	if tokens == 0 {
		return "default"
	}
	return strconv.Itoa(tokens)
}

// withNumCtx is a body that peek has found sound with another options.num_ctx; 0
// leaves it to the model. All other bytes stay as they are and in their order. A
// body whose options are no object is left to the engine to refuse.
func withNumCtx(body []byte, tokens int) []byte {
	e := ctxEditor{cursor: cursor{text: body}, tokens: tokens}
	if e.object(e.field) != nil {
		return body // never: peek has read it
	}
	if tokens > 0 && !e.there {
		e.insert()
	}
	return e.apply()
}

// ctxEditor notes what has to change on one walk through a body. An engine adds
// up options that are given twice, and null takes back those before. So num_ctx
// is changed wherever it stands, and has to stand in the last ones.
type ctxEditor struct {
	cursor
	tokens int
	cuts   []cut // in the order of the text
	there  bool  // the last options have a num_ctx
	given  bool  // there are options
	last   cut   // where in the last options one may be put; its text is what stands around it
	fixed  bool  // the last options take none
}

// cut replaces a part of a body.
type cut struct {
	from, to int
	text     string
}

func (e *ctxEditor) field(key []byte) error {
	if !is(key, "options") {
		return e.skip()
	}
	again := e.given
	e.given, e.there, e.fixed = true, false, false
	switch e.next() {
	case '{':
		return e.options()
	case 'n':
		e.last = cut{e.at, e.at + len("null"), "{%}"}
		if again { // it has to stay, or those before would count again
			e.last = cut{e.last.to, e.last.to, `,"options":{%}`}
		}
		return e.literal("null")
	}
	e.fixed = true
	return e.skip()
}

func (e *ctxEditor) options() error {
	e.last = cut{e.at + 1, e.at + 1, "%"}
	end := e.at + 1 // of the member before
	removed, left := false, false
	err := e.object(func(key []byte) error {
		e.next()
		start := e.at
		if err := e.skip(); err != nil {
			return err
		}
		switch ours := string(key) == runnerOptions[numCtx]; {
		case ours && e.tokens > 0:
			e.there, left = true, true
			e.cuts = append(e.cuts, cut{start, e.at, strconv.Itoa(e.tokens)})
		case ours:
			removed = true
			e.cuts = append(e.cuts, cut{end, e.at, ""}) // with the comma before it
		default:
			if removed && !left { // no comma has to be before this one any more
				e.cuts = append(e.cuts, cut{end, end + bytes.IndexByte(e.text[end:], ',') + 1, ""})
			}
			left = true
		}
		end = e.at
		return nil
	})
	if left {
		e.last.text = "%,"
	}
	return err
}

// insert puts num_ctx where it is missing.
func (e *ctxEditor) insert() {
	member := `"` + runnerOptions[numCtx] + `":` + strconv.Itoa(e.tokens)
	switch {
	case e.fixed:
	case e.given:
		e.last.text = strings.Replace(e.last.text, "%", member, 1)
		e.cuts = append(e.cuts, e.last)
	default: // a body that names its model has a member
		at := bytes.IndexByte(e.text, '{') + 1
		e.cuts = append(e.cuts, cut{at, at, `"options":{` + member + `},`})
	}
}

func (e *ctxEditor) apply() []byte {
	if len(e.cuts) == 0 {
		return e.text
	}
	grown := len(e.text)
	for _, c := range e.cuts {
		grown += len(c.text)
	}
	out := make([]byte, 0, grown)
	at := 0
	for _, c := range e.cuts {
		out = append(append(out, e.text[at:c.from]...), c.text...)
		at = c.to
	}
	return append(out, e.text[at:]...)
}
