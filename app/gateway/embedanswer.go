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
