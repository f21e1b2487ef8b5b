package app

import "sync"

// heldSize is the most that a connection holds back, in bytes: a piece of an answer as
// it is read from an engine (32 KiB), and what net/http puts around it.
const heldSize = 40 << 10

var heldPool = sync.Pool{New: func() any { b := make([]byte, 0, heldSize); return &b }}

// Hold holds back what is written from now on, until Send: net/http writes a piece that
// is larger than its buffer in three, the last one of two bytes. It is for the goroutine
// that writes.
func (c *visit) Hold() {
	if c.held == nil {
		c.held = heldPool.Get().(*[]byte)
	}
}

// Send writes what was held back.
func (c *visit) Send() error {
	if c.held == nil {
		return nil
	}
	err := c.sendHeld()
	heldPool.Put(c.held)
	c.held = nil
	return err
}

// Write implements net.Conn.
func (c *visit) Write(p []byte) (int, error) {
	switch {
	case c.held == nil:
		return c.Conn.Write(p)
	case len(*c.held)+len(p) > heldSize:
		if err := c.sendHeld(); err != nil {
			return 0, err
		}
		return c.Conn.Write(p)
	}
	*c.held = append(*c.held, p...)
	return len(p), nil
}

func (c *visit) sendHeld() error {
	if len(*c.held) == 0 {
		return nil
	}
	_, err := c.Conn.Write(*c.held)
	*c.held = (*c.held)[:0]
	return err
}
