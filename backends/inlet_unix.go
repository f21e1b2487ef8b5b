//go:build unix

package backends

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// inlet is where a connection's bytes come in. It takes a block once they are there:
// who waits holds none.
type inlet struct {
	conn   net.Conn
	socket syscall.RawConn // nil = it has none
	read   func(fd uintptr) bool

	// Of the latest read.
	block *block
	n     int
	err   error
}

func newInlet(c net.Conn) *inlet {
	i := &inlet{conn: c}
	if s, ok := c.(syscall.Conn); ok {
		i.socket, _ = s.SyscallConn() // without one it is read from as any other
	}
	i.read = i.tryRead // made once, not for each read
	return i
}

// next waits for bytes and returns them at the head of a block, which is the caller's
// to give back. It fails as net.Conn's Read, and has no block then if n is 0.
func (i *inlet) next() (b *block, n int, err error) {
	if i.socket == nil {
		return readBlock(i.conn)
	}
	i.block, i.n, i.err = nil, 0, nil
	if err := i.socket.Read(i.read); err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			op.Op = "read" // not what we read it by
		}
		return nil, 0, err
	}
	b, i.block = i.block, nil
	return b, i.n, i.err
}

// tryRead reads what is there, with as many system calls as net.Conn's Read needs. False
// is for nothing yet.
func (i *inlet) tryRead(fd uintptr) bool {
	b := takeBlock(largeSize)
	for {
		n, err := syscall.Read(int(fd), b.bytes)
		switch {
		case n > 0:
			i.block, i.n = b.holding(n), n
			return true
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			b.giveBack()
			return false
		case err == nil:
			i.err = io.EOF
		default:
			i.err = &net.OpError{Op: "read", Net: i.conn.LocalAddr().Network(), Source: i.conn.LocalAddr(), Addr: i.conn.RemoteAddr(),
				Err: os.NewSyscallError("read", err)}
		}
		b.giveBack()
		return true
	}
}

// isQuiet reports whether the connection is open with nothing to be read from it.
func (i *inlet) isQuiet() bool {
	if i.socket == nil {
		return true
	}
	quiet := false
	err := i.socket.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}
