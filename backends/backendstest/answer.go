package backendstest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// stamp is the time in every answer, so that equal answers are equal bytes.
const stamp = "2026-01-02T03:04:05.678901Z"

// frames are the pieces of an answer in one dialect.
type frames struct {
	status int    // of a refusal, whose body is whole; 0 = the request is answered
	stream string // content type of a stream
	json   string // content type in one piece
	open   string
	tokens []string // nil = it never streams
	close  string   // what comes before the end mark
	mark   string
	whole  string
	fail   func(status int, message string) string // an error in place of the answer
	broken func(message string) string             // an error inside a stream
	early  bool                                    // an error before the first token is inside the stream, too
}

// answerer says what a request is answered with, if its script lets it.
type answerer func(q Request, s Script) frames

// answers are the inference routes.
var answers = map[string]func(q Request, tokens int) frames{
	"/api/chat":            ollamaAPI(`"message":{"role":"assistant","content":%s}`),
	"/api/generate":        ollamaAPI(`"response":%s`),
	"/v1/chat/completions": openaiAPI("chat.completion.chunk", `"delta":{"role":"assistant","content":%s}`, "chat.completion", `"message":{"role":"assistant","content":%s}`),
	"/v1/completions":      openaiAPI("text_completion", `"text":%s`, "text_completion", `"text":%s`),
	"/v1/responses":        responses,
	"/v1/messages":         messages,
	"/api/embed":           embed,
	"/api/embeddings":      embed,
	"/v1/embeddings":       embed,
}

// word is the text of one token.
func (q Request) word() string {
	if q.Nonce != "" {
		return q.Nonce + " "
	}
	return "word "
}

func (q Request) prompt() int { return max(1, int(q.Size)/4) }

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(b)
}

func ollamaAPI(text string) func(Request, int) frames {
	return func(q Request, tokens int) frames {
		line := func(content string, more string) string {
			return fmt.Sprintf(`{"model":%s,"created_at":"%s",`+text+`,%s}`+"\n", quote(q.Model), stamp, quote(content), more)
		}
		done := fmt.Sprintf(`"done":true,"done_reason":"stop","total_duration":%d,"load_duration":1000000,"prompt_eval_count":%d,"prompt_eval_duration":2000000,"eval_count":%d,"eval_duration":%d`,
			3_000_000+tokens*1_000_000, q.prompt(), tokens, tokens*1_000_000)
		return frames{
			stream: "application/x-ndjson",
			json:   "application/json; charset=utf-8",
			tokens: slices.Repeat([]string{line(q.word(), `"done":false`)}, tokens),
			mark:   line("", done),
			whole:  strings.TrimSuffix(line(strings.Repeat(q.word(), tokens), done), "\n"),
			fail:   func(_ int, m string) string { return `{"error":` + quote(m) + `}` },
			broken: func(m string) string { return `{"error":` + quote(m) + "}\n" },
		}
	}
}

func openaiFail(status int, message string) string {
	kind := "api_error"
	switch status {
	case 400:
		kind = "invalid_request_error"
	case 404:
		kind = "not_found_error"
	}
	return fmt.Sprintf(`{"error":{"message":%s,"type":"%s","param":null,"code":null}}`, quote(message), kind)
}

func openaiAPI(chunkObject, chunkText, object, text string) func(Request, int) frames {
	return func(q Request, tokens int) frames {
		body := func(object, choices, more string) string {
			return fmt.Sprintf(`{"id":"cmpl-1","object":"%s","created":1767323045,"model":%s,"system_fingerprint":"fp_test","choices":[%s]%s}`, object, quote(q.Model), choices, more)
		}
		choice := func(text, content, finish string) string {
			return fmt.Sprintf(`{"index":0,`+text+`,"finish_reason":%s}`, quote(content), finish)
		}
		usage := fmt.Sprintf(`,"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}`, q.prompt(), tokens, q.prompt()+tokens)
		closing := "data: " + body(chunkObject, choice(chunkText, "", `"stop"`), "") + "\n\n"
		if strings.Contains(string(q.Body), "include_usage") {
			closing += "data: " + body(chunkObject, "", usage) + "\n\n"
		}
		return frames{
			stream: "text/event-stream",
			json:   "application/json",
			tokens: slices.Repeat([]string{"data: " + body(chunkObject, choice(chunkText, q.word(), "null"), "") + "\n\n"}, tokens),
			close:  closing,
			mark:   "data: [DONE]\n\n",
			whole:  body(object, choice(text, strings.Repeat(q.word(), tokens), `"stop"`), usage),
			fail:   openaiFail,
			broken: func(m string) string { return "event: error\ndata: " + openaiFail(500, m) + "\n\n" },
		}
	}
}

func event(name, more string) string {
	return fmt.Sprintf("event: %s\ndata: {\"type\":\"%s\"%s}\n\n", name, name, more)
}

func responses(q Request, tokens int) frames {
	text := quote(strings.Repeat(q.word(), tokens))
	answer := func(status, output string) string {
		return fmt.Sprintf(`{"id":"resp_1","object":"response","created_at":1767323045,"status":"%s","model":%s,"output":[%s],"usage":{"input_tokens":%d,"output_tokens":%d,"total_tokens":%d}}`,
			status, quote(q.Model), output, q.prompt(), tokens, q.prompt()+tokens)
	}
	output := `{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":` + text + `,"annotations":[]}]}`
	return frames{
		stream: "text/event-stream",
		json:   "application/json",
		open:   event("response.created", `,"response":`+answer("in_progress", "")),
		tokens: slices.Repeat([]string{event("response.output_text.delta", `,"item_id":"msg_1","output_index":0,"content_index":0,"delta":`+quote(q.word()))}, tokens),
		close:  event("response.output_text.done", `,"item_id":"msg_1","output_index":0,"content_index":0,"text":`+text),
		mark:   event("response.completed", `,"response":`+answer("completed", output)),
		whole:  answer("completed", output),
		fail:   openaiFail,
		broken: func(m string) string { return event("error", `,"message":`+quote(m)) },
	}
}

func messages(q Request, tokens int) frames {
	answer := func(content, stop string, out int) string {
		return fmt.Sprintf(`{"id":"msg_1","type":"message","role":"assistant","model":%s,"content":[%s],"stop_reason":%s,"usage":{"input_tokens":%d,"output_tokens":%d}}`,
			quote(q.Model), content, stop, q.prompt(), out)
	}
	fail := func(m string) string {
		return `{"type":"error","error":{"type":"api_error","message":` + quote(m) + `}}`
	}
	return frames{
		stream: "text/event-stream",
		json:   "application/json",
		open: event("message_start", `,"message":`+answer("", "null", 0)) +
			event("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`),
		tokens: slices.Repeat([]string{event("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":`+quote(q.word())+`}`)}, tokens),
		close: event("content_block_stop", `,"index":0`) +
			event("message_delta", fmt.Sprintf(`,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":%d}`, tokens)),
		mark:   event("message_stop", ""),
		whole:  answer(`{"type":"text","text":`+quote(strings.Repeat(q.word(), tokens))+`}`, `"end_turn"`, tokens),
		fail:   func(_ int, m string) string { return fail(m) },
		broken: func(m string) string { return "event: error\ndata: " + fail(m) + "\n\n" },
	}
}

// Vector is the embedding the engine gives a text: equal texts have equal
// vectors, others have others.
func Vector(text string) []float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // a hash never fails
	v := make([]float64, 4)
	for i := range v {
		v[i] = float64(h.Sum64()>>(16*i)&0xffff) / 0x10000
	}
	return v
}

// embed answers the routes that give vectors; they never stream.
func embed(q Request, _ int) frames {
	var body struct {
		Input  any
		Prompt string
	}
	_ = json.Unmarshal(q.Body, &body) // what is not JSON has no texts
	var texts []string
	switch in := body.Input.(type) {
	case string:
		texts = []string{in}
	case []any:
		for _, t := range in {
			texts = append(texts, fmt.Sprint(t))
		}
	}
	vectors := make([]string, len(texts))
	for i, t := range texts {
		vectors[i] = vector(t)
	}
	f := frames{json: "application/json; charset=utf-8", fail: func(_ int, m string) string { return `{"error":` + quote(m) + `}` }}
	path, _, _ := strings.Cut(q.Path, "?")
	switch path {
	case "/api/embeddings":
		f.whole = `{"embedding":` + vector(body.Prompt) + `}`
	case "/api/embed":
		f.whole = fmt.Sprintf(`{"model":%s,"embeddings":[%s],"total_duration":3000000,"load_duration":1000000,"prompt_eval_count":%d}`, quote(q.Model), strings.Join(vectors, ","), q.prompt())
	default:
		for i := range vectors {
			vectors[i] = fmt.Sprintf(`{"object":"embedding","embedding":%s,"index":%d}`, vectors[i], i)
		}
		f.json, f.fail = "application/json", openaiFail
		f.whole = fmt.Sprintf(`{"object":"list","data":[%s],"model":%s,"usage":{"prompt_tokens":%d,"total_tokens":%d}}`, strings.Join(vectors, ","), quote(q.Model), q.prompt(), q.prompt())
	}
	return f
}

func vector(text string) string {
	b, err := json.Marshal(Vector(text))
	if err != nil {
		panic(err) // numbers always marshal
	}
	return string(b)
}
