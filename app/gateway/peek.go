package gateway

import (
	"bytes"
	"hash/maphash"
	"math"
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

// ownPrompts are the texts in the bodies of engines' own routes, beside those that
// all have.
var ownPrompts = []string{"content", "memory", "input_prefix", "input_suffix", "input_extra", "query", "documents"}

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

// tokenCap reads a bound on generated tokens. Where there are several, the one
// of the higher rank counts: the newer name.
func (p *peeker) tokenCap(param string, rank int) error {
	if p.next() == 'n' {
		return p.literal("null")
	}
	text, err := p.number()
	if err != nil {
		return p.wrong(param, param+" must be a number")
	}
	if rank >= p.capRank {
		p.capRank, p.maxTokens = rank, count(text)
	}
	return nil
}

// sampling notes what makes an answer repeatable, and steps over all else.
func (p *peeker) sampling(key string) error {
	value, err := p.value()
	switch key {
	case "temperature":
		n, unread := strconv.ParseFloat(value, 64)
		p.cold = n == 0 && unread == nil
	case "seed":
		// Engines take -1, and llama.cpp its unsigned like, for a random one.
		n, unread := strconv.ParseUint(value, 10, 32)
		p.seeded = p.route.seeds && unread == nil && n < math.MaxUint32
	}
	return err
}

// value steps over a value and returns its text.
func (p *peeker) value() (string, error) {
	p.next()
	start := p.at
	err := p.skip()
	return string(p.text[start:p.at]), err
}

// options reads Ollama's num_predict, what makes an answer repeatable, and what
// a model is loaded with; all else in them is the engine's. Options given twice
// add up, as in Go, but for null, which takes back those before.
func (p *peeker) options() error {
	switch p.next() {
	case '{':
	case 'n':
		p.runner = runner{}
		return p.literal("null")
	default:
		return p.skip()
	}
	return p.object(func(key []byte) error {
		if string(key) == "num_predict" {
			return p.tokenCap("options.num_predict", 0)
		}
		if !p.native {
			return p.skip()
		}
		if i := runnerOption(key); i >= 0 {
			value, err := p.value()
			p.runner[i] = readOption(i, value)
			return err
		}
		return p.sampling(string(key))
	})
}

// fill notes whether the value just read is a prompt that asks for work.
func (p *peeker) fill(key []byte, start int) {
	if slices.ContainsFunc(p.route.prompts, func(name string) bool { return is(key, name) }) {
		p.filled = !isEmpty(p.text[start:p.at])
	}
}

// isEmpty reports whether a value, with any space around it, is null, "" or [].
func isEmpty(value []byte) bool {
	v := bytes.TrimSpace(value)
	return len(v) == 0 || string(v) == `""` || string(v) == "null" ||
		v[0] == '[' && len(bytes.TrimSpace(v[1:])) == 1
}

// messages measures a conversation. The system messages at its head are what
// requests of one app have in common.
func (p *peeker) messages() error {
	if p.next() != '[' {
		return p.measure()
	}
	head := true
	return p.array(func() error {
		p.next()
		start, before := p.at, p.prompt
		err := p.measure()
		if head = head && err == nil && isSystem(p.text[start:p.at]); head {
			p.systemSum = bits.RotateLeft64(p.systemSum, 7) ^ maphash.Bytes(prefixSeed, p.text[start:p.at])
			p.prefixBytes += p.prompt - before
		}
		return err
	})
}

func isSystem(message []byte) bool {
	c := cursor{text: message}
	system := false
	_ = c.object(func(key []byte) error {
		if string(key) != "role" || c.next() != '"' {
			return c.skip()
		}
		role, err := c.str()
		system = string(role) == "system" || string(role) == "developer"
		return err
	}) // measure has read the same text without fault
	return system
}

// measurePrefix is measure for what belongs to the prefix.
func (p *peeker) measurePrefix() error {
	before := p.prompt
	err := p.measure()
	p.prefixBytes += p.prompt - before
	return err
}

// measure steps over a value and adds its text to the prompt, images left out.
func (p *peeker) measure() error {
	switch p.next() {
	case '{':
		return p.object(func(key []byte) error {
			if string(key) == "images" {
				return p.skip()
			}
			return p.measure()
		})
	case '[':
		return p.array(p.measure)
	case '"':
		text, err := p.str()
		if !bytes.HasPrefix(text, []byte("data:")) {
			p.prompt += int64(len(text))
		}
		return err
	}
	return p.skip()
}

// count reads a number as a count; 0 where it is none.
func count(text []byte) int {
	n, _ := strconv.ParseFloat(string(text), 64) // out of range gives ±Inf, which is clamped
	return int(min(max(n, 0), math.MaxInt32))
}
