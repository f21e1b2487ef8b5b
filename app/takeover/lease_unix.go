//go:build unix

package takeover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	askPatience   = 5 * time.Second
	startPatience = 10 * time.Second
	pause         = 20 * time.Millisecond
)

// Lease is the port, lent by its guard until Release, or until this process ends.
type Lease struct {
	listeners []*net.TCPListener
	conn      *net.UnixConn
	guard     *exec.Cmd // that this process started; nil = another did
	lost      chan struct{}
}

// Take borrows the port from its guard, starting one by command where none runs. It
// waits a moment where another Carpool, which is ending, still has it; then it fails
// with ErrLent.
func Take(ctx context.Context, socket string, command []string) (*Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	var guard *exec.Cmd
	for {
		c, all, err := ask(ctx, socket, askTake)
		if err == nil {
			return newLease(c, all, guard), nil
		}
		switch {
		case errors.Is(err, ErrNoGuard) && guard == nil:
			if guard, err = start(command, nil); err != nil {
				return nil, err
			}
		case !errors.Is(err, ErrNoGuard) && !errors.Is(err, ErrLent), ctx.Err() != nil:
			leave(guard)
			return nil, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// Start has a guard pass connections on though no Carpool runs, and returns when it
// does. One that is there already will do.
func Start(ctx context.Context, socket string, command []string) error {
	l, err := Take(ctx, socket, command)
	if errors.Is(err, ErrLent) {
		return nil
	}
	if err != nil {
		return err
	}
	return l.Release()
}

// End has the guard end, and so gives up the port. It waits a moment for the Carpool
// that has it to let go, then fails with ErrLent. Without a guard it does nothing.
func End(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		c, _, err := ask(ctx, socket, askEnd)
		switch {
		case err == nil:
			// The guard closes its end when all is told, and the port soon after.
			return c.Close()
		case errors.Is(err, ErrNoGuard):
			return nil
		case !errors.Is(err, ErrLent), ctx.Err() != nil:
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func newLease(c *net.UnixConn, all []*net.TCPListener, guard *exec.Cmd) *Lease {
	l := &Lease{listeners: all, conn: c, guard: guard, lost: make(chan struct{})}
	go func() { // it ends with the connection
		_, _ = io.Copy(io.Discard, c)
		close(l.lost)
	}()
	return l
}

// Listeners are the port's. They are the caller's to close, before Release.
func (l *Lease) Listeners() []net.Listener {
	all := make([]net.Listener, len(l.listeners))
	for i, one := range l.listeners {
		all[i] = one
	}
	return all
}

// Lost is closed when the guard has ended. The listeners work on.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Release closes the listeners here and gives the port back: the guard passes on
// what comes from now on, and what already waits in line.
func (l *Lease) Release() error {
	for _, one := range l.listeners {
		_ = one.Close() // they may be
	}
	err := l.conn.Close()
	<-l.lost
	leave(l.guard)
	return err
}

// Adopt starts another guard in the place of one that has ended, with the sockets
// that are still open here.
func (l *Lease) Adopt(socket string, command []string) (*Lease, error) {
	_ = l.conn.Close()
	<-l.lost
	if l.guard != nil {
		_ = l.guard.Wait() // it has ended
		l.guard = nil
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	for _, fd := range pair {
		syscall.CloseOnExec(fd)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), socket), os.NewFile(uintptr(pair[1]), socket) //nolint:gosec // descriptors fit
	defer func() { _ = theirs.Close() }()
	conn, err := net.FileConn(ours)
	if err = errors.Join(err, ours.Close()); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	c := conn.(*net.UnixConn)
	guard, err := start(command, theirs)
	if err == nil {
		_ = theirs.Close() // so that the guard's end is the only one
		err = tell(c, message{}, l.listeners)
	}
	if err == nil {
		_ = c.SetReadDeadline(time.Now().Add(startPatience))
		var spare []*net.TCPListener
		_, spare, err = hear(c) // it guards now
		err = errors.Join(err, closeAll(spare))
		_ = c.SetReadDeadline(time.Time{})
	}
	if err != nil {
		leave(guard)
		return nil, errors.Join(fmt.Errorf("guard: %w", err), c.Close())
	}
	nudge(l.listeners)
	return newLease(c, l.listeners, guard), nil
}

// nudge frees an Accept that began while the guard took its copy of a listener, for
// which Go makes the socket blocking for a moment, for all who share it.
func nudge(listeners []*net.TCPListener) {
	for _, l := range listeners {
		d := net.Dialer{Timeout: askPatience}
		if c, err := d.Dial("tcp", l.Addr().String()); err == nil { //nolint:noctx // bounded by its timeout
			_ = c.Close()
		}
	}
}

// start runs the guard apart from this process and its terminal.
func start(command []string, parent *os.File) (*exec.Cmd, error) {
	if parent != nil {
		command = append(command[:len(command):len(command)], "--adopt")
	}
	cmd := exec.Command(command[0], command[1:]...) //nolint:gosec,noctx // this program; it outlives the one that starts it
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if parent != nil {
		cmd.ExtraFiles = []*os.File{parent}
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	return cmd, nil
}

// Parent is what Adopt gives the guard that it starts.
func Parent() *os.File {
	const first = 3 // after the standard ones
	return os.NewFile(first, "parent")
}

// leave lets a guard live on without who started it.
func leave(guard *exec.Cmd) {
	if guard != nil {
		_ = guard.Process.Release()
	}
}

// ask says one thing to the guard.
func ask(ctx context.Context, socket, what string) (*net.UnixConn, []*net.TCPListener, error) {
	d := net.Dialer{Timeout: askPatience}
	conn, err := d.DialContext(ctx, "unix", socket)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, nil, ErrNoGuard
	}
	if err != nil {
		return nil, nil, fmt.Errorf("guard: %w", err)
	}
	c := conn.(*net.UnixConn)
	_ = c.SetDeadline(time.Now().Add(askPatience))
	err = tell(c, message{Ask: what}, nil)
	var m message
	var all []*net.TCPListener
	if err == nil {
		m, all, err = hear(c)
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		err = ErrNoGuard // it is ending
	case err == nil && m.Error == ErrLent.Error():
		err = ErrLent
	case err == nil && m.Error != "":
		err = errors.New(m.Error)
	case err == nil && what == askTake && len(all) == 0:
		err = errors.New("guard: no sockets came")
	}
	if err != nil {
		return nil, nil, errors.Join(err, closeAll(all), c.Close())
	}
	_ = c.SetDeadline(time.Time{})
	return c, all, nil
}
