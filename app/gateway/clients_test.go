package gateway

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	ollama "github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

// heard is what a client's library made of an answer.
type heard struct {
	status int    // of the error; 0 = it tells none
	code   string // likewise
	text   string // "" = the library saw no error
}

// askers are the libraries with which people ask, by the API.
var askers = map[string]func(ctx context.Context, base string, client *http.Client, stream bool) heard{
	"chat completions": func(ctx context.Context, base string, client *http.Client, stream bool) heard {
		ai := openai.NewClient(option.WithBaseURL(base+"/v1"), option.WithAPIKey("sk-x"), option.WithMaxRetries(0), option.WithHTTPClient(client))
		params := openai.ChatCompletionNewParams{Model: "tiny", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("a")}}
		if !stream {
			_, err := ai.Chat.Completions.New(ctx, params)
			return heardOpenAI(err)
		}
		s := ai.Chat.Completions.NewStreaming(ctx, params)
		defer func() { _ = s.Close() }()
		for s.Next() {
		}
		return heardOpenAI(s.Err())
	},
	"responses": func(ctx context.Context, base string, client *http.Client, stream bool) heard {
		ai := openai.NewClient(option.WithBaseURL(base+"/v1"), option.WithAPIKey("sk-x"), option.WithMaxRetries(0), option.WithHTTPClient(client))
		params := responses.ResponseNewParams{Model: "tiny", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("a")}}
		if !stream {
			_, err := ai.Responses.New(ctx, params)
			return heardOpenAI(err)
		}
		s := ai.Responses.NewStreaming(ctx, params)
		defer func() { _ = s.Close() }()
		for s.Next() {
		}
		return heardOpenAI(s.Err())
	},
	"messages": func(ctx context.Context, base string, client *http.Client, stream bool) heard {
		ai := anthropic.NewClient(anthropicoption.WithBaseURL(base), anthropicoption.WithAPIKey("x"), anthropicoption.WithMaxRetries(0), anthropicoption.WithHTTPClient(client))
		params := anthropic.MessageNewParams{Model: "tiny", MaxTokens: 8, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("a"))}}
		if !stream {
			_, err := ai.Messages.New(ctx, params)
			return heardAnthropic(err)
		}
		s := ai.Messages.NewStreaming(ctx, params)
		defer func() { _ = s.Close() }()
		for s.Next() {
		}
		return heardAnthropic(s.Err())
	},
	"ollama": func(ctx context.Context, base string, client *http.Client, stream bool) heard {
		u, _ := url.Parse(base)
		err := ollama.NewClient(u, client).Chat(ctx, &ollama.ChatRequest{
			Model: "tiny", Stream: &stream, Messages: []ollama.Message{{Role: "user", Content: "a"}},
		}, func(ollama.ChatResponse) error { return nil })
		if e, ok := errors.AsType[ollama.StatusError](err); ok {
			return heard{e.StatusCode, "", e.ErrorMessage}
		}
		if e, ok := errors.AsType[ollama.AuthorizationError](err); ok {
			return heard{e.StatusCode, "", e.Status}
		}
		return heard{text: textOf(err)}
	},
}

func heardOpenAI(err error) heard {
	if e, ok := errors.AsType[*openai.Error](err); ok {
		return heard{e.StatusCode, e.Code, e.Message}
	}
	return heard{text: textOf(err)}
}

func heardAnthropic(err error) heard {
	if e, ok := errors.AsType[*anthropic.Error](err); ok {
		return heard{e.StatusCode, "", e.RawJSON()}
	}
	return heard{text: textOf(err)}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// begun are the first bytes of a good stream.
var begun = map[string]string{
	"chat completions": `data: {"choices":[{"index":0,"delta":{"content":"a"}}]}` + "\n\n",
	"responses":        "event: response.output_text.delta\ndata: " + `{"type":"response.output_text.delta","delta":"a"}` + "\n\n",
	"messages": "event: message_start\ndata: " + `{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}` + "\n\n" +
		"event: content_block_start\ndata: " + `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}` + "\n\n",
	"ollama": `{"model":"tiny","message":{"role":"assistant","content":"a"},"done":false}` + "\n",
}

// Test06_EveryKindToEveryLibrary has the clients that people use read every error of
// ours: as the answer to a streamed and to an unstreamed call, and in the middle of a
// stream.
func Test06_EveryKindToEveryLibrary(t *testing.T) {
	var now struct {
		fault  *fault
		inside string // what came before it; "" = nothing
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		d := dialectOf(r.URL.Path)
		if now.inside == "" {
			newClient(w, "id-1", time.Second).refuse(d, now.fault)
			return
		}
		form := sse
		if d == Ollama {
			form = ndjson
		}
		w.Header().Set("Content-Type", map[framing]string{sse: typeSSE, ndjson: typeNDJSON}[form])
		words, clean := d.lastWords(now.fault, "id-1", form, false, false)
		_, _ = io.WriteString(w, now.inside+string(words))
		_ = http.NewResponseController(w).Flush()
		if !clean {
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	client := server.Client()
	kinds := 0
	for k := range rules {
		if unsent[k] {
			continue
		}
		kinds++
		now.fault = newFault(k, "what went wrong")
		for _, api := range slices.Sorted(maps.Keys(askers)) {
			for _, stream := range []bool{false, true} {
				now.inside = ""
				h := askers[api](t.Context(), server.URL, client, stream)
				openAI := api == "chat completions" || api == "responses"
				mute := api == "ollama" && rules[k].status == http.StatusUnauthorized // that library reads no text of a 401
				if h.status != rules[k].status || !mute && !strings.Contains(h.text, "what went wrong") || openAI && h.code != string(k) {
					t.Errorf("%s by %s, streamed %v: %+v", k, api, stream, h)
				}
				if api == "messages" && !strings.Contains(h.text, `"`+rules[k].anthropic+`"`) {
					t.Errorf("%s by %s, streamed %v: %+v", k, api, stream, h)
				}
			}
			now.inside = begun[api]
			if h := askers[api](t.Context(), server.URL, client, true); !strings.Contains(h.text, "what went wrong") {
				t.Errorf("%s in a stream by %s: %+v", k, api, h)
			}
		}
	}
	t.Logf("%d kinds, %d libraries and APIs, streamed and not, and in a stream", kinds, len(askers))
}
