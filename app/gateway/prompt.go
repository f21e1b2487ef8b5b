package gateway

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
)

// ownPrompts are the texts in the bodies of engines' own routes, beside those that
// all have.
var ownPrompts = []string{"content", "memory", "input_prefix", "input_suffix", "input_extra", "query", "documents"}

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
