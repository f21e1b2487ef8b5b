package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// maxVectors bounds an answer that is held whole, to be cut up or remembered, in
// bytes. Larger ones pass as they come.
const maxVectors = 16 << 20

// embedAnswer is an engine's good answer cut into pieces. Numbers are never read
// and written again, so that a vector has the same bytes wherever it goes. All
// slices are parts of the answer.
type embedAnswer struct {
	form    embedForm
	members []member // of the whole, in the engine's order
	vectors []vector // in the order of the texts
	prompt  int      // tokens of all texts, as told; -1 = not told
	tail    []byte   // what follows the last brace
}

// vector is what an engine gave for one text.
type vector struct {
	raw     []byte   // numbers in brackets, or base64 in quotes
	members []member // of its item, where the form has items
	tokens  int      // its share of the prompt's; -1 = not told
	exact   bool     // it was told for this text alone
	size    int      // numbers in it; in base64, characters
}

var errNotVectors = errors.New("the engine's answer is not a list of vectors")

// readEmbedAnswer reads the answer to a call with texts.
func readEmbedAnswer(form embedForm, texts [][]byte, answer []byte) (*embedAnswer, error) {
	a := &embedAnswer{form: form, prompt: -1}
	c := cursor{text: answer}
	members, err := readMembers(&c)
	if err != nil {
		return nil, err
	}
	a.members, a.tail = members, answer[c.at:]
	if c.end() != nil {
		return nil, errNotVectors
	}
	found := false
	for _, m := range a.members {
		switch {
		case form == nativeVectors && string(m.name) == "embeddings":
			found, err = true, a.readList(m.value)
		case form == openaiVectors && string(m.name) == "data":
			found, err = true, a.readItems(m.value)
		case form == legacyVector && string(m.name) == "embedding":
			var v vector
			v, err = readVector(form, m.value)
			found, a.vectors = true, []vector{v}
		case form == nativeVectors && string(m.name) == "prompt_eval_count":
			a.prompt = countIn(m.value)
		case form == openaiVectors && string(m.name) == "usage":
			a.prompt = usageIn(m.value)
		}
		if err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, errNotVectors
	}
	if len(a.vectors) != len(texts) {
		return nil, fmt.Errorf("the engine answered %d texts with %d vectors", len(texts), len(a.vectors))
	}
	for i := range a.vectors {
		if a.vectors[i].size != a.vectors[0].size {
			return nil, errors.New("the engine's vectors are not of one length")
		}
	}
	a.share(texts)
	return a, nil
}

// durations are what the engine told of its time; 0 = not told.
func (a *embedAnswer) durations() (total, load time.Duration) {
	for _, m := range a.members {
		switch string(m.name) {
		case "total_duration":
			total = time.Duration(max(countIn(m.value), 0))
		case "load_duration":
			load = time.Duration(max(countIn(m.value), 0))
		}
	}
	return total, load
}

// readMembers reads an object's members and refuses a name that comes twice.
func readMembers(c *cursor) ([]member, error) {
	var members []member
	err := c.object(func(key []byte) error {
		for _, m := range members {
			if bytes.Equal(m.name, key) {
				return errNotVectors
			}
		}
		c.next()
		start := c.at
		if err := c.skip(); err != nil {
			return err
		}
		members = append(members, member{key, c.text[start:c.at]})
		return nil
	})
	if err != nil {
		return nil, errNotVectors
	}
	return members, nil
}

func (a *embedAnswer) readList(value []byte) error {
	c := cursor{text: value}
	err := c.array(func() error {
		c.next()
		start := c.at
		if err := c.skip(); err != nil {
			return err
		}
		v, err := readVector(a.form, value[start:c.at])
		a.vectors = append(a.vectors, v)
		return err
	})
	if err != nil {
		return errNotVectors
	}
	return nil
}

// readItems reads vectors that tell for which text they are, and puts them in
// the order of the texts.
func (a *embedAnswer) readItems(value []byte) error {
	c := cursor{text: value}
	places := map[int]vector{}
	n := 0
	err := c.array(func() error {
		members, err := readMembers(&c)
		if err != nil {
			return err
		}
		place := n
		n++
		v := vector{}
		for _, m := range members {
			switch string(m.name) {
			case "embedding":
				if v, err = readVector(a.form, m.value); err != nil {
					return err
				}
			case "index":
				if place, err = strconv.Atoi(string(m.value)); err != nil {
					return err
				}
			}
		}
		if _, taken := places[place]; taken || v.raw == nil {
			return errNotVectors
		}
		v.members = members
		places[place] = v
		return nil
	})
	if err != nil {
		return errNotVectors
	}
	for i := range n {
		v, ok := places[i]
		if !ok {
			return errNotVectors
		}
		a.vectors = append(a.vectors, v)
	}
	return nil
}

func readVector(form embedForm, value []byte) (vector, error) {
	c := cursor{text: value}
	v := vector{raw: value, tokens: -1}
	if form == openaiVectors && c.next() == '"' {
		text, err := c.str()
		if v.size = len(text); err != nil || v.size == 0 {
			return vector{}, errNotVectors
		}
		return v, nil
	}
	err := c.array(func() error {
		v.size++
		_, err := c.number()
		return err
	})
	if err != nil || v.size == 0 {
		return vector{}, errNotVectors
	}
	return v, nil
}

func countIn(value []byte) int {
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

func usageIn(value []byte) int {
	c := cursor{text: value}
	if c.next() != '{' {
		return -1
	}
	members, err := readMembers(&c)
	if err != nil {
		return -1
	}
	for _, m := range members {
		if string(m.name) == "prompt_tokens" {
			return countIn(m.value)
		}
	}
	return -1
}

// share gives each text its part of the tokens told for all, by its length, so
// that the parts add up to the whole. Each text has at least one where there are
// enough.
func (a *embedAnswer) share(texts [][]byte) {
	if a.prompt < 0 {
		return
	}
	whole, base := 0, 0
	for _, t := range texts {
		whole += len(t)
	}
	if a.prompt >= len(texts) {
		base = 1
	}
	rest := a.prompt - base*len(texts)
	given, length := 0, 0
	for i, t := range texts {
		length += len(t)
		upTo := int(float64(rest) * float64(length) / float64(whole))
		if i == len(texts)-1 {
			upTo = rest
		}
		a.vectors[i].tokens, a.vectors[i].exact = base+upTo-given, len(texts) == 1
		given = upTo
	}
}

// write is the answer to a client that asked for these of the vectors. The engine
// was asked under the model's first name; one that echoes it shall seem to echo
// this client's.
func (a *embedAnswer) write(asked, model string, vectors []vector) []byte {
	size := 256
	for _, v := range vectors {
		size += len(v.raw) + 64
	}
	tokens := 0
	for _, v := range vectors {
		tokens += v.tokens
	}
	if a.prompt < 0 {
		tokens = -1
	}
	b := append(make([]byte, 0, size), '{')
	for i, m := range a.members {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendName(b, m.name)
		switch name := string(m.name); {
		case name == "embeddings" && a.form == nativeVectors:
			b = append(b, '[')
			for i, v := range vectors {
				if i > 0 {
					b = append(b, ',')
				}
				b = append(b, v.raw...)
			}
			b = append(b, ']')
		case name == "data" && a.form == openaiVectors:
			b = appendItems(b, vectors)
		case name == "embedding" && a.form == legacyVector:
			b = append(b, vectors[0].raw...)
		case name == "model" && a.echoes(m.value, asked):
			b = append(b, mustJSON(model)...)
		case name == "prompt_eval_count" && a.form == nativeVectors && tokens >= 0:
			b = strconv.AppendInt(b, int64(tokens), 10)
		case name == "usage" && a.form == openaiVectors && tokens >= 0:
			b = appendUsage(b, m.value, tokens)
		default:
			b = append(b, m.value...)
		}
	}
	return append(append(b, '}'), a.tail...)
}

func (a *embedAnswer) echoes(value []byte, asked string) bool {
	c := cursor{text: value}
	name, err := c.str()
	return err == nil && a.form != legacyVector && unquote(name) == asked
}

func appendName(b, name []byte) []byte { return append(append(b, mustJSON(string(name))...), ':') }

func appendItems(b []byte, vectors []vector) []byte {
	b = append(b, '[')
	for i, v := range vectors {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		for j, m := range v.members {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendName(b, m.name)
			switch string(m.name) {
			case "embedding":
				b = append(b, v.raw...)
			case "index":
				b = strconv.AppendInt(b, int64(i), 10)
			default:
				b = append(b, m.value...)
			}
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendUsage writes usage with other counts of tokens; embeddings have no
// output, so the total is the prompt's.
func appendUsage(b, usage []byte, tokens int) []byte {
	c := cursor{text: usage}
	members, err := readMembers(&c)
	if err != nil {
		return append(b, usage...) // never: its count was read
	}
	b = append(b, '{')
	for i, m := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendName(b, m.name)
		switch string(m.name) {
		case "prompt_tokens", "total_tokens":
			b = strconv.AppendInt(b, int64(tokens), 10)
		default:
			b = append(b, m.value...)
		}
	}
	return append(b, '}')
}
