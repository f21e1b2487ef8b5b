package gateway

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// sketch is what scheduling reads of a request's body.
type sketch struct {
	model       string
	stream      bool
	maxTokens   int    // most tokens it may generate; 0 = unknown
	prompt      int64  // bytes of text, without images
	prefix      uint64 // hash of system prompt and tools; 0 = none
	prefixBytes int64  // of prompt, what prefix is the hash of
	filled      bool   // one of the route's prompts is not empty
	tools       bool   // engines hold a tool call back until it is whole
	packed      bool   // it is compressed, so that nothing of it was read
	repeats     bool   // the engine answers the same to the same: temperature 0 or a seed, and no tools
	runner      runner
	keep        keepAlive
}

// prefixSeed makes prefixes comparable within one run, and only there.
var prefixSeed = maphash.MakeSeed()

// peek reads the sketch of a JSON body. It judges only what it reads: those
// fields' types, a second model under any spelling, and the JSON itself, with
// nothing behind it. All else is the engine's to judge.
func peek(body []byte, d Dialect, r route) (sketch, *fault) {
	p := peeker{cursor: cursor{text: body}, route: r, native: d == Ollama, sketch: sketch{stream: r.streams || d == Ollama && !r.embedding}}
	if p.next() != '{' {
		return sketch{}, newFault(invalidRequest, "the request body must be a JSON object")
	}
	err := p.object(p.field)
	if err == nil {
		err = p.cursor.end()
	}
	if p.fault != nil {
		return sketch{}, p.fault
	}
	if err != nil {
		return sketch{}, newFault(invalidRequest, err.Error()+" at byte "+strconv.Itoa(p.at))
	}
	p.filled = p.filled || r.prompts == nil
	p.repeats = (p.cold || p.seeded) && !p.tools && !r.embedding && !r.stateful
	if p.systemSum|p.toolsSum != 0 {
		p.prefix = bits.RotateLeft64(p.systemSum, 31) ^ p.toolsSum
	}
	return p.sketch, nil
}

type peeker struct {
	cursor
	sketch
	route     route
	native    bool // sampling is set in options, not beside the prompt
	fault     *fault
	sawModel  bool
	capRank   int // of the key that maxTokens came from
	systemSum uint64
	toolsSum  uint64
	cold      bool // temperature 0
	seeded    bool
}

// field reads one key of the body. Keys match in any case, as in Go's JSON.
func (p *peeker) field(key []byte) error {
	start := p.at
	if p.next() == 0 {
		return errSyntax // a value that is missing is not of a wrong type
	}
	switch {
	case is(key, "model"):
		if p.sawModel {
			return p.wrong("model", "the request names its model twice")
		}
		p.sawModel = true
		return p.modelName()
	case is(key, "stream"):
		return p.streamFlag()
	case is(key, "max_tokens"):
		return p.tokenCap("max_tokens", 1)
	case is(key, "max_completion_tokens"), is(key, "max_output_tokens"):
		return p.tokenCap(string(key), 2)
	case p.route.own && (is(key, "n_predict") || is(key, "max_length")):
		return p.tokenCap(string(key), 1)
	case is(key, "options"):
		return p.options()
	case is(key, "messages"):
		err := p.messages()
		p.fill(key, start)
		return err
	case is(key, "prompt"), is(key, "input"), is(key, "suffix"):
		err := p.measure()
		p.fill(key, start)
		return err
	case p.route.own && slices.ContainsFunc(ownPrompts, func(name string) bool { return is(key, name) }):
		return p.measure()
	case is(key, "system"), is(key, "instructions"), p.route.own && is(key, "system_prompt"):
		err := p.measurePrefix()
		p.systemSum = maphash.Bytes(prefixSeed, p.text[start:p.at])
		return err
	case is(key, "tools"), is(key, "functions"), p.route.own && is(key, "integrations"):
		err := p.measurePrefix()
		p.tools = p.tools || !isEmpty(p.text[start:p.at])
		p.toolsSum = maphash.Bytes(prefixSeed, p.text[start:p.at])
		return err
	}
	switch {
	case !p.native:
		return p.sampling(strings.ToLower(string(key)))
	case is(key, "keep_alive"):
		value, err := p.value()
		p.keep = readKeepAlive(value)
		return err
	}
	return p.skip()
}

func is(key []byte, name string) bool {
	return len(key) <= 3*len(name) && strings.EqualFold(string(key), name)
}

func (p *peeker) wrong(param, message string) error {
	p.fault = &fault{kind: invalidRequest, message: message, param: param}
	return p.fault
}

// maxModelName bounds a model's name in bytes as it is written: it goes into the
// history, the log and many tables. Names that are files' paths are among the longest.
const maxModelName = 1 << 10

func (p *peeker) modelName() error {
	switch p.next() {
	case '"':
		raw, err := p.str()
		if len(raw) > maxModelName {
			return p.wrong("model", "the model's name is too long")
		}
		p.model = unquote(raw)
		return err
	case 'n':
		return p.literal("null")
	}
	return p.wrong("model", "model must be a string")
}

func (p *peeker) streamFlag() error {
	switch p.next() {
	case 't':
		p.stream = true
		return p.literal("true")
	case 'f':
		p.stream = false
		return p.literal("false")
	case 'n':
		return p.literal("null")
	}
	return p.wrong("stream", "stream must be true or false")
}
