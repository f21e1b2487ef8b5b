package translate

import (
	"encoding/json"
	"errors"
	"fmt"
)

const (
	// maxCalls bounds the tool calls of one answer.
	maxCalls = 256
	// maxArguments bounds the arguments of all of them, in bytes.
	maxArguments = 4 << 20
)

// call is a tool call that the model makes.
type call struct {
	index     int // the engine's
	id, name  string
	arguments []byte // JSON, as far as it has come
}

// calls are put together from what comes of them bit by bit.
type calls struct {
	list  []*call
	bytes int
}

// add takes in a bit and returns the call that it is of. A new one begins with a
// new index, and with a new id where an engine gives all calls one index.
func (c *calls) add(d callDelta) (*call, error) {
	var k *call
	for i := len(c.list) - 1; i >= 0 && k == nil; i-- {
		if d.Index == nil || c.list[i].index == *d.Index {
			k = c.list[i]
		}
	}
	if k == nil || d.ID != "" && k.id != "" && d.ID != k.id {
		if len(c.list) == maxCalls {
			return nil, fmt.Errorf("the engine made more than %d tool calls", maxCalls)
		}
		k = &call{index: len(c.list)}
		if d.Index != nil {
			k.index = *d.Index
		}
		c.list = append(c.list, k)
	}
	if k.id == "" {
		k.id = d.ID
	}
	if k.name == "" {
		k.name = d.Function.Name
	}
	if c.bytes += len(d.Function.Arguments); c.bytes > maxArguments {
		return nil, fmt.Errorf("the engine's tool calls are longer than %d MiB", maxArguments>>20)
	}
	k.arguments = append(k.arguments, d.Function.Arguments...)
	return k, nil
}

// number is the place of a call among the others.
func (c *calls) number(k *call) int {
	for i := range c.list {
		if c.list[i] == k {
			return i
		}
	}
	return 0
}

// name gives a call an id if the engine gave none. It fails for one that no client
// could run.
func (x *Exchange) name(k *call) error {
	if k.name == "" {
		return errors.New("the engine made a tool call without a name")
	}
	if k.id == "" {
		k.id = fmt.Sprintf("call_%s_%d", x.answerID(), x.calls.number(k))
	}
	return nil
}

// object is a call's arguments as an object; nil = they were cut off by the limit
// of tokens. Others than objects are a failure: nothing true can be told of them.
func (x *Exchange) object(k *call) (json.RawMessage, error) {
	switch {
	case len(k.arguments) == 0:
		return json.RawMessage("{}"), nil
	case json.Valid(k.arguments) && firstByte(k.arguments) == '{':
		return k.arguments, nil
	case x.finish == "length":
		return nil, nil
	}
	return nil, fmt.Errorf("the model called %q with arguments that are no JSON object", k.name)
}

func firstByte(text []byte) byte {
	for _, b := range text {
		if b != ' ' && b != '\n' && b != '\t' && b != '\r' {
			return b
		}
	}
	return 0
}
