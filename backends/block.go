package backends

import (
	"net"
	"sync"
)

// blockSize is what a connection reads at a time, in bytes: some hundred tokens, if the
// engine is that far ahead.
const blockSize = 32 << 10

// block is a buffer that a connection has only while bytes lie in it, so that it can be
// a large one.
type block [blockSize]byte

var blocks = sync.Pool{New: func() any { return new(block) }}

func takeBlock() *block { return blocks.Get().(*block) }

// giveBack lets others have b. Nobody may look into it any more.
func (b *block) giveBack() { blocks.Put(b) }

// readBlock reads from a connection that has no socket, and holds its block while it
// waits.
func readBlock(c net.Conn) (b *block, n int, err error) {
	b = takeBlock()
	if n, err = c.Read(b[:]); n == 0 {
		b.giveBack()
		return nil, 0, err
	}
	return b, n, err
}
