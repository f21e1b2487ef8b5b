package relay

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
)

// client is one connection of the load: one request after the other.
type client struct {
	address string
	conn    net.Conn
	r       *bufio.Reader
	scratch []byte
	chunk   []byte
}

func dial(ctx context.Context, address string) (*client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	const buffer = 4 << 10
	return &client{address: address, conn: conn, r: bufio.NewReaderSize(conn, buffer)}, nil
}

// renew takes a new connection after one that failed.
func (c *client) renew(ctx context.Context) error {
	c.close()
	fresh, err := dial(ctx, c.address)
	if err == nil {
		c.conn = fresh.conn
		c.r.Reset(c.conn)
	}
	return err
}

func (c *client) close() { _ = c.conn.Close() }

// userAgent is what the load calls itself; Carpool finds the process behind it.
const userAgent = "carpool-bench"

// request is the bytes of a POST.
func request(address, path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: "+userAgent+"\r\nContent-Type: application/json\r\n"+
		"Accept: */*\r\nContent-Length: %d\r\n\r\n%s", path, address, len(body), body)
}

// send writes a request and reads its answer, which must be a 200. Each piece of a
// chunked body goes to piece as it comes, valid until piece returns; nil = nobody.
func (c *client) send(request []byte, piece func([]byte)) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	h, err := readHead(c.r, &c.scratch)
	if err != nil {
		return err
	}
	if h.chunked {
		err = c.readChunks(piece)
	} else {
		_, err = c.r.Discard(max(0, h.length))
	}
	if err != nil {
		return err
	}
	if status := bytes.Fields(h.first); len(status) < 2 || string(status[1]) != strconv.Itoa(200) {
		return fmt.Errorf("answered %q", h.first)
	}
	return nil
}

func (c *client) readChunks(piece func([]byte)) error {
	for {
		data, err := readChunk(c.r, c.chunk)
		if err != nil {
			return err
		}
		if len(data) == 0 {
			return nil
		}
		c.chunk = data[:0]
		if piece != nil {
			piece(data)
		}
	}
}
