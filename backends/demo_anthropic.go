package backends

import (
	"io"
	"net/http"

	"github.com/ollama/ollama/anthropic"
	"github.com/ollama/ollama/api"
)

func anthropicError(status int, message string) any { return anthropic.NewError(status, message) }

func (d *Demo) anthropicMessages(w http.ResponseWriter, r *http.Request) {
	var req anthropic.MessagesRequest
	if !readJSON(w, r, anthropicError, &req) {
		return
	}
	fail := func(message string) {
		writeJSON(w, http.StatusBadRequest, anthropicError(http.StatusBadRequest, message))
	}
	switch {
	case req.Model == "":
		fail("model is required")
		return
	case req.MaxTokens <= 0:
		fail("max_tokens is required and must be positive")
		return
	case len(req.Messages) == 0:
		fail("messages is required")
		return
	}
	chat, err := anthropic.FromMessagesRequest(req)
	if err != nil {
		fail(err.Error())
		return
	}
	chat.Stream = &req.Stream
	id := anthropic.GenerateMessageID()
	events := anthropic.NewStreamConverter(id, req.Model, anthropic.EstimateInputTokens(req))
	d.serveChat(w, r, dialect{
		fail:   anthropicError,
		stream: "text/event-stream",
		json:   "application/json",
		whole:  func(r api.ChatResponse) any { return anthropic.ToMessagesResponse(id, r) },
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
