package relay

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// What a step of the scripted vLLM takes: a card of a server with a model of some 8
// billion parameters. It is its bound on sequences that makes requests wait there.
const (
	serverModel   = "meta-llama/Llama-3.1-8B-Instruct"
	serverStep    = 12 * time.Millisecond
	serverStream  = 60 * time.Microsecond // more for each stream of the step
	serverPrompt  = 33 * time.Microsecond // more for each token of a prompt that it reads
	serverBlocks  = 28_000                // of the KV memory
	serverBlock   = 16                    // tokens in one
	serverContext = 8192
)

// VLLM serves l as vLLM would that runs so many sequences at once and has a line of
// its own for more, until ctx ends. It speaks chat completions, and tells of itself
// what Carpool reads. Each step gives every running stream a token.
func VLLM(ctx context.Context, l net.Listener, sequences int) error {
	s := &server{sequences: sequences, wake: make(chan struct{}, 1)}
	var stepping sync.WaitGroup
	defer stepping.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stepping.Go(func() { s.run(ctx) })
	return accept(ctx, l, s.serve)
}

// server is the engine of many streams.
type server struct {
	sequences int
	wake      chan struct{}

	mu      sync.Mutex
	line    []*sequence
	running []*sequence
}

// sequence is one chat. Its connection belongs to the steps until done is closed.
type sequence struct {
	*talk
	stream bool
	usage  bool
	prompt int // tokens
	left   int // tokens to come
	whole  int // tokens in all
	err    error
	done   chan struct{}
}

func (s *server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	const buffer = 4 << 10
	t := &talk{conn: conn, r: bufio.NewReaderSize(conn, buffer)}
	for {
		h, err := readHead(t.r, &t.scratch)
		if err == nil {
			err = t.readBody(h)
		}
		if err != nil {
			return // whoever called has left
		}
		words := strings.Fields(string(h.first))
		if len(words) < 2 || s.answer(t, words[1]) != nil {
			return
		}
	}
}

func (s *server) answer(t *talk, path string) error {
	switch path {
	case chatPath:
		return s.chat(t)
	case "/version", "/api/version": // the second so that launch sees that it is there
		return t.answer(jsonType, `{"version":"0.11.0"}`)
	case "/health":
		return t.answer(jsonType, "")
	case "/v1/models":
		return t.answer(jsonType, fmt.Sprintf(`{"object":"list","data":[{"id":%q,"object":"model","created":1764144000,`+
			`"owned_by":"vllm","root":%[1]q,"parent":null,"max_model_len":%d}]}`, serverModel, serverContext))
	case "/metrics":
		return t.answer("text/plain; version=0.0.4; charset=utf-8", s.metrics())
	}
	return t.write("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n" + `{"detail":"Not Found"}`)
}

func (s *server) metrics() string {
	s.mu.Lock()
	running, waiting := len(s.running), len(s.line)
	s.mu.Unlock()
	label := fmt.Sprintf(`{engine="0",model_name=%q}`, serverModel)
	return fmt.Sprintf("# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running%[1]s %[2]d.0\n"+
		"# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting%[1]s %[3]d.0\n"+
		"# TYPE vllm:cache_config_info gauge\nvllm:cache_config_info{block_size=\"%[4]d\",engine=\"0\",num_gpu_blocks=\"%[5]d\"} 1.0\n",
		label, running, waiting, serverBlock, serverBlocks)
}

// chat puts a request in the line and waits for its end.
func (s *server) chat(t *talk) error {
	tokens := numberAfter(t.body, sse.limit)
	const bytesPerToken = 4
	q := &sequence{talk: t, stream: bytes.Contains(t.body, []byte(`"stream":true`)),
		usage: bytes.Contains(t.body, []byte(`"include_usage":true`)), prompt: len(t.body) / bytesPerToken,
		left: tokens, whole: tokens, done: make(chan struct{})}
	s.mu.Lock()
	s.line = append(s.line, q)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	<-q.done
	return q.err
}

// run steps until ctx ends.
func (s *server) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	next := time.Now()
	for {
		length := s.admit()
		if length == 0 {
			select {
			case <-s.wake:
				next = time.Now()
				continue
			case <-ctx.Done():
				s.abandon(ctx.Err())
				return
			}
		}
		next = next.Add(length)
		if now := time.Now(); next.Before(now) {
			next = now // it is not made up for
		}
		timer.Reset(time.Until(next))
		select {
		case <-timer.C:
		case <-ctx.Done():
			s.abandon(ctx.Err())
			return
		}
		s.step()
	}
}

// admit lets in whom it has room for, and tells how long the next step takes; 0 =
// nobody is there.
func (s *server) admit() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	length := serverStep
	for len(s.line) > 0 && len(s.running) < s.sequences {
		q := s.line[0]
		s.line = s.line[1:]
		s.running = append(s.running, q)
		length += time.Duration(q.prompt) * serverPrompt
	}
	if len(s.running) == 0 {
		return 0
	}
	return length + time.Duration(len(s.running))*serverStream
}

// step gives each that runs a token. Only run touches running.
func (s *server) step() {
	var stay []*sequence
	for _, q := range s.running {
		if q.err = q.token(); q.err != nil || q.left == 0 {
			close(q.done)
			continue
		}
		stay = append(stay, q)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = stay
}

// abandon ends all that are there.
func (s *server) abandon(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range append(s.running, s.line...) {
		q.err = err
		close(q.done)
	}
	s.running, s.line = nil, nil
}

// token writes the sequence's next token, and with the last one the end.
func (q *sequence) token() error {
	first := q.left == q.whole
	q.left--
	if !q.stream {
		if q.left > 0 {
			return nil
		}
		return q.answer(jsonType, sse.whole)
	}
	if first {
		if err := q.write("HTTP/1.1 200 OK\r\nContent-Type: " + sse.media + "\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
			return err
		}
	}
	if err := q.chunk(fmt.Sprintf(sse.token, "token ")); err != nil || q.left > 0 {
		return err
	}
	if q.usage {
		end, done, _ := strings.Cut(sse.end, "data: [DONE]")
		if err := q.chunk(fmt.Sprintf(`%sdata: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764144000,"model":%q,"choices":[],`+
			`"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`+"\n\ndata: [DONE]%s", end, serverModel, q.prompt, q.whole, q.prompt+q.whole, done)); err != nil {
			return err
		}
	} else if err := q.chunk(sse.end); err != nil {
		return err
	}
	return q.write("0\r\n\r\n")
}
