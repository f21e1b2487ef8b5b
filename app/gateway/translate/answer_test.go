package translate

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// began is when requests of tests were sent.
var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// stream writes events as an engine does.
func stream(data ...string) string {
	var b strings.Builder
	for _, d := range data {
		b.WriteString("data: " + d + "\n\n")
	}
	return b.String()
}

// delta is an event with a bit of an answer.
func bit(delta string) string {
	return `{"id":"chatcmpl-a1","choices":[{"index":0,"delta":` + delta + `,"finish_reason":null}]}`
}

// last is an event with the reason to end, and one with what it cost.
func last(finish string) []string {
	return []string{`{"choices":[{"index":0,"delta":{},"finish_reason":"` + finish + `"}]}`,
		`{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}}`, "[DONE]"}
}

const (
	askChat      = `{"model":"m:x","messages":[{"role":"user","content":"hi"}],"stream":STREAM}`
	askGenerate  = `{"model":"m:x","prompt":"hi","stream":STREAM}`
	askMessages  = `{"model":"m:x","max_tokens":9,"messages":[{"role":"user","content":"hi there"}],"stop_sequences":["END"],"stream":STREAM}`
	askResponses = `{"model":"m:x","input":"hi","stream":STREAM}`
)

func exchange(t testing.TB, route, body string, stream bool) *Exchange {
	t.Helper()
	x, err := Ask(route, []byte(strings.ReplaceAll(body, "STREAM", strconv.FormatBool(stream))), "e", Engine{Kind: LlamaCPP})
	if err != nil {
		t.Fatal(err)
	}
	x.Began(began)
	return x
}

// play feeds an answer in pieces of n bytes, one second after the request, and
// ends it a second later.
func play(x *Exchange, answer string, n int) (string, error) {
	var out strings.Builder
	var failed error
	for len(answer) > 0 && failed == nil {
		p, err := x.Feed([]byte(answer[:min(n, len(answer))]), began.Add(time.Second))
		out.Write(p)
		failed, answer = err, answer[min(n, len(answer)):]
	}
	p, err := x.Close(began.Add(2 * time.Second))
	out.Write(p)
	if failed != nil {
		err = failed
	}
	return out.String(), err
}

// answers are what engines say; each is told in every dialect.
var answers = []struct {
	name   string
	stream string
	whole  string
}{
	{"Text", stream(append([]string{bit(`{"role":"assistant","content":""}`), bit(`{"content":"Hel"}`), bit(`{"content":"lo <b>\u00e9"}`)}, last("stop")...)...),
		`{"id":"chatcmpl-a1","choices":[{"index":0,"message":{"role":"assistant","content":"Hello <b>\u00e9"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}}`},
	{"ThinkingAndTwoCalls", stream(append([]string{bit(`{"reasoning_content":"h"}`), bit(`{"reasoning_content":"m","reasoning":"m"}`), bit(`{"content":"I call"}`),
		bit(`{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}`),
		bit(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}`), bit(`{"tool_calls":[{"index":0,"function":{"arguments":" 12345678901234567890}"}}]}`),
		bit(`{"tool_calls":[{"index":1,"id":"c2","function":{"name":"g"}}]}`)}, last("tool_calls")...)...),
		`{"id":"chatcmpl-a1","choices":[{"index":0,"message":{"reasoning":"hm","content":"I call","tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{\"a\": 12345678901234567890}"}},{"id":"c2","function":{"name":"g","arguments":""}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":7,"completion_tokens":3}}`},
	{"ThinkingThenCallWithoutId", stream(append([]string{bit(`{"reasoning":"hm"}`), bit(`{"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}`)}, last("stop")...)...),
		`{"id":"chatcmpl-a1","choices":[{"message":{"content":null,"reasoning":"hm","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"finish_reason":"stop"}]}`},
	{"CutOffInACall", stream(append([]string{bit(`{"tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"{\"a"}}]}`)}, last("length")...)...),
		`{"id":"chatcmpl-a1","choices":[{"message":{"tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{\"a"}}]},"finish_reason":"length"}],"usage":{"prompt_tokens":7,"completion_tokens":3}}`},
	{"Empty", stream(last("stop")...), `{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}`},
	{"AStopSequence", stream(bit(`{"content":"x"}`), `{"choices":[{"index":0,"delta":{},"finish_reason":"stop","stop_reason":"END"}]}`, "[DONE]"),
		`{"id":"chatcmpl-a1","choices":[{"message":{"content":"x"},"finish_reason":"stop","stop_reason":"END"}]}`},
	{"TimingsOfLlamaCPP", stream(bit(`{"content":"x"}`), `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"timings":{"prompt_n":5,"cache_n":2,"prompt_ms":1.5,"predicted_n":3,"predicted_ms":20}}`, "[DONE]"),
		`{"id":"chatcmpl-a1","choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"timings":{"prompt_n":5,"cache_n":2,"prompt_ms":1.5,"predicted_n":3,"predicted_ms":20}}`},
	{"Logprobs", stream(append([]string{`{"id":"chatcmpl-a1","choices":[{"index":0,"delta":{"content":"x"},"logprobs":{"content":[{"token":"x","logprob":-0.5,"bytes":[120],"top_logprobs":[{"token":"y","logprob":-1}]}]}}]}`}, last("stop")...)...),
		`{"id":"chatcmpl-a1","choices":[{"message":{"content":"x"},"logprobs":{"content":[{"token":"x","logprob":-0.5}]},"finish_reason":"stop"}]}`},
	{"Completion", stream(append([]string{`{"id":"cmpl-a1","choices":[{"index":0,"text":"a"}]}`, `{"id":"cmpl-a1","choices":[{"index":0,"text":"b"}]}`}, last("length")...)...),
		`{"id":"cmpl-a1","choices":[{"index":0,"text":"ab","finish_reason":"length"}]}`},
}

var dialects = []struct{ name, route, body string }{
	{"chat", "/api/chat", askChat}, {"generate", "/api/generate", askGenerate},
	{"messages", "/v1/messages", askMessages}, {"responses", "/v1/responses", askResponses},
}

// TestAnswer compares whole answers with those in testdata/answers; with
// UPDATE=1 it writes them, to be read by a person.
func TestAnswer(t *testing.T) {
	for _, d := range dialects {
		for _, a := range answers {
			t.Run(d.name+"/"+a.name, func(t *testing.T) {
				got, err := play(exchange(t, d.route, d.body, true), a.stream, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				whole, err := play(exchange(t, d.route, d.body, false), a.whole, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				checkAnswer(t, d.name, got)
				golden(t, filepath.Join("testdata", "answers", d.name+"_"+a.name+".txt"), got+"\n"+whole)
			})
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

func TestAnswer_IsTheSameHoweverItIsCutUp(t *testing.T) {
	for _, d := range dialects {
		for _, a := range answers {
			crlf := strings.ReplaceAll(": ping\n\nevent: x\nid: 1\n"+a.stream, "\n", "\r\n")
			want, err := play(exchange(t, d.route, d.body, true), a.stream, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			for n := range 9 {
				if got, err := play(exchange(t, d.route, d.body, true), crlf, n+1); err != nil || got != want {
					t.Errorf("%s/%s in pieces of %d: %v\n%s\nwant\n%s", d.name, a.name, n+1, err, got, want)
				}
			}
		}
	}
}

func TestAnswer_ThatIsNotWholeIsAFailure(t *testing.T) {
	for _, tt := range []struct{ name, answer, words string }{
		{"NoMark", stream(bit(`{"content":"x"}`), `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`), "without [DONE]"},
		{"NoReason", stream(bit(`{"content":"x"}`), "[DONE]"), "finish_reason"},
		{"Nothing", "", "without [DONE]"},
		{"Garbage", stream(bit(`{"content":"x"}`), `{"choices":[`), "not JSON"},
		{"AReasonThatIsAnError", stream(bit(`{"content":"x"}`), `{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}`, "[DONE]"), "could not go on"},
		{"AnError", stream(`{"error":{"message":"no memory","code":500}}`), "no memory"},
		{"ALongLine", "data: " + strings.Repeat("x", maxLine), "1 MiB"},
		{"ALongEvent", strings.Repeat("data: "+strings.Repeat("x", maxLine/2)+"\n", 2), "1 MiB"},
		{"ManyCalls", stream(manyCalls()...), "256 tool calls"},
		{"ACallWithoutAName", stream(append([]string{bit(`{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}`)}, last("stop")...)...), "without a name"},
	} {
		for _, d := range dialects {
			t.Run(tt.name+"/"+d.name, func(t *testing.T) {
				x := exchange(t, d.route, d.body, true)
				out, err := play(x, tt.answer, 1<<20)
				if err == nil || !strings.Contains(err.Error(), tt.words) {
					t.Errorf("error = %v", err)
				}
				for _, mark := range []string{`"done":true`, "message_stop", "response.completed"} {
					if strings.Contains(out, mark) {
						t.Errorf("the client is told of an end: %s", out)
					}
				}
				if more, again := x.Feed([]byte(stream("[DONE]")), began); len(more) > 0 || again == nil {
					t.Errorf("it goes on with %q, %v", more, again)
				}
			})
		}
	}
}

func manyCalls() []string {
	calls := make([]string, maxCalls+1)
	for i := range calls {
		calls[i] = bit(`{"tool_calls":[{"index":` + strconv.Itoa(i) + `,"function":{"name":"f","arguments":"{}"}}]}`)
	}
	return calls
}

func TestAnswer_InOnePieceThatIsNotWholeIsAFailure(t *testing.T) {
	for _, d := range dialects {
		for _, answer := range []string{"", "{", `{"choices":[]}`, `{"error":"no"}`, `{"choices":[{"message":{"content":"x"}}]}`} {
			if out, err := play(exchange(t, d.route, d.body, false), answer, 1<<20); err == nil {
				t.Errorf("%s: %q is told as %q", d.name, answer, out)
			}
		}
	}
}

func TestAnswer_CallsWithArgumentsThatAreNoObject(t *testing.T) {
	for _, finish := range []string{"tool_calls", "length"} {
		answer := `{"choices":[{"message":{"content":"x","tool_calls":[{"function":{"name":"f","arguments":"[1"}}]},"finish_reason":"` + finish + `"}]}`
		for _, d := range dialects[:3] {
			out, err := play(exchange(t, d.route, d.body, false), answer, 1<<20)
			if failed := err != nil; failed != (finish == "tool_calls") {
				t.Errorf("%s, %s: %v, %s", d.name, finish, err, out)
			}
		}
	}
}

func TestAnswer_MixedCalls(t *testing.T) {
	mixed := stream(append([]string{bit(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]}`),
		bit(`{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}`), bit(`{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}`)}, last("tool_calls")...)...)
	if out, err := play(exchange(t, "/api/chat", askChat, true), mixed, 1<<20); err != nil || !strings.Contains(out, `"name":"f","arguments":{}`) {
		t.Errorf("Ollama's clients get %v, %s", err, out)
	}
	if _, err := play(exchange(t, "/v1/messages", askMessages, true), mixed, 1<<20); err == nil || !strings.Contains(err.Error(), "mixed up") {
		t.Errorf("Anthropic's get %v", err)
	}
}

func TestAnswer_CallsOfOneIndexWithTheirOwnIds(t *testing.T) {
	same := stream(append([]string{bit(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}`),
		bit(`{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}]}`)}, last("tool_calls")...)...)
	for _, d := range dialects[:3] {
		out, err := play(exchange(t, d.route, d.body, true), same, 1<<20)
		if err != nil || d.name != "generate" && !(strings.Contains(out, `"a"`) && strings.Contains(out, `"b"`)) {
			t.Errorf("%s: %v, %s", d.name, err, out)
		}
	}
}

func TestAnswer_Durations(t *testing.T) {
	x := exchange(t, "/api/chat", askChat, true)
	var out []byte
	for i, data := range append([]string{bit(`{"content":"a"}`), bit(`{"content":"b"}`)}, last("stop")...) {
		p, err := x.Feed([]byte(stream(data)), began.Add(time.Duration(i+3)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out[:0], p...)
	}
	var got api.ChatResponse
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	want := api.Metrics{TotalDuration: 7 * time.Second, LoadDuration: 1, PromptEvalCount: 7, PromptEvalDuration: 3 * time.Second, EvalCount: 3, EvalDuration: 4 * time.Second}
	if got.Metrics != want || !got.CreatedAt.Equal(began.Add(7*time.Second)) {
		t.Errorf("told %+v at %v", got.Metrics, got.CreatedAt)
	}
}

func TestAnswer_WithoutUsageCountsPieces(t *testing.T) {
	out, err := play(exchange(t, "/api/chat", askChat, true), stream(bit(`{"content":"a"}`), bit(`{"content":"b"}`), last("stop")[0], "[DONE]"), 1<<20)
	if err != nil || !strings.Contains(out, `"eval_count":2`) || strings.Contains(out, "prompt_eval_count") {
		t.Errorf("%v, %s", err, out)
	}
}

func TestAnswer_LoadingIsAnsweredAtOnce(t *testing.T) {
	for route, want := range map[string]string{
		"/api/chat":       `{"model":"m","created_at":"2026-01-02T03:04:07Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}` + "\n",
		"/api/generate":   `{"model":"m","created_at":"2026-01-02T03:04:07Z","response":"","done":true,"done_reason":"load"}` + "\n",
		"/api/embed":      `{"model":"m","embeddings":[],"total_duration":2000000000,"load_duration":1}` + "\n",
		"/api/embeddings": `{"embedding":[]}` + "\n",
	} {
		x := exchange(t, route, `{"model":"m"}`, false)
		if got, err := play(x, "", 1); x.Path != "" || x.Stream || err != nil || got != want {
			t.Errorf("%s: %q, %v, %s", route, x.Path, err, got)
		}
	}
}

func TestEmbed(t *testing.T) {
	packed := func(v ...float32) string {
		var b []byte
		for _, f := range v {
			bits := math.Float32bits(f)
			b = append(b, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	for _, tt := range []struct{ name, route, body, answer, want string }{
		{"InTheOrderOfIndexAndNormalized", "/api/embed", `{"model":"m","input":["a","b"]}`,
			`{"data":[{"index":1,"embedding":[0,0]},{"index":0,"embedding":[3,4]}],"usage":{"prompt_tokens":5}}`,
			`{"model":"m","embeddings":[[0.6,0.8],[0,0]],"total_duration":2000000000,"load_duration":1,"prompt_eval_count":5}`},
		{"Packed", "/api/embed", `{"model":"m","input":"a"}`, `{"data":[{"index":0,"embedding":"` + packed(3, 4) + `"}]}`,
			`{"model":"m","embeddings":[[0.6,0.8]],"total_duration":2000000000,"load_duration":1}`},
		{"OldOnesAsTheyAre", "/api/embeddings", `{"model":"m","prompt":"a"}`, `{"data":[{"embedding":[3,4.5]}]}`, `{"embedding":[3,4.5]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := play(exchange(t, tt.route, tt.body, false), tt.answer, 7)
			if err != nil || got != tt.want+"\n" {
				t.Errorf("%v, %s", err, got)
			}
		})
	}
	for _, answer := range []string{"", `{"error":"no"}`, `{"data":[]}`, `{"data":[{"index":1,"embedding":[1]},{"index":1,"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}]}`, `{"data":[{"index":0,"embedding":[]},{"index":1,"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":"!"},{"index":1,"embedding":[1]}]}`, `{"data":[{"index":0,"embedding":"` + packed(float32(math.NaN())) + `"},{"index":1,"embedding":[1]}]}`} {
		if got, err := play(exchange(t, "/api/embed", `{"input":["a","b"]}`, false), answer, 7); err == nil {
			t.Errorf("%s is told as %s", answer, got)
		}
	}
}

func TestRefusal(t *testing.T) {
	for _, tt := range []struct {
		name, route string
		status      int
		body, want  string
	}{
		{"OpenAIToOllama", "/api/chat", 400, `{"error":{"message":"no","type":"t","param":"p","code":"c"}}`, `{"error":"no"}`},
		{"OpenAIToOpenAI", "/v1/responses", 400, `{"error":{"message":"no","type":"t","param":"p","code":"c"}}`, `{"error":{"message":"no","type":"t","param":"p","code":"c"}}`},
		{"LlamaCPPToOpenAI", "/v1/responses", 400, `{"error":{"code":400,"message":"too long","type":"exceed_context_size_error","n_ctx":9}}`, `{"error":{"message":"too long","type":"exceed_context_size_error","param":null,"code":null}}`},
		{"LlamaCPPToAnthropic", "/v1/messages", 503, `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, `{"type":"error","error":{"type":"overloaded_error","message":"Loading model"}}`},
		{"LMStudioToOllama", "/api/generate", 400, `{"error":"Invalid tool_choice"}`, `{"error":"Invalid tool_choice"}`},
		{"LMStudioToAnthropic", "/v1/messages", 404, `{"error":"no model"}`, `{"type":"error","error":{"type":"not_found_error","message":"no model"}}`},
		{"OldVLLM", "/v1/responses", 422, `{"object":"error","message":"bad","type":"BadRequestError","param":null,"code":400}`, `{"error":{"message":"bad","type":"BadRequestError","param":null,"code":null}}`},
		{"FastAPI", "/api/chat", 401, `{"detail":"Unauthorized"}`, `{"error":"Unauthorized"}`},
		{"KoboldCPP", "/api/chat", 503, `{"detail": {"msg": "Server is busy; please try again later.", "type": "service_unavailable"}}`, `{"error":"Server is busy; please try again later."}`},
		{"FastAPIList", "/v1/messages", 422, `{"detail":[{"loc":["body","messages",0],"msg":"Field required"},{"msg":"x"}]}`, `{"type":"error","error":{"type":"invalid_request_error","message":"body.messages.0: Field required; x"}}`},
		{"NoJSON", "/v1/responses", 429, "Too\nmany\x00", `{"error":{"message":"Too many","type":"rate_limit_error","param":null,"code":null}}`},
		{"Nothing", "/v1/messages", 413, "", `{"type":"error","error":{"type":"request_too_large","message":"the engine refused with status 413"}}`},
		{"Timeout", "/v1/messages", 504, "null", `{"type":"error","error":{"type":"timeout_error","message":"null"}}`},
		{"NoMessage", "/v1/responses", 403, `{"error":{}}`, `{"error":{"message":"{\"error\":{}}","type":"permission_error","param":null,"code":null}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(Refusal(tt.route, tt.status, []byte(tt.body))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if long := Refusal("/api/chat", 500, []byte(strings.Repeat("é", 9999))); len(long) > maxReason+64 || !json.Valid(long) {
		t.Errorf("%d bytes: %s", len(long), long)
	}
}
