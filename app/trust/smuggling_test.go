package trust

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// smuggled is what two servers might cut up differently. In raw, FRONT is the
// path of the request that shows, HIDDEN the request that must not be seen as one,
// LEN and HEX its length, HOST Carpool's address.
type smuggled struct {
	name, raw string
	// sound says that all servers read it as one request, or that what they differ
	// in does not go on: the request behind it may be served.
	sound bool
	// cut says that it leaves the server waiting for more: the client hangs up.
	cut bool
}

const (
	post = "POST FRONT HTTP/1.1\r\nHost: HOST\r\n"
	get  = "GET FRONT HTTP/1.1\r\nHost: HOST\r\n"
	te   = "Transfer-Encoding: chunked\r\n"
	cl   = "Content-Length: LEN\r\n"
	end  = "0\r\n\r\n"
)

var smuggling = []smuggled{
	// Two lengths of one body.
	{name: "CL.TE", raw: post + cl + te + "\r\n" + end + "HIDDEN"},
	{name: "TE.CL", raw: post + te + "Content-Length: 4\r\n\r\nHEX\r\nHIDDEN\r\n" + end},
	{name: "CL.0", raw: post + "Content-Length: 0\r\n" + te + "\r\n" + end + "HIDDEN"},
	{name: "TE.TE, identity last", raw: post + te + "Transfer-Encoding: identity\r\n" + cl + "\r\n" + end + "HIDDEN"},
	{name: "TE.TE, identity first", raw: post + "Transfer-Encoding: identity\r\n" + te + cl + "\r\n" + end + "HIDDEN"},
	{name: "TE twice", raw: post + te + te + "\r\n" + end + "HIDDEN"},
	{name: "two lengths", raw: post + "Content-Length: 0\r\n" + cl + "\r\nHIDDEN"},
	{name: "two lengths, the other way", raw: post + cl + "Content-Length: 0\r\n\r\nHIDDEN"},
	{name: "equal lengths", raw: post + cl + cl + "\r\nHIDDEN", sound: true},
	{name: "a list of lengths", raw: post + "Content-Length: 0, LEN\r\n\r\nHIDDEN"},
	{name: "a list of equal lengths", raw: post + "Content-Length: LEN, LEN\r\n\r\nHIDDEN"},
	{name: "signed length", raw: post + "Content-Length: +0\r\n\r\nHIDDEN"},
	{name: "negative length", raw: post + "Content-Length: -1\r\n\r\nHIDDEN"},
	{name: "hexadecimal length", raw: post + "Content-Length: 0xHEX\r\n\r\nHIDDEN"},
	{name: "exponent", raw: post + "Content-Length: 1e2\r\n\r\nHIDDEN"},
	{name: "octal length", raw: post + "Content-Length: 0LEN\r\n\r\nHIDDEN", sound: true},
	{name: "no length", raw: post + "Content-Length: \r\n\r\nHIDDEN"},
	{name: "length beyond 64 bits", raw: post + "Content-Length: 18446744073709551616\r\n\r\nHIDDEN"},
	{name: "NUL behind a length", raw: post + "Content-Length: 0\x00\r\n\r\nHIDDEN"},
	{name: "length with a fraction", raw: post + "Content-Length: 0.0\r\n\r\nHIDDEN"},
	{name: "folded length", raw: post + "Content-Length:\r\n LEN\r\n\r\nHIDDEN", sound: true},
	// Codings that only one of two knows.
	{name: "odd coding", raw: post + "Transfer-Encoding: xchunked\r\n" + cl + "\r\n" + end + "HIDDEN"},
	{name: "coding in quotes", raw: post + "Transfer-Encoding: \"chunked\"\r\n" + cl + "\r\n" + end + "HIDDEN"},
	{name: "gzip, chunked", raw: post + "Transfer-Encoding: gzip, chunked\r\n\r\n" + end + "HIDDEN"},
	{name: "chunked, identity", raw: post + "Transfer-Encoding: chunked, identity\r\n\r\n" + end + "HIDDEN"},
	{name: "chunked, chunked", raw: post + "Transfer-Encoding: chunked, chunked\r\n\r\n" + end + "HIDDEN"},
	{name: "empty coding", raw: post + "Transfer-Encoding: \r\n" + cl + "\r\n" + end + "HIDDEN"},
	{name: "coding in capitals", raw: post + "TRANSFER-ENCODING: CHUNKED\r\n" + cl + "\r\n" + end + "HIDDEN"},
	{name: "coding behind a tab", raw: post + "Transfer-Encoding:\tchunked\r\n" + cl + "\r\n" + end + "HIDDEN"},
	{name: "coding behind VT", raw: post + "Transfer-Encoding: \x0bchunked\r\n" + cl + "\r\n" + end + "HIDDEN"},
	{name: "coding before FF", raw: post + "Transfer-Encoding: chunked\x0c\r\n" + cl + "\r\n" + end + "HIDDEN"},
	{name: "coding before NUL", raw: post + "Transfer-Encoding: chunked\x00\r\n" + cl + "\r\n" + end + "HIDDEN"},
	{name: "space before the colon", raw: post + "Transfer-Encoding : chunked\r\n\r\n" + end + "HIDDEN"},
	{name: "tab before the colon", raw: post + "Transfer-Encoding\t: chunked\r\n\r\n" + end + "HIDDEN"},
	{name: "folded coding", raw: post + "Transfer-Encoding:\r\n chunked\r\n" + cl + "\r\n" + end + "HIDDEN"},
	{name: "name on two lines", raw: post + "Transfer-Encoding\r\n : chunked\r\n" + cl + "\r\n" + end + "HIDDEN"},
	{name: "coding folded into another header", raw: post + "X: a\r\n Transfer-Encoding: chunked\r\n" + cl + "\r\nHIDDEN", sound: true},
	{name: "underscore", raw: post + "Transfer_Encoding: chunked\r\n" + cl + "\r\nHIDDEN", sound: true},
	{name: "coding of HTTP/1.0", raw: "POST FRONT HTTP/1.0\r\nHost: HOST\r\n" + te + cl + "\r\n" + end + "HIDDEN"},
	{name: "coding kept alive by HTTP/1.0", raw: "POST FRONT HTTP/1.0\r\nHost: HOST\r\nConnection: keep-alive\r\n" + te + cl + "\r\n" + end + "HIDDEN"},
	{name: "coding as a connection's own", raw: post + "Connection: Transfer-Encoding\r\n" + te + "\r\n" + end + "HIDDEN"},
	{name: "length as a connection's own", raw: post + "Connection: Content-Length\r\n" + cl + "\r\nHIDDEN", sound: true},
	{name: "host as a connection's own", raw: post + "Connection: Host, Authorization\r\n" + cl + "\r\nHIDDEN", sound: true},
	// Line ends.
	{name: "bare LF before a coding", raw: post + "X: a\n" + te + cl + "\r\n" + end + "HIDDEN"},
	{name: "bare LF before a length", raw: post + "X: a\n" + cl + "\r\nHIDDEN", sound: true},
	{name: "bare CR before a coding", raw: post + "X: a\r" + te + cl + "\r\n" + end + "HIDDEN"},
	{name: "bare CR before a length", raw: post + "X: a\rContent-Length: 0\r\n" + cl + "\r\nHIDDEN"},
	{name: "bare LFs alone", raw: "GET FRONT HTTP/1.1\nHost: HOST\n\n", sound: true},
	{name: "bare CRs alone", raw: "GET FRONT HTTP/1.1\rHost: HOST\r\r", cut: true},
	{name: "LF CR LF", raw: post + cl + "\n\r\nHIDDEN", cut: true},
	{name: "CR CR LF", raw: post + cl + "\r\r\nHIDDEN", cut: true},
	// Chunks.
	{name: "hidden behind the last chunk", raw: post + te + "\r\n" + end + "HIDDEN"},
	{name: "last chunk without its end", raw: post + te + "\r\n0\r\nHIDDEN"},
	{name: "extension", raw: post + te + "\r\n0;a=b\r\n\r\nHIDDEN"},
	{name: "extension with LF", raw: post + te + "\r\n0;a\nHIDDEN\r\n\r\n"},
	{name: "extension with CR", raw: post + te + "\r\n0;a\rb\r\n\r\nHIDDEN"},
	{name: "extension with a quoted end", raw: post + te + "\r\n0;a=\"\r\n\r\nHIDDEN\"\r\n\r\n"},
	{name: "extension of 16 KiB", raw: post + te + "\r\n0;" + strings.Repeat("a", 16<<10) + "\r\n\r\nHIDDEN"},
	{name: "size ends in LF", raw: post + te + "\r\n0\n\r\nHIDDEN"},
	{name: "chunk ends in LF", raw: post + te + "\r\n1\r\nx\n0\r\n\r\nHIDDEN"},
	{name: "chunk without an end", raw: post + te + "\r\n1\r\nx0\r\n\r\nHIDDEN"},
	{name: "chunk longer than its size", raw: post + te + "\r\n1\r\nxyz\r\n0\r\n\r\nHIDDEN"},
	{name: "bad size", raw: post + te + "\r\nzz\r\nHIDDEN"},
	{name: "size with 0x", raw: post + te + "\r\n0x0\r\n\r\nHIDDEN"},
	{name: "signed size", raw: post + te + "\r\n+0\r\n\r\nHIDDEN"},
	{name: "negative size", raw: post + te + "\r\n-1\r\n\r\nHIDDEN"},
	{name: "size beyond 64 bits", raw: post + te + "\r\n10000000000000000\r\nHIDDEN"},
	{name: "size with an underscore", raw: post + te + "\r\n1_0\r\nHIDDEN"},
	{name: "no size", raw: post + te + "\r\n\r\nHIDDEN"},
	{name: "space before a size", raw: post + te + "\r\n 0\r\n\r\nHIDDEN"},
	{name: "trailer", raw: post + te + "Trailer: X-A\r\n\r\n0\r\nX-A: b\r\n\r\nHIDDEN"},
	{name: "trailer unannounced", raw: post + te + "\r\n0\r\nContent-Length: LEN\r\n\r\nHIDDEN"},
	{name: "length in a trailer", raw: post + te + "Trailer: Content-Length\r\n\r\n0\r\nContent-Length: LEN\r\n\r\nHIDDEN"},
	{name: "host in a trailer", raw: post + te + "Trailer: Host\r\n\r\n0\r\nHost: evil\r\n\r\nHIDDEN"},
	{name: "bad trailer", raw: post + te + "\r\n0\r\nHIDDEN\r\n"},
	// Methods that have no body, for some.
	{name: "body of a GET", raw: get + cl + "\r\nHIDDEN"},
	{name: "chunked body of a GET", raw: get + te + "\r\nHEX\r\nHIDDEN\r\n" + end},
	{name: "body of a HEAD", raw: "HEAD FRONT HTTP/1.1\r\nHost: HOST\r\n" + cl + "\r\nHIDDEN"},
	{name: "body of an OPTIONS", raw: "OPTIONS FRONT HTTP/1.1\r\nHost: HOST\r\n" + cl + "\r\nHIDDEN"},
	{name: "body of a TRACE", raw: "TRACE FRONT HTTP/1.1\r\nHost: HOST\r\n" + cl + "\r\nHIDDEN"},
	{name: "body of an unknown method", raw: "BREW FRONT HTTP/1.1\r\nHost: HOST\r\n" + cl + "\r\nHIDDEN"},
	{name: "body of a DELETE", raw: "DELETE FRONT HTTP/1.1\r\nHost: HOST\r\n" + cl + "\r\nHIDDEN", sound: true},
	{name: "body that breaks off", raw: post + "Content-Length: 100000\r\n\r\nHIDDEN", cut: true},
	// Other protocols.
	{name: "h2c", raw: get + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", sound: true},
	{name: "h2c with a body", raw: post + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n" + cl + "\r\nHIDDEN", sound: true},
	{name: "WebSocket", raw: get + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", sound: true},
	{name: "WebSocket of version 9", raw: get + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 9\r\n" + cl + "\r\nHIDDEN"},
	{name: "HTTP/2 preface", raw: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nHIDDEN"},
	{name: "HTTP/2 preface as HTTP/1.1", raw: "PRI * HTTP/1.1\r\nHost: HOST\r\n\r\n", sound: true},
	{name: "HTTP/0.9", raw: "GET FRONT\r\n\r\nHIDDEN"},
	{name: "HTTP/1.2", raw: "POST FRONT HTTP/1.2\r\nHost: HOST\r\n" + cl + "\r\nHIDDEN", sound: true},
	{name: "HTTP/2.0", raw: "GET FRONT HTTP/2.0\r\nHost: HOST\r\n\r\nHIDDEN"},
	{name: "http/1.1", raw: "GET FRONT http/1.1\r\nHost: HOST\r\n\r\nHIDDEN"},
	{name: "HTTP/01.1", raw: "GET FRONT HTTP/01.1\r\nHost: HOST\r\n\r\nHIDDEN"},
	{name: "TLS", raw: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03HIDDEN"},
	// Targets and request lines.
	{name: "absolute URI", raw: "GET http://HOSTFRONT HTTP/1.1\r\nHost: HOST\r\n\r\n", sound: true},
	{name: "absolute URI of another", raw: "GET http://evil.exampleFRONT HTTP/1.1\r\nHost: HOST\r\n\r\n", sound: true},
	{name: "absolute URI past its host", raw: "GET http://HOSTFRONT HTTP/1.1\r\nHost: evil.example\r\n\r\n", sound: true},
	{name: "CONNECT", raw: "CONNECT evil.example:80 HTTP/1.1\r\nHost: HOST\r\n\r\n", sound: true},
	{name: "CONNECT to a path", raw: "CONNECT FRONT HTTP/1.1\r\nHost: HOST\r\n" + cl + "\r\nHIDDEN"},
	{name: "asterisk", raw: "OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n", sound: true},
	{name: "three words", raw: "GET FRONT /api/hidden HTTP/1.1\r\nHost: HOST\r\n\r\nHIDDEN"},
	{name: "tabs", raw: "GET\tFRONT\tHTTP/1.1\r\nHost: HOST\r\n\r\nHIDDEN"},
	{name: "two spaces", raw: "GET  FRONT HTTP/1.1\r\nHost: HOST\r\n\r\nHIDDEN"},
	{name: "space before the method", raw: " GET FRONT HTTP/1.1\r\nHost: HOST\r\n\r\nHIDDEN"},
	{name: "empty lines before", raw: "\r\n\r\n" + get + "\r\n"},
	{name: "NUL in the method", raw: "GE\x00T FRONT HTTP/1.1\r\nHost: HOST\r\n\r\nHIDDEN"},
	{name: "NUL in the path", raw: "GET FRONT\x00 HTTP/1.1\r\nHost: HOST\r\n\r\nHIDDEN"},
	{name: "LF in the path", raw: "GET FRONT\nX: HTTP/1.1\r\nHost: HOST\r\n\r\nHIDDEN"},
	{name: "a request in the query", raw: "GET FRONT&a=%20HTTP/1.1%0d%0aHost:%20x%0d%0a%0d%0aGET%20/api/hidden HTTP/1.1\r\nHost: HOST\r\n\r\n", sound: true},
	{name: "a request in a path", raw: "GET /api/attack%20HTTP/1.1%0d%0a%0d%0aGET%20/api/hidden?n=NUMBER HTTP/1.1\r\nHost: HOST\r\n\r\n", sound: true},
	// Headers.
	{name: "two hosts", raw: post + "Host: evil.example\r\n" + cl + "\r\nHIDDEN"},
	{name: "folded host", raw: "GET FRONT HTTP/1.1\r\nHost:\r\n HOST\r\n\r\n", sound: true},
	{name: "host of two words", raw: "GET FRONT HTTP/1.1\r\nHost: HOST evil.example\r\n\r\nHIDDEN"},
	{name: "no host", raw: "GET FRONT HTTP/1.1\r\n\r\nHIDDEN"},
	{name: "header before the first", raw: "GET FRONT HTTP/1.1\r\n Host: HOST\r\nHost: HOST\r\n\r\nHIDDEN"},
	{name: "header without a colon", raw: get + "Transfer-Encoding chunked\r\n\r\nHIDDEN"},
	{name: "header without a name", raw: get + ": x\r\n\r\nHIDDEN"},
	{name: "space in a name", raw: post + "Content Length: 0\r\n" + cl + "\r\nHIDDEN"},
	{name: "NUL in a name", raw: post + "Transfer-Encod\x00ing: chunked\r\n" + cl + "\r\nHIDDEN"},
	{name: "NUL in a header", raw: get + "X: a\x00b\r\n\r\nHIDDEN"},
	{name: "high byte in a name", raw: post + "Content-Length\xa0: 0\r\n" + cl + "\r\nHIDDEN"},
	{name: "headers of 80 KiB", raw: get + "X: " + strings.Repeat("a", 80<<10) + "\r\n\r\nHIDDEN"},
	{name: "Expect", raw: post + "Expect: 100-continue\r\n" + cl + "\r\nHIDDEN", sound: true},
	{name: "Expect, chunked", raw: post + "Expect: 100-continue\r\n" + te + cl + "\r\n" + end + "HIDDEN"},
	{name: "Expect of another", raw: post + "Expect: 200-ok\r\n" + cl + "\r\nHIDDEN"},
	{name: "Expect twice", raw: post + "Expect: 100-continue\r\nExpect: x\r\n" + cl + "\r\nHIDDEN", sound: true},
	{name: "hop-by-hop headers", raw: get + "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nProxy-Authorization: x\r\n\r\n", sound: true},
	// The same on what is scheduled: the body is read whole and sent anew.
	{name: "JSON, CL.TE", raw: post + "Content-Length: JSONHID\r\n" + te + "\r\nJSONHEX\r\nJSON\r\n" + end + "HIDDEN"},
	{name: "JSON, hidden behind the last chunk", raw: post + te + "\r\nJSONHEX\r\nJSON\r\n" + end + "HIDDEN"},
	{name: "JSON, trailer", raw: post + te + "Trailer: Host\r\n\r\nJSONHEX\r\nJSON\r\n0\r\nHost: evil\r\n\r\nHIDDEN"},
	{name: "JSON, TE.TE", raw: post + te + "Transfer-Encoding: x\r\n\r\nJSONHEX\r\nJSON\r\n" + end + "HIDDEN"},
}

func Test04_Smuggling(t *testing.T) {
	tap := tapWire(t, backendstest.New(t))
	c := prepare(t, "engine.url="+tap.url, "log.level=debug")
	c.start()
	c.awaitEngine()

	// What two servers read alike does come through, hidden or not: the test sees it.
	c.smuggle(smuggled{name: "control", raw: get + "\r\nHIDDEN"}, 0, "/api/attack")
	type input struct {
		smuggled
		front string
	}
	inputs := []input{{}} // 0 = the control
	for _, front := range []string{"/api/attack", "/api/pull", "/api/chat", "/v1/chat/completions", "/v1/models", "/health"} {
		for _, s := range smuggling {
			inputs = append(inputs, input{s, front})
		}
	}
	const atOnce = 16
	places := make(chan struct{}, atOnce)
	var sent sync.WaitGroup
	for n, in := range inputs[1:] {
		places <- struct{}{}
		sent.Go(func() {
			c.smuggle(in.smuggled, n+1, in.front)
			<-places
		})
	}
	sent.Wait()

	all, err := tap.requests()
	if err != nil {
		t.Fatal(err)
	}
	shown, hidden, behind := make([]int, len(inputs)), make([]int, len(inputs)), make([]int, len(inputs))
	for _, h := range all {
		n, err := strconv.Atoi(h.url.Query().Get("n"))
		switch {
		case err != nil || n >= len(inputs):
			// Carpool's own look at the engine.
		case strings.HasPrefix(h.url.Path, "/api/hidden"):
			hidden[n]++
		case h.url.Path == "/api/behind":
			behind[n]++
		default:
			shown[n]++
		}
	}
	if shown[0] != 1 || hidden[0] != 1 || behind[0] != 1 {
		t.Fatalf("of the control %d, %d and %d requests reached the engine: the test sees nothing", shown[0], hidden[0], behind[0])
	}
	passed, most := 0, 0
	for n, in := range inputs[1:] {
		n++
		passed, most = passed+hidden[n], max(most, shown[n])
		switch {
		case hidden[n] > 0 || shown[n] > 1:
			t.Errorf("%s of %s: %d requests reached the engine, and the hidden one %d times", in.name, in.front, shown[n], hidden[n])
		case !in.sound && shown[n]+behind[n] > 1:
			t.Errorf("%s of %s: the engine was asked, and asked again by what came behind it", in.name, in.front)
		}
	}
	c.stop()
	text, err := os.ReadFile(c.logFile())
	if err != nil {
		t.Fatal(err)
	}
	if said := string(text) + c.notes.String(); strings.Contains(strings.ToLower(said), "panic") {
		t.Errorf("the log tells of a panic: %s", said)
	}
	figure(t, 4, fmt.Sprintf("%d ways to smuggle a request, each on %d routes: %d connections by raw sockets", len(smuggling), (len(inputs)-1)/len(smuggling), len(inputs)-1),
		fmt.Sprintf("%d hidden requests reached the engine, at most %d request of each input did, each by the letter of RFC 9112; no panic", passed, most))
}

// smuggle sends input number n on a connection of its own, with a good request
// behind it, and waits for the connection's end.
func (c *carpool) smuggle(s smuggled, n int, front string) {
	query := "?n=" + strconv.Itoa(n)
	hidden := "GET /api/hidden" + query + " HTTP/1.1\r\nHost: " + c.addr + "\r\n\r\n"
	body := `{"model":"tiny","stream":false,"messages":[{"role":"user","content":"nonce:x"}]}`
	raw := strings.NewReplacer("FRONT", front+query, "HOST", c.addr, "HIDDEN", hidden, "LEN", strconv.Itoa(len(hidden)), "NUMBER", strconv.Itoa(n),
		"JSONHID", strconv.Itoa(len(hidden)+len(body)), "JSONHEX", strconv.FormatInt(int64(len(body)), 16), "JSON", body,
		"HEX", strconv.FormatInt(int64(len(hidden)), 16)).Replace(s.raw)
	raw += "GET /api/behind" + query + " HTTP/1.1\r\nHost: " + c.addr + "\r\nConnection: close\r\n\r\n"
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		c.t.Error(err)
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, raw) // the server may hang up before it has read all
	if s.cut {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	const patience = time.Minute
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if answers, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Errorf("%s of %s: the connection does not end; answers %q", s.name, front, answers)
	}
}
