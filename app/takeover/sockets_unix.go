//go:build unix

package takeover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// most sockets that are handed over at once.
const most = 4

func isTaken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// openSocket replaces one that a guard left behind: who has the port is the guard.
func openSocket(ctx context.Context, path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l.(*net.UnixListener), nil
}

// tell sends a message with listeners; they stay open here.
func tell(c *net.UnixConn, m message, listeners []*net.TCPListener) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var descriptors []int
	return eachDescriptor(listeners, func(fd int) { descriptors = append(descriptors, fd) }, func() error {
		var rights []byte
		if len(descriptors) > 0 {
			rights = syscall.UnixRights(descriptors...)
		}
		_, _, err := c.WriteMsgUnix(append(text, '\n'), rights, nil)
		return err
	})
}

// eachDescriptor calls use for the descriptor of each listener, and then done, while
// none of them can be closed. (File would make the socket blocking, for all who
// share it.)
func eachDescriptor(listeners []*net.TCPListener, use func(fd int), done func() error) error {
	if len(listeners) == 0 {
		return done()
	}
	raw, err := listeners[0].SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = raw.Control(func(fd uintptr) {
		use(int(fd)) //nolint:gosec // a descriptor fits
		inner = eachDescriptor(listeners[1:], use, done)
	})
	return errors.Join(err, inner)
}

// hear reads a message, and the listeners that came with it.
func hear(c *net.UnixConn) (m message, all []*net.TCPListener, err error) {
	text, rights := make([]byte, 1<<10), make([]byte, syscall.CmsgSpace(4*most))
	n, rn, _, _, err := c.ReadMsgUnix(text, rights)
	if err != nil {
		return m, nil, err
	}
	if all, err = unpack(rights[:rn]); err != nil {
		return m, nil, err
	}
	if err := json.Unmarshal(text[:n], &m); err != nil {
		return m, nil, errors.Join(fmt.Errorf("answer: %w", err), closeAll(all))
	}
	return m, all, nil
}

func unpack(rights []byte) (all []*net.TCPListener, err error) {
	if len(rights) == 0 {
		return nil, nil
	}
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, fmt.Errorf("sockets: %w", err)
	}
	for _, m := range messages {
		descriptors, err := syscall.ParseUnixRights(&m)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("sockets: %w", err), closeAll(all))
		}
		for _, fd := range descriptors {
			syscall.CloseOnExec(fd)
			f := os.NewFile(uintptr(fd), "listener") //nolint:gosec // a descriptor fits
			l, err := net.FileListener(f)
			err = errors.Join(err, f.Close())
			if err != nil {
				return nil, errors.Join(fmt.Errorf("sockets: %w", err), closeAll(all))
			}
			tcp, ok := l.(*net.TCPListener)
			if !ok {
				return nil, errors.Join(errors.New("sockets: not one of TCP"), l.Close(), closeAll(all))
			}
			all = append(all, tcp)
		}
	}
	return all, nil
}

// inherit takes what Adopt sends.
func inherit(f *os.File) (*net.UnixConn, []*net.TCPListener, error) {
	c, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, nil, errors.Join(errors.New("not a Unix socket"), c.Close())
	}
	_, all, err := hear(u)
	if err == nil && len(all) == 0 {
		err = errors.New("no sockets came")
	}
	if err != nil {
		return nil, nil, errors.Join(err, u.Close())
	}
	return u, all, nil
}
