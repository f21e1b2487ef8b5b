package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// maxDepth is how deep JSON may be nested.
const maxDepth = 200

var (
	errSyntax = errors.New("invalid JSON")
	errDepth  = errors.New("JSON is nested too deep")
)

// cursor walks JSON text in place, strictly and without building a tree: a body
// of 64 MiB costs no memory beside itself.
type cursor struct {
	text  []byte
	at    int
	depth int
}

// next skips space and returns the byte that follows; 0 = the end.
func (c *cursor) next() byte {
	for ; c.at < len(c.text); c.at++ {
		switch c.text[c.at] {
		case ' ', '\t', '\n', '\r':
		default:
			return c.text[c.at]
		}
	}
	return 0
}

// end says whether nothing but space is left.
func (c *cursor) end() error {
	if c.next(); c.at < len(c.text) {
		return errSyntax
	}
	return nil
}

// object calls each with every key; each has to step over the value.
func (c *cursor) object(each func(key []byte) error) error {
	if err := c.open('{'); err != nil {
		return err
	}
	if c.next() == '}' {
		return c.close()
	}
	for {
		key, err := c.str()
		if err != nil {
			return err
		}
		if bytes.IndexByte(key, '\\') >= 0 {
			key = []byte(unquote(key))
		}
		if c.next() != ':' {
			return errSyntax
		}
		c.at++
		if err := each(key); err != nil {
			return err
		}
		switch c.next() {
		case ',':
			c.at++
		case '}':
			return c.close()
		default:
			return errSyntax
		}
	}
}

// array calls each at every element; each has to step over it.
func (c *cursor) array(each func() error) error {
	if err := c.open('['); err != nil {
		return err
	}
	if c.next() == ']' {
		return c.close()
	}
	for {
		if err := each(); err != nil {
			return err
		}
		switch c.next() {
		case ',':
			c.at++
		case ']':
			return c.close()
		default:
			return errSyntax
		}
	}
}

func (c *cursor) open(bracket byte) error {
	if c.next() != bracket {
		return errSyntax
	}
	if c.depth++; c.depth > maxDepth {
		return errDepth
	}
	c.at++
	return nil
}

func (c *cursor) close() error {
	c.depth--
	c.at++
	return nil
}

// str steps over a string and returns what is between its quotes, still escaped.
func (c *cursor) str() ([]byte, error) {
	if c.next() != '"' {
		return nil, errSyntax
	}
	start := c.at + 1
	n := stringLen(c.text[start:])
	if n < 0 {
		return nil, errSyntax
	}
	c.at = start + n + 1
	return c.text[start : start+n], nil
}

// stringLen is the length of the inside of a string at the head of b, which its quote
// ends; -1 = there is no valid one.
func stringLen(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i
		case c < ' ':
			return -1
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return -1
			}
			i += n - 1
		}
	}
	return -1
}

// escapeLen is the length of the escape at the head of b; 0 = not a valid one.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, h := range b[2:6] {
			if !(h >= '0' && h <= '9' || h >= 'a' && h <= 'f' || h >= 'A' && h <= 'F') {
				return 0
			}
		}
		return 6
	}
	return 0
}

// number steps over a number and returns its text.
func (c *cursor) number() ([]byte, error) {
	c.next()
	start := c.at
	c.accept('-')
	if !c.accept('0') && c.digits() == 0 {
		return nil, errSyntax
	}
	if c.accept('.') && c.digits() == 0 {
		return nil, errSyntax
	}
	if c.accept('e') || c.accept('E') {
		if !c.accept('+') {
			c.accept('-')
		}
		if c.digits() == 0 {
			return nil, errSyntax
		}
	}
	return c.text[start:c.at], nil
}

func (c *cursor) accept(b byte) bool {
	if c.at < len(c.text) && c.text[c.at] == b {
		c.at++
		return true
	}
	return false
}

func (c *cursor) digits() int {
	start := c.at
	for c.at < len(c.text) && c.text[c.at] >= '0' && c.text[c.at] <= '9' {
		c.at++
	}
	return c.at - start
}

// literal steps over true, false or null.
func (c *cursor) literal(word string) error {
	c.next()
	if !bytes.HasPrefix(c.text[c.at:], []byte(word)) {
		return errSyntax
	}
	c.at += len(word)
	return nil
}

// skip steps over a value of any type.
func (c *cursor) skip() error {
	switch c.next() {
	case '{':
		return c.object(func([]byte) error { return c.skip() })
	case '[':
		return c.array(c.skip)
	case '"':
		_, err := c.str()
		return err
	case 't':
		return c.literal("true")
	case 'f':
		return c.literal("false")
	case 'n':
		return c.literal("null")
	}
	_, err := c.number()
	return err
}

// unquote resolves the escapes of a string that str has checked.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw)
	}
	var s string
	if err := json.Unmarshal(append(append([]byte{'"'}, raw...), '"'), &s); err != nil {
		return string(raw)
	}
	return s
}
