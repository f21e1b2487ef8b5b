package relay

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// The engine's models.
const (
	quick = "quick" // answers at once
	drip  = "drip"  // a token each dripEvery
	nap   = "nap"   // answers after napTime
	vec   = "vec"   // embeddings, one call at a time
)

const (
	dripEvery = time.Second
	napTime   = 320 * time.Millisecond

	// What a call of embeddings takes: most of it is the call's.
	embedCall = 5 * time.Millisecond
	embedText = 100 * time.Microsecond
)

// Engine serves l as an engine like Ollama would, as fast as a socket can, until ctx
// ends. It also speaks chat completions.
func Engine(ctx context.Context, l net.Listener) error {
	e := &engine{}
	return accept(ctx, l, e.serve)
}

// accept serves each connection to l on a goroutine of its own, until ctx ends.
func accept(ctx context.Context, l net.Listener, serve func(net.Conn)) error {
	context.AfterFunc(ctx, func() { _ = l.Close() })
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		go serve(conn)
	}
}

type engine struct {
	slot sync.Mutex // the one of the embedding model
}

// talk is one connection to the engine.
type talk struct {
	engine  *engine
	conn    net.Conn
	r       *bufio.Reader
	scratch []byte
	body    []byte
	out     []byte
}

func (e *engine) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	const buffer = 4 << 10
	t := &talk{engine: e, conn: conn, r: bufio.NewReaderSize(conn, buffer)}
	for {
		if err := t.next(); err != nil {
			return // whoever called has left
		}
	}
}

// next reads a request and answers it.
func (t *talk) next() error {
	h, err := readHead(t.r, &t.scratch)
	if err != nil {
		return err
	}
	if err := t.readBody(h); err != nil {
		return err
	}
	_, rest, _ := bytes.Cut(h.first, []byte(" "))
	path, _, _ := bytes.Cut(rest, []byte(" "))
	switch string(path) {
	case "/":
		return t.answer("text/plain", "Ollama is running")
	case "/api/version":
		return t.answer(jsonType, `{"version":"0.17.4"}`)
	case "/api/tags":
		return t.answer(jsonType, tags)
	case "/api/ps":
		return t.answer(jsonType, loaded)
	case "/api/show":
		return t.answer(jsonType, `{"details":{},"model_info":{},"capabilities":["completion","embedding"]}`)
	case "/api/chat":
		return t.chat(ndjson)
	case "/v1/chat/completions":
		return t.chat(sse)
	case "/api/embed":
		return t.embed()
	}
	return t.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
}

const jsonType = "application/json; charset=utf-8"

func (t *talk) readBody(h head) error {
	t.body = t.body[:0]
	if h.chunked {
		for {
			piece, err := readChunk(t.r, nil)
			if err != nil || len(piece) == 0 {
				return err
			}
			t.body = append(t.body, piece...)
		}
	}
	n := max(0, h.length)
	if cap(t.body) < n {
		t.body = make([]byte, n)
	}
	t.body = t.body[:n]
	_, err := io.ReadFull(t.r, t.body)
	return err
}

func (t *talk) write(s string) error {
	_, err := io.WriteString(t.conn, s)
	return err
}

func (t *talk) answer(media, body string) error {
	t.out = fmt.Appendf(t.out[:0], "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", media, len(body), body)
	_, err := t.conn.Write(t.out)
	return err
}

// form is how a dialect writes an answer.
type form struct {
	media             string
	token, end, whole string // token has a verb for the text of the token
	limit             []byte // of tokens, before its number
}

var ndjson = form{
	media: "application/x-ndjson",
	token: `{"model":"quick","created_at":"2026-11-26T08:00:00Z","message":{"role":"assistant","content":"%s"},"done":false}` + "\n",
	end: `{"model":"quick","created_at":"2026-11-26T08:00:00Z","message":{"role":"assistant","content":""},"done":true,` +
		`"done_reason":"stop","total_duration":1000000,"load_duration":1000,"prompt_eval_count":100,"prompt_eval_duration":1000,` +
		`"eval_count":8,"eval_duration":1000}` + "\n",
	whole: `{"model":"quick","created_at":"2026-11-26T08:00:00Z","message":{"role":"assistant","content":"One two three four five."},` +
		`"done":true,"done_reason":"stop","total_duration":1000000,"load_duration":1000,"prompt_eval_count":100,` +
		`"prompt_eval_duration":1000,"eval_count":8,"eval_duration":1000}`,
	limit: []byte(`"num_predict":`),
}

var sse = form{
	media: "text/event-stream",
	token: `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764144000,"model":"quick","choices":[{"index":0,` +
		`"delta":{"content":"%s"},"finish_reason":null}]}` + "\n\n",
	end: `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764144000,"model":"quick","choices":[{"index":0,` +
		`"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n",
	whole: `{"id":"chatcmpl-1","object":"chat.completion","created":1764144000,"model":"quick","choices":[{"index":0,"message":` +
		`{"role":"assistant","content":"One two three four five."},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,` +
		`"completion_tokens":8,"total_tokens":108}}`,
	limit: []byte(`"max_tokens":`),
}

// chat answers whole or in a chunk for each token, each written by itself.
func (t *talk) chat(f form) error {
	if bytes.Contains(t.body, []byte(`"`+nap+`"`)) {
		time.Sleep(napTime)
	}
	if !bytes.Contains(t.body, []byte(`"stream":true`)) {
		return t.answer(jsonType, f.whole)
	}
	if err := t.write("HTTP/1.1 200 OK\r\nContent-Type: " + f.media + "\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		return err
	}
	slow := bytes.Contains(t.body, []byte(`"`+drip+`"`))
	for i := range numberAfter(t.body, f.limit) {
		word := "token "
		if slow {
			if i > 0 {
				time.Sleep(dripEvery)
			}
			word = stamp(time.Now())
		}
		if err := t.chunk(fmt.Sprintf(f.token, word)); err != nil {
			return err
		}
	}
	if err := t.chunk(f.end); err != nil {
		return err
	}
	return t.write("0\r\n\r\n")
}

func (t *talk) chunk(s string) error {
	t.out = fmt.Appendf(t.out[:0], "%x\r\n%s\r\n", len(s), s)
	_, err := t.conn.Write(t.out)
	return err
}

// numberAfter is the number behind a mark, 8 if there is none.
func numberAfter(body, mark []byte) int {
	_, rest, _ := bytes.Cut(body, mark)
	end := bytes.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if n, err := strconv.Atoi(string(rest[:max(0, end)])); err == nil {
		return n
	}
	const usual = 8
	return usual
}

// embed answers with a vector for each text, after the time that takes.
func (t *talk) embed() error {
	var ask struct {
		Input json.RawMessage `json:"input"`
	}
	if err := json.Unmarshal(t.body, &ask); err != nil {
		return err
	}
	texts := 1
	if bytes.HasPrefix(bytes.TrimSpace(ask.Input), []byte("[")) {
		var list []string
		if err := json.Unmarshal(ask.Input, &list); err != nil {
			return err
		}
		texts = len(list)
	}
	t.engine.slot.Lock()
	time.Sleep(embedCall + time.Duration(texts)*embedText)
	t.engine.slot.Unlock()
	var b bytes.Buffer
	b.WriteString(`{"model":"vec","embeddings":[`)
	for i := range texts {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]`)
	}
	fmt.Fprintf(&b, `],"total_duration":1000,"load_duration":1000,"prompt_eval_count":%d}`, 8*texts)
	return t.answer(jsonType, b.String())
}

// stamp is a moment inside a token, for whoever reads it on the same machine.
func stamp(now time.Time) string { return "@" + strconv.FormatInt(now.UnixNano(), 10) + "@" }

var errNoStamp = errors.New("no moment in this chunk")

// sinceStamp is how old a chunk is.
func sinceStamp(chunk []byte, now time.Time) (time.Duration, error) {
	_, rest, _ := bytes.Cut(chunk, []byte("@"))
	digits, _, found := bytes.Cut(rest, []byte("@"))
	if !found {
		return 0, errNoStamp
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return time.Duration(now.UnixNano() - n), err
}

var tags, loaded = lists()

func lists() (tags, loaded string) {
	var all, in []string
	for _, name := range []string{quick, drip, nap, vec} {
		entry := fmt.Sprintf(`{"name":"%[1]s","model":"%[1]s","modified_at":"2026-11-26T08:00:00Z","size":1000000,"digest":"%[1]s",`+
			`"details":{"family":"llama"}`, name)
		all = append(all, entry+"}")
		in = append(in, entry+`,"expires_at":"2099-01-01T00:00:00Z","size_vram":1000000,"context_length":4096}`)
	}
	list := func(entries []string) string {
		b, _ := json.Marshal(map[string]json.RawMessage{"models": json.RawMessage("[" + join(entries) + "]")})
		return string(b)
	}
	return list(all), list(in)
}

func join(entries []string) string {
	var b bytes.Buffer
	for i, e := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(e)
	}
	return b.String()
}
