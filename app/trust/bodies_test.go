package trust

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"carpool/backends/backendstest"
)

const mib = 1 << 20

// zeros never end.
type zeros struct{ sent *atomic.Int64 }

func (z zeros) Read(p []byte) (int, error) {
	clear(p)
	z.sent.Add(int64(len(p)))
	return len(p), nil
}

// prompt is a request of exactly so many bytes.
func prompt(size int) string {
	const head, tail = `{"model":"tiny","prompt":"nonce:big `, `"}`
	return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
}

// post sends a body of any kind and returns what came back. A server that will not
// read it to its end may close the connection before the answer is seen.
func (c *carpool) post(path string, body io.Reader, headers ...string) (status int, text string, err error) {
	req, err := http.NewRequest(http.MethodPost, c.url+path, body)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := plain.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(answer), err
}

// raw sends bytes, closes its sending side if that is asked for, and returns the first
// answer and what came after it until the connection was closed.
func (c *carpool) raw(request string, half bool) (status int, rest string, err error) {
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, "", err
	}
	if half {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return 0, "", err
		}
	}
	from := bufio.NewReader(conn)
	resp, err := http.ReadResponse(from, nil)
	if err != nil {
		return 0, "", err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	after, closed := io.ReadAll(from)
	return resp.StatusCode, string(after), errors.Join(err, resp.Body.Close(), closed)
}

func Test07_Bodies(t *testing.T) {
	needsProc(t)
	largest, together, blob := 1, 24, int64(300*mib) // MiB, MiB, bytes
	if isFull() {
		largest, together, blob = 64, 512, 3<<30
	}
	const crowd = 100
	engine := backendstest.New(t)
	c := begin(t, engine, fmt.Sprint("gateway.max_body_mib=", largest), fmt.Sprint("gateway.max_bodies_mib=", together),
		"batching.mode=fixed", "batching.max_batch_size=256", "queue.reserved_others=0", "embeddings.cache_mib=0")
	t.Run("OverTheLimit", func(t *testing.T) {
		before := engine.Hits()
		status, text, err := c.post("/api/generate", strings.NewReader(prompt(largest*mib+1)))
		if status != http.StatusRequestEntityTooLarge || err != nil || !strings.Contains(text, "gateway.max_body_mib") {
			t.Errorf("one byte over the limit: %d %s %v", status, text, err)
		}
		// A client that is still sending has to get the refusal, not a reset. One that is
		// itself held up for half a second may get one.
		half := fmt.Sprintf("POST /api/generate HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
			c.addr, 2*largest*mib, strings.Repeat("x", 64<<10))
		refused := false
		for tries := 0; tries < 5 && !refused; tries++ {
			status, _, err = c.raw(half, false)
			refused = status == http.StatusRequestEntityTooLarge && err == nil
		}
		if !refused {
			t.Errorf("in the middle of it: %d %v", status, err)
		}
		c.forgetPeak()
		start := c.memory("VmRSS")
		var sent atomic.Int64
		status, text, err = c.post("/api/generate", zeros{&sent})
		if err != nil || status != http.StatusRequestEntityTooLarge {
			t.Errorf("without end: %d %s %v", status, text, err)
		}
		// What is under way in buffers of the system counts as sent.
		if most := int64(largest)*mib + 32*mib; sent.Load() > most {
			t.Errorf("%d bytes were taken of a body without end", sent.Load())
		}
		if grown := c.memory("VmHWM") - start; !raceDetector && grown > int64(3*largest+16)*mib {
			t.Errorf("%d MiB more for a body without end", grown/mib)
		}
		if engine.Hits() != before {
			t.Error("the engine was asked")
		}
	})
	t.Run("LyingLength", func(t *testing.T) {
		const body = `{"model":"tiny","prompt":"nonce:a"}`
		before := engine.Hits()
		c := begin(t, engine, "gateway.slow_client_s=1", "gateway.header_timeout_s=1", "gateway.max_header_kib=8")
		head := "POST /api/generate HTTP/1.1\r\nHost: " + c.addr + "\r\nContent-Type: application/json\r\n"
		for name, tt := range map[string]struct {
			request string
			half    bool
			want    int
		}{
			"too long, and closed":    {head + "Content-Length: 1000\r\n\r\n" + body, true, http.StatusBadRequest},
			"too long, and held open": {head + "Content-Length: 1000\r\n\r\n" + body, false, http.StatusRequestTimeout},
			"too short":               {head + "Content-Length: 20\r\n\r\n" + body, false, http.StatusBadRequest},
			"far too long":            {head + "Content-Length: 9000000000000000\r\n\r\n" + body, false, http.StatusRequestEntityTooLarge},
			"under a long header":     {head + "X-Long: " + strings.Repeat("x", 16<<10) + "\r\nContent-Length: 2\r\n\r\n{}", false, http.StatusRequestHeaderFieldsTooLarge},
			"negative":                {head + "Content-Length: -1\r\n\r\n" + body, false, http.StatusBadRequest},
		} {
			status, rest, err := c.raw(tt.request, tt.half)
			// What is left over may be refused as a request of its own, never answered as one.
			if status != tt.want || err != nil || rest != "" && !strings.HasPrefix(rest, "HTTP/1.1 400 ") {
				t.Errorf("%s: %d %q %v", name, status, rest, err)
			}
		}
		if engine.Hits() != before {
			t.Error("the engine was asked")
		}
	})
	t.Run("PackedBomb", func(t *testing.T) {
		const size = 512 * mib
		c.forgetPeak()
		start := c.memory("VmRSS")
		for encoding, bomb := range map[string][]byte{"gzip": gzipped(t, size), "zstd": zstandard(size)} {
			before := engine.Hits()
			status, text, err := c.post("/api/generate", bytes.NewReader(bomb), "Content-Encoding", encoding)
			// It goes on packed, and is the engine's to refuse.
			last, _ := engine.Last("/api/generate")
			if err != nil || status < 400 || status >= 500 || engine.Hits() != before+1 || last.Size != int64(len(bomb)) {
				t.Errorf("%s: %d %s %v, the engine got %d of %d bytes", encoding, status, text, err, last.Size, len(bomb))
			}
		}
		if grown := c.memory("VmHWM") - start; !raceDetector && grown > 3*int64(largest)*mib+32*mib {
			t.Errorf("%d MiB more for bombs of %d MiB", grown/mib, size/mib)
		}
	})
	t.Run("AHundredAtOnce", func(t *testing.T) {
		// The engine reads no more than the beginning of a large one.
		engine.Always(backendstest.Script{Body: `{"response":"big","done":true}` + "\n", Header: http.Header{"Content-Type": {"application/x-ndjson"}}})
		engine.Hold()
		defer engine.Release()
		body := prompt(largest * mib)
		c.forgetPeak()
		start := c.memory("VmRSS")
		var served, refused, odd atomic.Int64
		var all sync.WaitGroup
		for range crowd {
			all.Go(func() {
				switch status, text, err := c.post("/api/generate", strings.NewReader(body)); {
				case err == nil && status == http.StatusOK && strings.Contains(text, `"response":"big`):
					served.Add(1)
				case err == nil && status == http.StatusServiceUnavailable && strings.Contains(text, "too many request bodies"):
					refused.Add(1)
				default:
					odd.Add(1)
					t.Errorf("%d %.200s %v", status, text, err)
				}
			})
		}
		// Each either waits in the engine or has been refused.
		var most float64
		c.await("all are in the engine or refused", func() error {
			held, err := c.metric("carpool_body_bytes")
			if err != nil {
				return err
			}
			most = max(most, held)
			if n := engine.Running() + int(refused.Load()+odd.Load()); n < crowd {
				return fmt.Errorf("%d of %d", n, crowd)
			}
			return nil
		})
		inFlight := int64(engine.Running()) * int64(len(body))
		// Bodies that came in part were held, too, until there was no room for the rest.
		held := int64(together) * mib
		peak := c.memory("VmHWM") - start
		engine.Release()
		all.Wait()
		if most > float64(together)*mib {
			t.Errorf("%.0f bytes were held, of %d MiB", most, together)
		}
		if served.Load() == 0 || refused.Load() == 0 {
			t.Errorf("%d served, %d refused", served.Load(), refused.Load())
		}
		// Small bodies hide behind what any request takes.
		if slack := int64(32 * mib); !raceDetector && peak > 3*held+slack {
			t.Errorf("%d MiB more for %d MiB of bodies", peak/mib, held/mib)
		}
		c.await("the memory is given back", func() error {
			held, err := c.metric("carpool_body_bytes")
			if held != 0 {
				return fmt.Errorf("%.0f bytes are held", held)
			}
			return err
		})
		figure(t, 7, fmt.Sprintf("%d requests of %d MiB at once, room for %d MiB", crowd, largest, together),
			fmt.Sprintf("%d served, %d refused with 503; %d MiB in flight took %d MiB of memory", served.Load(), refused.Load(), inFlight/mib, peak/mib))
	})
	t.Run("ABlobStreamsThrough", func(t *testing.T) {
		c.forgetPeak()
		start := c.memory("VmRSS")
		const path = "/api/blobs/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		var sent atomic.Int64
		status, text, err := c.post(path, io.LimitReader(zeros{&sent}, blob))
		if last, _ := engine.Last(path); status != http.StatusOK || err != nil || last.Size != blob {
			t.Errorf("%d %s %v, the engine got %d bytes", status, text, err, last.Size)
		}
		peak := c.memory("VmHWM") - start
		if most := int64(16 * mib); !raceDetector && peak > most {
			t.Errorf("%d MiB more", peak/mib)
		}
		figure(t, 7, fmt.Sprintf("an upload of %d MB", blob/1e6), fmt.Sprintf("whole, at most %.1f MiB more memory meanwhile", float64(peak)/mib))
	})
	c.stop()
}

// gzipped is a body that unpacks to so many bytes: members of one MiB each.
func gzipped(t *testing.T, size int) []byte {
	t.Helper()
	var member bytes.Buffer
	w := gzip.NewWriter(&member)
	_, err := w.Write(make([]byte, mib))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(member.Bytes(), size/mib)
}

// zstandard likewise, as blocks that repeat one byte (RFC 8878, 3.1.1.2.2).
func zstandard(size int) []byte {
	const block, repeated = 128 << 10, 1
	packed := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0x58} // no size told, a window of 2 MiB
	for left := size / block; left > 0; left-- {
		last := 0
		if left == 1 {
			last = 1
		}
		header := last | repeated<<1 | block<<3
		packed = append(packed, byte(header), byte(header>>8), byte(header>>16), 0)
	}
	return packed
}
