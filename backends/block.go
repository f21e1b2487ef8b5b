package backends

import (
	"net"
	"sync"
)

// Sizes of blocks, in bytes.
const (
	// largeSize is what a connection reads at a time: some hundred tokens, if the engine
	// is that far ahead.
	largeSize = 32 << 10
	// waitSize is the same where a block is held while nothing comes.
	waitSize = 4 << 10
	// smallSize is up to where what came is moved into a block of that size, to be looked
	// at: mostly it is a token or two, and where a thousand streams move at once, each
	// may have to wait for a turn with its bytes in hand.
	smallSize = 1 << 10
)

// block is a buffer that a connection has only while bytes lie in it, so that it can be
// a large one.
type block struct{ bytes []byte }

var blocks = map[int]*sync.Pool{largeSize: poolOf(largeSize), waitSize: poolOf(waitSize), smallSize: poolOf(smallSize)}

func poolOf(size int) *sync.Pool {
	return &sync.Pool{New: func() any { return &block{make([]byte, size)} }}
}

func takeBlock(size int) *block { return blocks[size].Get().(*block) }

// giveBack lets others have b. Nobody may look into it any more.
func (b *block) giveBack() { blocks[len(b.bytes)].Put(b) }

// holding returns what is in the first n bytes of b, in a block that is large enough.
// The caller has that for b.
func (b *block) holding(n int) *block {
	if n > smallSize {
		return b
	}
	small := takeBlock(smallSize)
	copy(small.bytes, b.bytes[:n])
	b.giveBack()
	return small
}

// readBlock reads from a connection that can only be read from, and holds a block while
// it waits.
func readBlock(c net.Conn) (b *block, n int, err error) {
	b = takeBlock(waitSize)
	if n, err = c.Read(b.bytes); n == 0 {
		b.giveBack()
		return nil, 0, err
	}
	return b.holding(n), n, err
}
