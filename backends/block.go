package backends

import (
	"net"
	"sync"
)

const (
	// blockSize is what a connection reads at a time, in bytes: some hundred tokens, if
	// the engine is that far ahead.
	blockSize = 32 << 10
	// smallSize is that of a small block, in bytes. What fits is moved into one, to be
	// looked at: mostly it is a token or two, and where a thousand streams move at once,
	// each may have to wait for a turn with its bytes in hand.
	smallSize = 4 << 10
)

// block is a buffer that a connection has only while bytes lie in it, so that it can be
// a large one.
type block struct{ bytes []byte }

var (
	largeBlocks = sync.Pool{New: func() any { return &block{make([]byte, blockSize)} }}
	smallBlocks = sync.Pool{New: func() any { return &block{make([]byte, smallSize)} }}
)

func largeBlock() *block { return largeBlocks.Get().(*block) }
func smallBlock() *block { return smallBlocks.Get().(*block) }

// giveBack lets others have b. Nobody may look into it any more.
func (b *block) giveBack() {
	if len(b.bytes) == smallSize {
		smallBlocks.Put(b)
	} else {
		largeBlocks.Put(b)
	}
}

// holding returns what is in the first n bytes of b, in a block that is large enough.
// The caller has that for b.
func (b *block) holding(n int) *block {
	if n > smallSize {
		return b
	}
	small := smallBlock()
	copy(small.bytes, b.bytes[:n])
	b.giveBack()
	return small
}

// readBlock reads from a connection that can only be read from, and holds a small block
// while it waits.
func readBlock(c net.Conn) (b *block, n int, err error) {
	b = smallBlock()
	if n, err = c.Read(b.bytes); n == 0 {
		b.giveBack()
		return nil, 0, err
	}
	return b, n, err
}
