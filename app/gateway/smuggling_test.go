package gateway

import (
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"carpool/batching"
)

// TestSmuggling sends what two servers might cut up differently. The hidden
// request must never reach the engine. A last one behind it has the connection
// end once all that went before is answered.
func TestSmuggling(t *testing.T) {
	hidden := "GET /api/hidden HTTP/1.1\r\nHost: HOST\r\n\r\n"
	last := "GET /api/last HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"
	payloads := map[string]string{
		"CL.TE":                 "POST /api/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: LEN\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"TE.CL":                 "POST /api/x HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nLENX\r\n" + hidden + "\r\n0\r\n\r\n",
		"TE.TE":                 "POST /api/x HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"odd coding":            "POST /api/x HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"space before colon":    "POST /api/x HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths":           "POST /api/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\nContent-Length: LEN\r\n\r\n" + hidden,
		"signed length":         "POST /api/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: +0\r\n\r\n" + hidden,
		"list of lengths":       "POST /api/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0, LEN\r\n\r\n" + hidden,
		"folded header":         "POST /api/x HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: LEN\r\n\r\n0\r\n\r\n" + hidden,
		"bare CR in a header":   "POST /api/x HTTP/1.1\r\nHost: HOST\r\nX: a\rTransfer-Encoding: chunked\r\nContent-Length: LEN\r\n\r\n" + hidden,
		"two hosts":             "GET /api/x HTTP/1.1\r\nHost: HOST\r\nHost: evil\r\n\r\n",
		"NUL in a header":       "GET /api/x HTTP/1.1\r\nHost: HOST\r\nX: a\x00b\r\n\r\n",
		"bad chunk":             "POST /api/x HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + hidden,
		"body of a chunked GET": "GET /api/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: LEN\r\n\r\n" + hidden,
		"h2c":                   "GET /api/x HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
		"HTTP/2 preface":        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"request line of three": "GET /api/x /api/hidden HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"TE in HTTP/1.0":        "POST /api/x HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nContent-Length: LEN\r\n\r\n0\r\n\r\n" + hidden,
	}
	// What two servers would read alike does come through, hidden or not.
	payloads["control"] = "GET /api/x HTTP/1.1\r\nHost: HOST\r\n\r\n" + hidden
	for name, payload := range payloads {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine := newCounter()
			r := newRig(t, engine, Limits{}, batching.Settings{})
			host := strings.TrimPrefix(r.url, "http://")
			size := len(strings.ReplaceAll(hidden, "HOST", host))
			payload := strings.NewReplacer("HOST", host, "LENX", strconv.FormatInt(int64(size), 16), "LEN", strconv.Itoa(size)).Replace(payload + last)
			conn, err := net.Dial("tcp", host)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, payload) // the server may close before all is read
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			answers, err := io.ReadAll(conn)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the connection does not end; answers %q", answers)
			}
			hits, reached := 0, false
			for range len(engine.hits) {
				hit := <-engine.hits
				reached = reached || strings.Contains(hit, "hidden")
				if !strings.Contains(hit, "last") {
					hits++
				}
			}
			if name == "control" {
				if hits != 2 || !reached {
					t.Fatalf("the control made %d hits: the test sees nothing", hits)
				}
				return
			}
			if hits > 1 || reached {
				t.Errorf("%d requests reached the engine, the hidden one: %v; answers %q", hits, reached, answers)
			}
		})
	}
}
