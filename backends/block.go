package backends

import (
	"net"
	"sync"
)

const (
	// blockSize is what a connection reads at a time, in bytes: some hundred tokens, if
	// the engine is that far ahead.
	blockSize = 32 << 10
	// smallSize is up to where what came is moved, to be looked at, into a buffer of that
	// size: mostly it is a token or two. Where a thousand streams move at once, each may
	// have to wait for a turn with its bytes in hand.
	smallSize = 2 << 10
)

// block is a buffer that a connection has only while bytes lie in it, so that it can be
// a large one.
type block struct {
	bytes []byte
	pool  *sync.Pool
}

var largeBlocks, smallBlocks sync.Pool

func init() {
	for pool, size := range map[*sync.Pool]int{&largeBlocks: blockSize, &smallBlocks: smallSize} {
		pool.New = func() any { return &block{make([]byte, size), pool} }
	}
}

func takeBlock() *block { return largeBlocks.Get().(*block) }

// giveBack lets others have b. Nobody may look into it any more.
func (b *block) giveBack() { b.pool.Put(b) }

// holding returns what is in the first n bytes of b, in a block that is large enough.
// The caller has that for b.
func (b *block) holding(n int) *block {
	if n > smallSize {
		return b
	}
	small := smallBlocks.Get().(*block)
	copy(small.bytes, b.bytes[:n])
	b.giveBack()
	return small
}

// readBlock reads from a connection that has no socket, and holds a large block while it
// waits.
func readBlock(c net.Conn) (b *block, n int, err error) {
	b = takeBlock()
	if n, err = c.Read(b.bytes); n == 0 {
		b.giveBack()
		return nil, 0, err
	}
	return b.holding(n), n, err
}
