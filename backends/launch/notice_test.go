package launch

import (
	"strings"
	"testing"
)

func TestLogTells(t *testing.T) {
	for _, tt := range []struct {
		line string
		want notice
	}{
		{`time=2026-01-31T12:00:00.000Z level=INFO source=routes.go:1663 msg="server config" env="map[OLLAMA_MULTIUSER_CACHE:false OLLAMA_NUM_PARALLEL:4 OLLAMA_ORIGINS:[http://localhost]]"`, notice{slots: 4}},
		{`time=2026-01-31T12:00:00.000Z level=INFO source=runner.go:1284 msg=load request="{Operation:commit LoraPath:[] Parallel:8 BatchSize:512 FlashAttention:Auto KvSize:32768}"`, notice{slots: 8, load: true}},
		{`time=2025-03-01T12:00:00.000Z level=INFO source=server.go:405 msg="starting llama server" cmd="/usr/bin/ollama runner --model /m/blob --ctx-size 8192 --batch-size 512 --parallel 2 --port 41"`, notice{slots: 2, load: true}},
		{"srv          init: initializing slots, n_slots = 4", notice{slots: 4}},
		{"0.01.000 I srv    load_model: initializing slots, n_slots = 16", notice{slots: 16}},
		{"main: n_parallel is set to auto, using n_parallel = 4 and kv_unified = true", notice{slots: 4}},
		{"Success! Server is now running on port 1234", notice{}},
		{`[GIN] 2026/01/31 - 12:00:00 | 200 | 1.2s | 127.0.0.1 | POST "/api/chat"`, notice{}},

		{"ggml_backend_cuda_buffer_type_alloc_buffer: allocating 8192.00 MiB on device 0: cudaMalloc failed: out of memory", notice{err: true, cause: causeMemory}},
		{`level=ERROR msg="model requires more system memory (40 GiB) than is available"`, notice{err: true, cause: causeMemory}},
		{"Error: listen tcp 127.0.0.1:11434: bind: address already in use", notice{err: true, cause: causePort}},
		{"srv  start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 8080", notice{err: true, cause: causePort}},
		{"llama_model_load: error loading model: invalid magic", notice{err: true, cause: causeModel}},
		{`level=INFO source=sched.go:470 msg="Load failed" error="llama runner process has terminated: exit status 2"`, notice{err: true, cause: causeModel}},
		{`time=2026-01-31T12:00:00.000Z level=ERROR source=server.go:300 msg="post predict" error="EOF"`, notice{err: true}},
		{"Error: could not create directory", notice{err: true}},
		{"0.00.123 E srv    operator(): unable to start", notice{err: true}},
		{"0.00.123 W srv    operator(): no errors so far", notice{}},
		{"OLLAMA_NUM_PARALLEL:99999999999", notice{}},
	} {
		if got := read(tt.line); got != tt.want {
			t.Errorf("%s\ngot %+v, want %+v", tt.line, got, tt.want)
		}
	}
}

// FuzzLogbook writes any text in pieces of any size: what is kept must not depend
// on the pieces.
func FuzzLogbook(f *testing.F) {
	f.Add("one\ntwo\r\n\nthree", 1)
	f.Add("map[OLLAMA_NUM_PARALLEL:4]\n\xff\xfe\nn_slots = 2", 3)
	f.Add(strings.Repeat("long ", 1000)+"\nend", 700)
	f.Add(strings.Repeat("x\n", 300), 5)
	f.Fuzz(func(t *testing.T, text string, piece int) {
		if len(text) > 1<<16 {
			return
		}
		whole := newLogbook("", func(line string) { read(line) })
		_, _ = whole.Write([]byte(text))
		whole.close()
		pieces := newLogbook("", func(string) {})
		for rest := []byte(text); len(rest) > 0; {
			n := min(max(piece, 1), len(rest))
			if got, err := pieces.Write(rest[:n]); got != n || err != nil {
				t.Fatalf("wrote %d of %d, %v", got, n, err)
			}
			rest = rest[n:]
		}
		pieces.close()
		a, b := whole.last(), pieces.last()
		if strings.Join(a, "\n") != strings.Join(b, "\n") {
			t.Errorf("whole %q, in pieces %q", a, b)
		}
		if len(a) > keptLines {
			t.Errorf("%d lines", len(a))
		}
		for _, line := range a {
			if line == "" || strings.ContainsAny(line, "\n") || len(line) > 3*longLine {
				t.Errorf("line %q", line)
			}
		}
	})
}
