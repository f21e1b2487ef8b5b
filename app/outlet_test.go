package app

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// paper is a connection on which writes can be counted.
type paper struct {
	net.Conn
	writes []string
	torn   bool
}

func (p *paper) Write(b []byte) (int, error) {
	if p.torn {
		return 0, io.ErrClosedPipe
	}
	p.writes = append(p.writes, string(b))
	return len(b), nil
}

func TestVisitHoldsBack(t *testing.T) {
	write := func(t *testing.T, c net.Conn, all ...string) {
		t.Helper()
		for _, s := range all {
			if n, err := io.WriteString(c, s); err != nil || n != len(s) {
				t.Errorf("%d bytes of %d, %v", n, len(s), err)
			}
		}
	}
	large := strings.Repeat("x", heldSize)
	for _, tt := range []struct {
		name          string
		before, after []string // of Send
		want          []string
	}{
		{"AndWritesAtOnce", []string{"a", "b", "c"}, []string{"d", "e"}, []string{"abc", "d", "e"}},
		{"NoMoreThanItMay", []string{"a", large[1:], "b"}, nil, []string{"a" + large[1:], "b"}},
		{"WhatIsLargerGoesBehindIt", []string{"a", large, "b"}, nil, []string{"a", large, "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &paper{}
			c := &visit{Conn: p}
			c.Hold()
			write(t, c, tt.before...)
			if err := c.Send(); err != nil {
				t.Error(err)
			}
			write(t, c, tt.after...)
			if !slices.Equal(p.writes, tt.want) {
				t.Errorf("%d writes: %.20q", len(p.writes), p.writes)
			}
		})
	}
	t.Run("NothingUnlessItIsAsked", func(t *testing.T) {
		p := &paper{}
		c := &visit{Conn: p}
		write(t, c, "a")
		if err := c.Send(); err != nil || len(p.writes) != 1 {
			t.Errorf("%q, %v", p.writes, err)
		}
	})
	t.Run("AndTellsThatItCouldNotWrite", func(t *testing.T) {
		c := &visit{Conn: &paper{torn: true}}
		c.Hold()
		write(t, c, "a")
		if _, err := io.WriteString(c, large); err == nil {
			t.Error("more than it holds was written")
		}
		c.Hold()
		write(t, c, "a")
		if err := c.Send(); err == nil {
			t.Error("it was sent")
		}
	})
}
