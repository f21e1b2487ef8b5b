package translate

import (
	"errors"
	"slices"
)

// blockKind is what a block of an answer is.
type blockKind int

const (
	textBlock blockKind = iota
	thinkingBlock
	callBlock
)

// block is a part of an answer of one kind. Anthropic's content blocks and the
// output items of the Responses API are blocks.
type block struct {
	kind blockKind
	said []byte // as far as it has come; nil of a callBlock
	call *call  // of a callBlock
	told bool   // the client knows of it
	torn bool   // the answer was cut off in it
}

// text is what has come of the block, of a call its arguments.
func (b *block) text() string {
	if b.call != nil {
		return string(b.call.arguments)
	}
	return string(b.said)
}

// blockWriter tells of blocks in one dialect. One block follows the other: open,
// grow, shut.
type blockWriter interface {
	begin(x *Exchange)
	open(x *Exchange, i int, b *block)
	grow(x *Exchange, i int, b *block, text string)
	shut(x *Exchange, i int, b *block)
	finish(x *Exchange, all []*block) error // of a stream
	whole(x *Exchange, all []*block) error  // an answer in one piece
}

// blocks is the writer of dialects whose answers are made of blocks.
type blocks struct {
	to      blockWriter
	all     []*block
	began   bool
	reading bool // the last block still grows
}

// piece implements writer.
func (w *blocks) piece(x *Exchange, p piece) error {
	w.begin(x)
	if err := x.keep(len(p.text) + len(p.thinking)); err != nil {
		return err
	}
	if err := w.add(x, thinkingBlock, p.thinking); err != nil {
		return err
	}
	if err := w.add(x, textBlock, p.text); err != nil {
		return err
	}
	for _, d := range p.calls {
		if err := w.call(x, d); err != nil {
			return err
		}
	}
	return nil
}

// end implements writer.
func (w *blocks) end(x *Exchange) error {
	w.begin(x)
	if w.reading {
		w.last().torn = x.finish == "length"
	}
	if err := w.shut(x); err != nil {
		return err
	}
	if x.Stream {
		return w.to.finish(x, w.all)
	}
	return w.to.whole(x, w.all)
}

func (w *blocks) begin(x *Exchange) {
	if !w.began && x.Stream {
		w.to.begin(x)
	}
	w.began = true
}

// add lets the block at hand grow, or begins one of another kind.
func (w *blocks) add(x *Exchange, kind blockKind, text string) error {
	if text == "" {
		return nil
	}
	if !w.reading || w.last().kind != kind {
		if err := w.start(x, &block{kind: kind}); err != nil {
			return err
		}
	}
	return w.grow(x, text)
}

// call takes in a bit of a tool call. Engines write one call after the other; a bit
// of an earlier one can no longer be told.
func (w *blocks) call(x *Exchange, d callDelta) error {
	k, err := x.calls.add(d)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(w.all, func(b *block) bool { return b.call == k })
	switch {
	case i < 0:
		err = w.start(x, &block{kind: callBlock, call: k})
	case !w.reading || i != len(w.all)-1:
		err = errors.New("the engine mixed up its tool calls")
	}
	if err != nil {
		return err
	}
	return w.grow(x, string(d.Function.Arguments))
}

func (w *blocks) last() *block { return w.all[len(w.all)-1] }

func (w *blocks) start(x *Exchange, b *block) error {
	if err := w.shut(x); err != nil {
		return err
	}
	w.all, w.reading = append(w.all, b), true
	return nil
}

// grow adds text to the last block. A call is told of once it has a name, which
// may come after the first of its arguments.
func (w *blocks) grow(x *Exchange, text string) error {
	b := w.last()
	switch {
	case b.call == nil:
		b.said = append(b.said, text...)
	case b.call.name == "":
		return nil
	}
	if !b.told {
		if err := w.tell(x, b); err != nil {
			return err
		}
		text = b.text()
	}
	if x.Stream && text != "" {
		w.to.grow(x, len(w.all)-1, b, text)
	}
	return nil
}

func (w *blocks) tell(x *Exchange, b *block) error {
	b.told = true
	if b.call != nil {
		if err := x.name(b.call); err != nil {
			return err
		}
	}
	if x.Stream {
		w.to.open(x, len(w.all)-1, b)
	}
	return nil
}

func (w *blocks) shut(x *Exchange) error {
	if !w.reading {
		return nil
	}
	w.reading = false
	b := w.last()
	if !b.told {
		if err := w.tell(x, b); err != nil {
			return err
		}
	}
	if b.call != nil && len(b.call.arguments) == 0 {
		b.call.arguments = []byte("{}")
		if x.Stream {
			w.to.grow(x, len(w.all)-1, b, "{}")
		}
	}
	if x.Stream {
		w.to.shut(x, len(w.all)-1, b)
	}
	return nil
}
