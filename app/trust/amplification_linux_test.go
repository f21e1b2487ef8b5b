package trust

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// amplifier is a small request, or a small answer, that is to cost much.
type amplifier struct {
	name    string
	path    string
	headers string // of the request, as on the wire
	body    string // of the request; "" = an ordinary one
	chunked bool   // the body is sent byte by byte
	answer  string // of the engine, as on the wire; "" = its own
	slow    bool   // the answer is sent byte by byte
	bad     bool   // the answer is a failure: an engine of which five come in turn rests
}

const (
	tenKiB     = 10 << 10
	ndjsonHead = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n"
	sseHead    = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
	jsonHead   = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
	piece      = `{"message":{"content":"x"},"done":false}` + "\n"
	lastPiece  = `{"message":{"content":""},"done":true}` + "\n"
)

// fill repeats unit up to ten KiB.
func fill(unit string) string { return strings.Repeat(unit, tenKiB/len(unit)) }

// bytewise puts each byte in a chunk of its own.
func bytewise(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.WriteString("1\r\n" + text[i:i+1] + "\r\n")
	}
	return b.String() + end
}

// numbered are headers, each of its own name.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("h" + strconv.FormatInt(int64(i), 36) + ":\r\n")
	}
	return b.String()
}

func amplifiers() []amplifier {
	const chat = "/v1/chat/completions"
	in := func(key, value string) string { return `{"model":"tiny","` + key + `":` + value + `}` }
	list := func(unit string) string { return "[" + strings.TrimSuffix(fill(unit+","), ",") + "]" }
	nested := func(open, end string) string {
		const depth = 190
		one := strings.Repeat(open, depth) + "1" + strings.Repeat(end, depth)
		return list(one)
	}
	return []amplifier{
		{name: "empty messages", path: "/api/chat", body: in("messages", list("{}"))},
		{name: "messages of one word", path: chat, body: in("messages", list(`{"role":"user","content":"x"}`))},
		{name: "parts of a message", path: chat, body: in("messages", `[{"role":"user","content":`+list(`{"type":"text","text":"x"}`)+`}]`)},
		{name: "nested arrays", path: "/api/chat", body: in("messages", nested("[", "]"))},
		{name: "nested objects", path: "/api/chat", body: in("tools", nested(`{"a":`, "}"))},
		{name: "keys", path: "/api/generate", body: `{"prompt":"x",` + fill(`"k":0,`) + `"model":"tiny"}`},
		{name: "options", path: "/api/generate", body: `{"model":"tiny","prompt":"x","options":{` + fill(`"num_ctx":1,`) + `"seed":1}}`},
		{name: "escapes", path: "/api/generate", body: in("prompt", `"`+fill(`\u0041`)+`"`)},
		{name: "texts to embed", path: "/api/embed", body: in("input", list(`"a"`))},
		{name: "empty texts to embed", path: "/v1/embeddings", body: in("input", list(`""`))},
		{name: "brackets", path: "/api/chat", body: fill("[")},
		{name: "a body in chunks of a byte", path: "/api/chat", chunked: true, body: in("messages", list(`{"role":"user","content":"x"}`))},
		{name: "headers of a request", path: "/api/chat", headers: numbered(tenKiB / 6)},
		{name: "equal headers of a request", path: "/api/chat", headers: fill("a:\r\n")},
		{name: "a query of many words", path: "/api/chat?" + fill("a&")},

		{name: "chunks of a byte", path: "/api/chat", slow: true, answer: ndjsonHead + te + "\r\n" + bytewise(strings.Repeat(piece, 40)+lastPiece)},
		{name: "writes of a byte", path: "/api/chat", slow: true, answer: ndjsonHead + "\r\n" + fill(piece) + lastPiece},
		{name: "short lines", path: "/api/chat", answer: ndjsonHead + "\r\n" + fill("{}\n") + lastPiece},
		{name: "empty lines", path: "/api/chat", answer: ndjsonHead + "\r\n" + fill("\n") + lastPiece},
		{name: "one long line", path: "/api/chat", answer: ndjsonHead + "\r\n" + fill("x"), bad: true},
		{name: "a deep line", path: "/api/chat", answer: ndjsonHead + "\r\n" + `{"message":` + fill("["), bad: true},
		{name: "an answer of many keys", path: "/api/chat", answer: jsonHead + "\r\n{" + fill(`"done":0,`) + `"done":true}`},
		{name: "an answer of brackets", path: "/api/chat", answer: jsonHead + "\r\n" + fill("["), bad: true},
		{name: "empty events", path: chat, answer: sseHead + "\r\n" + fill("data:\n\n") + "data: [DONE]\n\n"},
		{name: "fields of one event", path: chat, answer: sseHead + "\r\n" + fill("data:{\n"), bad: true},
		{name: "comments", path: chat, answer: sseHead + "\r\n" + fill(":\n") + "data: [DONE]\n\n"},
		{name: "names of events", path: chat, answer: sseHead + "\r\n" + fill("event:error\n") + "data: [DONE]\n\n"},
		{name: "headers of an answer", path: "/api/chat", answer: ndjsonHead + numbered(tenKiB/6) + "\r\n" + lastPiece},
		{name: "equal headers of an answer", path: "/api/chat", answer: ndjsonHead + fill("a:\r\n") + "\r\n" + lastPiece},
		{name: "hints", path: "/api/chat", answer: fill("HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n") + ndjsonHead + "\r\n" + lastPiece},
		{name: "trailers", path: "/api/chat", answer: ndjsonHead + te + "\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n", len(lastPiece), lastPiece) + numbered(tenKiB/6) + "\r\n"},
	}
}

// adversary is an engine that answers as it is told, byte for byte.
type adversary struct {
	*httptest.Server
	answer atomic.Pointer[amplifier]
}

func newAdversary(t *testing.T) *adversary {
	t.Helper()
	engine := backendstest.New(t)
	a := &adversary{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		how := a.answer.Load()
		if how == nil || how.answer == "" || r.Method != http.MethodPost {
			engine.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		if !how.slow {
			_, _ = io.WriteString(conn, how.answer)
			return
		}
		for i := range len(how.answer) {
			if _, err := io.WriteString(conn, how.answer[i:i+1]); err != nil {
				return
			}
		}
	}))
	t.Cleanup(a.Close)
	return a
}

func Test32_Amplification(t *testing.T) {
	a := newAdversary(t)
	c := prepare(t, "engine.url="+a.URL, "batching.mode=fixed", "batching.max_batch_size=64")
	c.vars = append(c.vars, "GOGC=20") // little garbage, as what is held is asked for
	c.start()
	c.awaitEngine()
	atOnce, rounds := 16, 1
	if isFull() {
		atOnce, rounds = 64, 8
	}
	ordinary := amplifier{name: "ordinary", path: "/api/chat", body: `{"model":"tiny","messages":[{"role":"user","content":"` + fill("word ") + `"}],"options":{"num_predict":100}}`}
	c.amplify(t, ordinary, a, atOnce) // what is set up once is no call's
	const ratio = 100                 // most CPU time of an ordinary call of the same size
	most := int64(1 << 20)            // bytes of memory for each call
	if raced() {
		const shadow = 10 // the race detector keeps more of each byte than the byte
		most *= shadow
	}
	one := c.cost(t, func() { c.repeat(t, ordinary, a, atOnce, 10*rounds) }) / time.Duration(10*rounds*atOnce)
	one = max(one, 50*time.Microsecond) // the clock ticks a hundred times a second
	var dearest, largest string
	var dear float64
	var large int64
	for _, how := range amplifiers() {
		if size := max(len(how.headers)+len(how.body)+len(how.path), len(how.answer)); size > tenKiB+tenKiB/10 {
			t.Fatalf("%s has %d bytes", how.name, size)
		}
		n, kept := how.times(atOnce), int64(0)
		spent := c.cost(t, func() { kept = c.kept(t, func() { c.repeat(t, how, a, n, rounds*atOnce/n) }) / int64(n) }) / time.Duration(rounds*atOnce)
		times := float64(spent) / float64(one)
		t.Logf("%s: %.1f ordinary calls, %d KiB", how.name, times, kept>>10)
		if times > ratio {
			t.Errorf("%s: %v of CPU time, an ordinary call takes %v", how.name, spent, one)
		}
		if kept > most {
			t.Errorf("%s: %d bytes for each of %d", how.name, kept, n)
		}
		if times > dear {
			dear, dearest = times, how.name
		}
		if kept > large {
			large, largest = kept, how.name
		}
	}
	t.Run("HeadersWithoutEnd", func(t *testing.T) {
		const many = 100_000
		how := amplifier{name: "1e5 headers", path: "/api/chat", answer: ndjsonHead + numbered(many) + "\r\n" + lastPiece, bad: true}
		n := how.times(atOnce)
		judged := 0
		kept := c.kept(t, func() {
			for _, got := range c.amplify(t, how, a, n) {
				switch {
				case strings.HasPrefix(got, "HTTP/1.1 502 ") && strings.Contains(got, "too many headers"):
					judged++
				case strings.HasPrefix(got, "HTTP/1.1 503 ") && strings.Contains(got, "times in a row"): // it rests, for these very answers
				default:
					t.Errorf("%.500q", got)
				}
			}
		}) / int64(n)
		if judged == 0 {
			t.Error("no answer was too long")
		}
		if kept > most {
			t.Errorf("%d bytes for each of %d", kept, n)
		}
	})
	t.Run("NamesWithoutEnd", func(t *testing.T) {
		if !isFull() {
			t.Skip("takes a minute: CARPOOL_TRUST=full")
		}
		// Names of models and apps come from clients: what is remembered of them has an end.
		a.answer.Store(nil)
		ask := func(from, to int) {
			for i := from; i < to; i++ {
				body := fmt.Sprintf(`{"model":"model-%d-%s","messages":[{}]}`, i, strings.Repeat("x", 900))
				req, err := http.NewRequest(http.MethodPost, c.url+"/api/chat", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("X-Carpool-App", fmt.Sprintf("app-%d", i))
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
			}
		}
		defer http.DefaultClient.CloseIdleConnections()
		// live is the least that a collection leaves while some hundreds more are asked for.
		live := func(from int) float64 {
			least := math.Inf(1)
			for i := range 20 {
				ask(from+100*i, from+100*(i+1))
				bytes, err := c.metric("go_gc_heap_live_bytes")
				if err != nil {
					t.Fatal(err)
				}
				least = min(least, bytes)
			}
			return least
		}
		const warm, all, most = 10_000, 40_000, 4 << 20
		ask(0, warm)
		before := live(all)
		ask(warm, all)
		grown := live(2*all) - before
		figure(t, 32, fmt.Sprintf("%d names of models of 900 bytes and as many of apps, after %d others", all-warm, warm),
			fmt.Sprintf("after collections %+.0f KiB are left", grown/1024))
		if grown > most {
			t.Errorf("%.0f bytes more", grown)
		}
	})
	figure(t, 32, fmt.Sprintf("%d kinds of requests and answers of 10 KiB that are to cost much, %d at once", len(amplifiers()), atOnce),
		fmt.Sprintf("at most %.0f × the CPU time of an ordinary call of that size (%s), %d KiB of memory each (%s)", dear, dearest, large>>10, largest))
}

// times is how many of a kind may be there at once.
func (a amplifier) times(atOnce int) int {
	if a.bad {
		const few = 4
		return few
	}
	return atOnce
}

// repeat makes calls, so many at once, in rounds, and sees that the engine was asked
// where the call is one for it.
func (c *carpool) repeat(t *testing.T, how amplifier, a *adversary, atOnce, rounds int) {
	t.Helper()
	for range rounds {
		for _, got := range c.amplify(t, how, a, atOnce) {
			if strings.HasPrefix(got, "HTTP/1.1 503") || strings.HasPrefix(got, "HTTP/1.1 429") {
				t.Fatalf("%s is not even tried: %.500q", how.name, got)
			}
		}
		if how.bad {
			c.amplify(t, amplifier{path: "/api/chat"}, a, 1) // a good answer, so that the engine goes on
		}
	}
}

// amplify makes calls of one kind at once and returns the answers as they came.
func (c *carpool) amplify(t *testing.T, how amplifier, a *adversary, atOnce int) []string {
	t.Helper()
	a.answer.Store(&how)
	body := how.body
	if body == "" {
		body = `{"model":"tiny","messages":[{"role":"user","content":"x"}],"stream":true}`
	}
	framed := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	if how.chunked {
		framed = te + "\r\n" + bytewise(body)
	}
	raw := "POST " + how.path + " HTTP/1.1\r\nHost: " + c.addr + "\r\nConnection: close\r\nContent-Type: application/json\r\n" + how.headers + framed
	answers := make([]string, atOnce)
	var all sync.WaitGroup
	for i := range atOnce {
		all.Go(func() {
			conn, err := net.Dial("tcp", c.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			const patience = time.Minute
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(conn, raw) // it may be refused before it is read
			got, err := io.ReadAll(conn)
			if errors.Is(err, os.ErrDeadlineExceeded) || len(got) == 0 {
				t.Errorf("%s: %v after %q", how.name, err, got)
			}
			answers[i] = string(got)
		})
	}
	all.Wait()
	return answers
}

// cost is the CPU time that Carpool takes while f runs, to a hundredth of a second.
func (c *carpool) cost(t *testing.T, f func()) time.Duration {
	t.Helper()
	before := c.cpu(t)
	f()
	return c.cpu(t) - before
}

func (c *carpool) cpu(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	const user, system, tick = 11, 12, 10 * time.Millisecond // places behind the name; proc(5)
	fields := strings.Fields(rest)
	u, _ := strconv.Atoi(fields[user])
	s, _ := strconv.Atoi(fields[system])
	return time.Duration(u+s) * tick
}

// raced reports whether the race detector is in this program, and so in Carpool.
func raced() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// kept is how many bytes of the machine's memory Carpool has at most while f runs,
// above what it had before: garbage counts, too.
func (c *carpool) kept(t *testing.T, f func()) int64 {
	t.Helper()
	before := c.memory("VmRSS")
	c.forgetPeak()
	f()
	return c.memory("VmHWM") - before
}
