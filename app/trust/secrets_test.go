package trust

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// secrets are words that are nowhere else, by what they stand for.
var secrets = map[string]string{
	"prompt": "canary0prompt7f3a", "system prompt": "canary1system7f3a", "answer": "canary2answer7f3a", "arguments of a tool": "canary3arguments7f3a",
	"result of a tool": "canary4result7f3a", "image": "canary5image7f3a", "embedded text": "canary6embed7f3a", "engine's error": "canary7error7f3a",
	"key of an app": "canary8appkey7f3a", "key of an engine": "canary9enginekey7f3a", "unknown key": "canary10unknown7f3a", "cookie": "canary11cookie7f3a",
	"query": "canary12query7f3a", "header of an engine": "canary13header7f3a", "broken body": "canary14broken7f3a", "broken header": "canary15badheader7f3a",
	"wrong token": "canary16wrongtoken7f3a", "upload": "canary17upload7f3a", "garbage of an engine": "canary18garbage7f3a",
}

// leaks are the secrets in a text, as they are or as bytes are often written.
func leaks(text []byte, of map[string]string) (found []string) {
	for what, word := range of {
		forms := []string{word, hex.EncodeToString([]byte(word))}
		const group = 3 // bytes that base64 writes as one
		for skip := range group {
			body := word[skip : len(word)-(len(word)-skip)%group]
			forms = append(forms, base64.RawStdEncoding.EncodeToString([]byte(body)))
		}
		if slices.ContainsFunc(forms, func(form string) bool { return bytes.Contains(text, []byte(form)) }) {
			found = append(found, what)
		}
	}
	slices.Sort(found)
	return found
}

// secretCalls are calls of every dialect that carry all of them.
func secretCalls() map[string]string {
	image := base64.StdEncoding.EncodeToString([]byte("\x89PNG " + secrets["image"]))
	say := secrets["prompt"] + " nonce:" + secrets["answer"]
	system, arguments, result := secrets["system prompt"], secrets["arguments of a tool"], secrets["result of a tool"]
	tool := `{"type":"function","function":{"name":"f","description":"` + system + `","parameters":{"type":"object"}}}`
	called := `{"role":"assistant","content":"","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":%s}}]},{"role":"tool","tool_call_id":"1","content":"` + result + `"},`
	return map[string]string{
		"/api/generate":   `{"model":"tiny","system":"` + system + `","prompt":"` + say + `","images":["` + image + `"],"options":{"stop":["` + arguments + `"]}`,
		"/api/chat":       `{"model":"tiny","tools":[` + tool + `],"messages":[` + fmt.Sprintf(called, `{"x":"`+arguments+`"}`) + `{"role":"user","content":"` + say + `","images":["` + image + `"]}]`,
		"/api/embed":      `{"model":"embed","input":["` + secrets["embedded text"] + `"]`,
		"/api/embeddings": `{"model":"embed","prompt":"` + secrets["embedded text"] + `"`,
		"/v1/chat/completions": `{"model":"tiny","user":"` + system + `","tools":[` + tool + `],"messages":[` + fmt.Sprintf(called, `"{\"x\":\"`+arguments+`\"}"`) +
			`{"role":"user","content":[{"type":"text","text":"` + say + `"},{"type":"image_url","image_url":{"url":"data:image/png;base64,` + image + `"}}]}]`,
		"/v1/completions": `{"model":"tiny","prompt":"` + say + `","suffix":"` + result + `"`,
		"/v1/embeddings":  `{"model":"embed","input":"` + secrets["embedded text"] + `"`,
		"/v1/responses":   `{"model":"tiny","instructions":"` + system + `","input":"` + say + `"`,
		"/v1/messages": `{"model":"tiny","max_tokens":9,"system":"` + system + `","metadata":{"user_id":"` + result + `"},"messages":[{"role":"user","content":[{"type":"text","text":"` + say +
			`"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + image + `"}}]}]`,
	}
}

// mishaps are what an engine does to a call, good answers among them.
func mishaps() []backendstest.Script {
	text, header := secrets["engine's error"]+" of: "+secrets["prompt"], http.Header{"X-Note": {secrets["header of an engine"]}}
	broken := http.Header{"Content-Type": {"application/json"}, "X-Note": {secrets["header of an engine"]}}
	return []backendstest.Script{
		{Header: header},
		{Status: 500, Error: text, Header: header}, {Status: 400, Error: text}, {Status: 404, Error: text}, {Status: 413, Error: text},
		{Status: 500, Error: "out of memory: " + text},
		{End: backendstest.Error, At: 2, Error: text}, {End: backendstest.Reset}, {End: backendstest.Reset, At: 2}, {End: backendstest.Close, At: 2},
		{End: backendstest.NoMark}, {End: backendstest.Garbage}, {End: backendstest.Garbage, At: 2},
		{Body: `{"x":"` + secrets["garbage of an engine"], Header: broken}, {Body: secrets["garbage of an engine"]},
	}
}

// Test31_Secrets sends words that must stay nowhere, in every dialect and through
// every mishap, and then reads all that Carpool has written.
func Test31_Secrets(t *testing.T) {
	engine := backendstest.New(t)
	c := prepare(t, "engine.url="+engine.URL, "log.level=debug", "batching.mode=fixed", "batching.max_batch_size=2", "batching.cancel_grace_ms=0",
		"apps.keys="+secrets["key of an app"]+"=Chat", "engines.keys="+secrets["key of an engine"]+"=ollama")
	c.configure("gateway.lan=" + asNetwork(t, c))
	c.start()
	c.await("it is open", func() error {
		status, body, err := send("GET", c.url+"/health", "")
		if !strings.Contains(body, `"listening":true`) || !strings.Contains(body, `"health":"up"`) {
			return fmt.Errorf("%d %s, %w", status, body, err)
		}
		return nil
	})
	token := strings.TrimSpace(c.do("lan", "token"))
	all := maps.Clone(secrets)
	all["token"] = token

	keys := [][]string{
		{"Authorization", "Bearer " + secrets["key of an app"]},
		{"X-Api-Key", secrets["key of an app"], "Cookie", "session=" + secrets["cookie"]},
		{"Authorization", "Bearer " + secrets["unknown key"], "Proxy-Authorization", "Basic " + secrets["unknown key"]},
		{"Authorization", "Bearer " + token}, {"X-Api-Key", token},
	}
	calls, n := secretCalls(), 0
	var answered strings.Builder
	routes := slices.Sorted(maps.Keys(calls))
	rounds, forms := 1, []string{"true"}
	if isFull() {
		rounds, forms = 20, []string{"true", "false"}
	}
	for range rounds {
		for _, script := range mishaps() {
			for _, route := range routes {
				if !isFull() {
					forms[0] = fmt.Sprint(n%4 == 0) // n grows by 2
				}
				for _, stream := range forms {
					// A good answer between keeps the engine from being rested.
					for _, s := range []backendstest.Script{script, {}} {
						engine.Script(s)
						_, body, _ := send("POST", c.url+route+"?key="+secrets["query"], calls[route]+`,"stream":`+stream+"}", keys[n%len(keys)]...) // it may break off
						answered.WriteString(body)
						n++
					}
				}
			}
		}
	}
	for _, what := range []string{"answer", "engine's error"} {
		if !strings.Contains(answered.String(), secrets[what]) {
			t.Errorf("no client was given the %s: nothing is proved", what)
		}
	}
	oddCalls(t, c, token, &n)
	shown := map[string][]byte{}
	for _, path := range []string{"/health", "/metrics"} {
		_, body, err := send("GET", c.url+path, "")
		if err != nil {
			t.Error(err)
		}
		shown["GET "+path] = []byte(body)
	}
	for _, command := range [][]string{{"status", "--json"}, {"status"}, {"config"}, {"history", "--json"}, {"history", "decisions", "--json"}, {"history", "export", filepath.Join(c.home, "export")}, {"engine"}, {"connect"}, {"lan"}} {
		shown["carpool "+strings.Join(command, " ")], _ = c.command(command...).CombinedOutput()
	}

	// The crash: with calls in the engine and in the queue, once it is asked again
	// after all that.
	c.await("the engine is asked again", func() error {
		if status, body, err := send("POST", c.url+"/api/chat", calls["/api/chat"]+"}"); status != http.StatusOK {
			return fmt.Errorf("%d %s, %w", status, body, err)
		}
		return nil
	})
	engine.Hold()
	var flying sync.WaitGroup
	for i, route := range []string{"/api/chat", "/v1/messages", "/v1/responses", "/v1/chat/completions"} {
		flying.Go(func() { _, _, _ = send("POST", c.url+route, calls[route]+"}", keys[i]...) }) // the crash ends it
		n++
	}
	engine.Next()
	c.signal(syscall.SIGQUIT)
	if err := c.wait(time.Minute); err == nil {
		t.Error("it ended well with SIGQUIT")
	}
	flying.Wait()
	engine.Release()
	dump := c.notes.Bytes()
	if !bytes.Contains(dump, []byte("goroutine ")) || !bytes.Contains(dump, []byte("gateway.(*call)")) {
		t.Errorf("there is no dump with calls in it: %s", dump)
	}
	shown["what a crash prints"] = slices.Clone(dump)
	files := scan(t, c, all)
	c.start() // it mends its history
	c.await("it serves again", func() error { return c.health(&struct{}{}) })
	c.stop()
	shown["what it prints"] = c.notes.Bytes()
	files += scan(t, c, all)

	for what, text := range shown {
		if found := leaks(text, all); len(found) > 0 {
			t.Errorf("%s tells: %v", what, found)
		}
	}
	if rows := len(c.rows()); rows < n/2 {
		t.Errorf("%d rows of %d calls", rows, n)
	}
	figure(t, 31, fmt.Sprintf("%d words in prompts, answers, tools, images, errors, keys; %d calls in %d dialects' routes through %d mishaps, the log at debug, a SIGQUIT amid calls",
		len(all), n, len(routes), len(mishaps())), fmt.Sprintf("none of them in %d files, the output of 9 commands, /health, /metrics and the crash's dump; keys in the settings alone, the token in its file", files))
}

// oddCalls have secrets where none belong.
func oddCalls(t testing.TB, c *carpool, token string, n *int) {
	t.Helper()
	post := func(url, body string, headers ...string) {
		t.Helper()
		if _, _, err := send("POST", url, body, headers...); err != nil {
			t.Error(err)
		}
		*n++
	}
	broken := secrets["broken body"]
	for _, body := range []string{broken, `{"model":"tiny","prompt":` + broken, `{"model":"tiny","stream":"` + broken + `"}`, `{"model":"tiny","model":"` + broken + `"}`,
		`{"model":"tiny","prompt":"` + broken + "\x00\"}", `{"model":"tiny","max_tokens":"` + broken + `"}`, `["` + broken + `"]`} {
		for _, route := range []string{"/api/chat", "/v1/chat/completions", "/v1/messages"} {
			post(c.url+route, body)
		}
	}
	post(c.url+"/api/show", `{"model":"tiny","x":"`+secrets["upload"]+`"}`)
	post(c.url+"/api/blobs/sha256:0a", secrets["upload"])
	post(c.url+"/api/pull", `{"model":"tiny","password":"`+secrets["upload"]+`"}`)
	network := "http://" + asNetwork(t, c)
	post(network+"/api/chat", `{"prompt":"`+broken+`"}`, "Authorization", "Bearer "+secrets["wrong token"])
	post(network+"/api/pull", `{"model":"`+broken+`"}`, "Authorization", "Bearer "+token)
	for _, request := range []string{
		"GET /health HTTP/1.1\r\nHost: " + secrets["broken header"] + "\r\n\r\n",
		"GET /health HTTP/1.1\r\n" + secrets["broken header"] + "\r\n\r\n",
		"POST /api/chat HTTP/1.1\r\nHost: " + c.addr + "\r\nContent-Length: 1e9\r\nX: " + secrets["broken header"] + "\r\n\r\n",
		"\x16\x03\x01\x02\x00" + secrets["broken header"] + "\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(conn, request)
		if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
			_ = tcp.CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
		}
		_ = conn.Close()
	}
}

// scan reads all files of a Carpool, and returns how many those are. Secrets are in
// those alone that are there for them.
func scan(t testing.TB, c *carpool, all map[string]string) (files int) {
	t.Helper()
	home := map[string][]string{
		c.configFile():                           {"key of an app", "key of an engine"},
		c.configFile() + ".bak":                  {"key of an app", "key of an engine"},
		filepath.Join(c.stateDir(), "lan-token"): {"token"},
	}
	seen := map[string]bool{}
	err := filepath.WalkDir(c.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		seen[path] = true
		if found := leaks(text, all); !slices.Equal(found, home[path]) {
			t.Errorf("%s holds %v, and may hold %v", path, found, home[path])
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, path := range append(slices.Collect(maps.Keys(home)), c.logFile(), filepath.Join(c.stateDir(), "history.db")) {
		if !seen[path] {
			t.Errorf("%s was not looked into", path)
		}
	}
	return files
}
