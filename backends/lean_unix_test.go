//go:build unix

package backends

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestLeanLooksBeforeItAsks has an engine close its idle connection, which must not
// cost a request.
func TestLeanLooksBeforeItAsks(t *testing.T) {
	for name, last := range map[string]string{"Closed": "", "NoisyThenClosed": "HTTP/1.1 408 Request Timeout\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			engine := must(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))
			defer func() { _ = engine.Close() }()
			closed := make(chan bool)
			go func() {
				for {
					c, err := engine.Accept()
					if err != nil {
						return
					}
					r, err := http.ReadRequest(bufio.NewReader(c))
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(c, hello)
					go func() {
						closed <- true // once the answer was read
						_, _ = io.WriteString(c, last)
						_ = c.Close()
						closed <- true
					}()
				}
			}()
			l := newTransport(new(net.Dialer).DialContext, nil, time.Second)
			defer l.CloseIdleConnections()
			for range 3 {
				res, err := l.RoundTrip(must(http.NewRequest(http.MethodPost, "http://"+engine.Addr().String(), strings.NewReader("{}"))))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, res.Body); err != nil {
					t.Fatal(err)
				}
				<-closed
				<-closed
			}
		})
	}
}
