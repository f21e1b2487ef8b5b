package backends

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/openai"
)

func (d *Demo) openaiRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, openai.ToListCompletion(d.list()))
	})
	mux.HandleFunc("GET /v1/models/{model}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("model")
		if !demoKnows(name) {
			writeJSON(w, http.StatusNotFound, openaiError(http.StatusNotFound, demoNotFound(name)))
			return
		}
		writeJSON(w, http.StatusOK, openai.ToModel(api.ShowResponse{ModifiedAt: d.start}, name))
	})
	mux.HandleFunc("POST /v1/chat/completions", d.openaiChat)
	mux.HandleFunc("POST /v1/completions", d.openaiCompletions)
	mux.HandleFunc("POST /v1/embeddings", d.openaiEmbeddings)
	mux.HandleFunc("POST /v1/responses", d.openaiResponses)
}

// demoAnswers counts up to name answers.
var demoAnswers atomic.Uint64

func demoID(prefix string) string { return fmt.Sprintf("%s%d", prefix, demoAnswers.Add(1)) }

func openaiError(status int, message string) any { return openai.NewError(status, message) }

func (d *Demo) openaiChat(w http.ResponseWriter, r *http.Request) {
	var req openai.ChatCompletionRequest
	if !readJSON(w, r, openaiError, &req) {
		return
	}
	if len(req.Messages) == 0 {
		writeJSON(w, http.StatusBadRequest, openaiError(http.StatusBadRequest, "[] is too short - 'messages'"))
		return
	}
	chat, err := openai.FromChatRequest(req)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, openaiError(http.StatusBadRequest, err.Error()))
		return
	}
	id := demoID("chatcmpl-")
	d.serveChat(w, r, dialect{
		fail:   openaiError,
		stream: "text/event-stream",
		json:   "application/json",
		whole:  func(r api.ChatResponse) any { return openai.ToChatCompletion(id, r) },
		chunk: func(w io.Writer, r api.ChatResponse) error {
			c := openai.ToChunk(id, r, false)
			if err := writeData(w, c); err != nil || !r.Done {
				return err
			}
			if req.StreamOptions != nil && req.StreamOptions.IncludeUsage {
				usage := openai.ToUsage(r)
				c.Usage, c.Choices = &usage, []openai.ChunkChoice{}
				if err := writeData(w, c); err != nil {
					return err
				}
			}
			return writeDone(w)
		},
	}, chat)
}

func (d *Demo) openaiCompletions(w http.ResponseWriter, r *http.Request) {
	var req openai.CompletionRequest
	if !readJSON(w, r, openaiError, &req) {
		return
	}
	generate, err := openai.FromCompleteRequest(req)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, openaiError(http.StatusBadRequest, err.Error()))
		return
	}
	id := demoID("cmpl-")
	d.serveChat(w, r, dialect{
		fail:   openaiError,
		stream: "text/event-stream",
		json:   "application/json",
		whole:  func(r api.ChatResponse) any { return openai.ToCompletion(id, generated(r)) },
		chunk: func(w io.Writer, r api.ChatResponse) error {
			c := openai.ToCompleteChunk(id, generated(r))
			if err := writeData(w, c); err != nil || !r.Done {
				return err
			}
			if req.StreamOptions != nil && req.StreamOptions.IncludeUsage {
				usage := openai.ToUsage(r)
				c.Usage, c.Choices = &usage, []openai.CompleteChunkChoice{}
				if err := writeData(w, c); err != nil {
					return err
				}
			}
			return writeDone(w)
		},
	}, generateAsChat(generate))
}

func writeDone(w io.Writer) error {
	_, err := io.WriteString(w, "data: [DONE]\n\n")
	return err
}

func (d *Demo) openaiResponses(w http.ResponseWriter, r *http.Request) {
	var req openai.ResponsesRequest
	if !readJSON(w, r, openaiError, &req) {
		return
	}
	chat, err := openai.FromResponsesRequest(req)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, openaiError(http.StatusBadRequest, err.Error()))
		return
	}
	stream := req.Stream != nil && *req.Stream
	chat.Stream = &stream
	id, item := demoID("resp_"), demoID("msg_")
	events := openai.NewResponsesStreamConverter(id, item, req.Model, req)
	d.serveChat(w, r, dialect{
		fail:   openaiError,
		stream: "text/event-stream",
		json:   "application/json",
		whole: func(r api.ChatResponse) any {
			answer := openai.ToResponse(req.Model, id, item, r, req)
			now := time.Now().Unix()
			answer.CompletedAt = &now
			return answer
		},
		// As for Anthropic's events, which are of another type.
		chunk: func(w io.Writer, r api.ChatResponse) error {
			for _, e := range events.Process(r) {
				if err := writeEvent(w, e.Event, e.Data); err != nil {
					return err
				}
			}
			return nil
		},
	}, chat)
}

func (d *Demo) openaiEmbeddings(w http.ResponseWriter, r *http.Request) {
	var req openai.EmbedRequest
	if !readJSON(w, r, openaiError, &req) {
		return
	}
	fail := func(status int, message string) { writeJSON(w, status, openaiError(status, message)) }
	if f := strings.ToLower(req.EncodingFormat); f != "" && f != "float" && f != "base64" {
		fail(http.StatusBadRequest, "invalid encoding_format")
		return
	}
	if !demoKnows(req.Model) {
		fail(http.StatusNotFound, demoNotFound(req.Model))
		return
	}
	texts, ok := embedInput(req.Input)
	if req.Input == "" {
		texts = []string{""} // this route gives an empty text a vector
	}
	if !ok || len(texts) == 0 {
		fail(http.StatusBadRequest, "invalid input")
		return
	}
	vectors, prompt, err := d.embed(r.Context(), texts, req.Dimensions)
	if err != nil {
		fail(http.StatusServiceUnavailable, err.Error())
		return
	}
	answer := api.EmbedResponse{Model: req.Model, Embeddings: vectors, PromptEvalCount: prompt}
	writeJSON(w, http.StatusOK, openai.ToEmbeddingList(req.Model, answer, req.EncodingFormat))
}
