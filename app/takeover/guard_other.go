//go:build !unix

package takeover

import (
	"context"
	"net"
	"os"
)

// Options are a guard's.
type Options struct {
	Socket string
	Record Record
	Gone   func() bool
	Parent *os.File
}

// Serve fails: sockets cannot be lent here.
func Serve(context.Context, Options) error { return ErrUnsupported }

// Lease is never had here.
type Lease struct{}

// Take fails.
func Take(context.Context, string, []string) (*Lease, error) { return nil, ErrUnsupported }

// Start fails.
func Start(context.Context, string, []string) error { return ErrUnsupported }

// End has nothing to end.
func End(context.Context, string) error { return nil }

// Listeners are none.
func (*Lease) Listeners() []net.Listener { return nil }

// Lost never comes.
func (*Lease) Lost() <-chan struct{} { return nil }

// Release does nothing.
func (*Lease) Release() error { return nil }

// Adopt fails.
func (*Lease) Adopt(string, []string) (*Lease, error) { return nil, ErrUnsupported }

// Parent is none.
func Parent() *os.File { return nil }
