//go:build !unix

package backends

import "net"

// inlet is where a connection's bytes come in.
type inlet struct{ conn net.Conn }

func newInlet(c net.Conn) *inlet { return &inlet{c} }

// next waits for bytes and returns them at the head of a block, which is the caller's
// to give back. It has no block if n is 0.
func (i *inlet) next() (b *block, n int, err error) { return readBlock(i.conn) }

// isQuiet cannot tell here: a connection that is closed fails when it is used.
func (i *inlet) isQuiet() bool { return true }
