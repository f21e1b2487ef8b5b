package backends

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"carpool/backends/sim"

	"github.com/ollama/ollama/api"
)

// dialect is how an API writes what the demo engine has to say.
type dialect struct {
	fail   func(status int, message string) any        // the body of an error
	stream string                                      // content type of a stream
	chunk  func(w io.Writer, r api.ChatResponse) error // writes one chunk, the last with Done
	json   string                                      // content type of an answer in one piece
	whole  func(r api.ChatResponse) any                // the answer in one piece
}

// routes is the whole surface of the demo engine.
func (d *Demo) routes() *http.ServeMux {
	mux := http.NewServeMux()
	d.ollamaRoutes(mux)
	d.openaiRoutes(mux)
	mux.HandleFunc("POST /v1/messages", d.anthropicMessages)
	return mux
}

// serveChat answers a request of any dialect, as a stream or in one piece.
func (d *Demo) serveChat(w http.ResponseWriter, r *http.Request, as dialect, req *api.ChatRequest) {
	if !demoKnows(req.Model) {
		as.error(w, http.StatusNotFound, demoNotFound(req.Model))
		return
	}
	stream := req.Stream == nil || *req.Stream
	began := false
	var text strings.Builder
	err := d.chat(r.Context(), req, func(part api.ChatResponse) error {
		if !stream {
			text.WriteString(part.Message.Content)
			if part.Done {
				part.Message.Content = text.String()
				w.Header().Set("Content-Type", as.json)
				writeJSON(w, http.StatusOK, as.whole(part))
			}
			return nil
		}
		if !began {
			began = true
			w.Header().Set("Content-Type", as.stream)
		}
		if err := as.chunk(w, part); err != nil {
			return err
		}
		return http.NewResponseController(w).Flush()
	})
	switch {
	case err == nil:
	case began:
		panic(http.ErrAbortHandler) // a broken stream must not look like a finished one
	case errors.Is(err, errDemoClosed):
		as.error(w, http.StatusServiceUnavailable, err.Error())
	}
}

func (as dialect) error(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", as.json)
	writeJSON(w, status, as.fail(status, message))
}

// chat runs a request on the machine and yields its answer token by token; the
// last part has Done and the metrics, and no text.
func (d *Demo) chat(ctx context.Context, req *api.ChatRequest, yield func(api.ChatResponse) error) error {
	part := api.ChatResponse{Model: req.Model, Message: api.Message{Role: "assistant"}}
	var prompt strings.Builder
	for _, m := range req.Messages {
		prompt.WriteString(m.Content)
	}
	seed := demoHash(d.seed+uint64(number(req.Options["seed"])), prompt.String())
	tokens, cut := demoText(seed, number(req.Options["num_predict"]))

	id, job := d.submit(demoWork(prompt.String(), len(tokens)))
	defer d.forget(id)
	sent := 0
	return d.follow(ctx, job, func(p progress) error {
		for ; sent < p.tokens; sent++ {
			part.CreatedAt, part.Message.Content = time.Now().UTC(), tokens[sent]
			if err := yield(part); err != nil {
				return err
			}
		}
		if !p.done {
			return nil
		}
		part.CreatedAt, part.Message.Content, part.Done, part.DoneReason = time.Now().UTC(), "", true, "stop"
		if cut {
			part.DoneReason = "length"
		}
		part.Metrics = api.Metrics{
			TotalDuration:      p.last - p.submitted,
			LoadDuration:       1, // always loaded; the field is left out when zero
			PromptEvalCount:    demoPrompt(prompt.String()),
			PromptEvalDuration: p.read - p.entered,
			EvalCount:          len(tokens),
			EvalDuration:       p.last - p.read,
		}
		return yield(part)
	})
}

// embed reads texts and returns a vector for each, and the prompt tokens.
func (d *Demo) embed(ctx context.Context, texts []string, dimensions int) ([][]float32, int, error) {
	type reading struct {
		id   uint64
		job  *demoJob
		text string
	}
	var readings []reading
	defer func() {
		for _, r := range readings {
			d.forget(r.id)
		}
	}()
	prompt := 0
	for _, text := range texts {
		id, job := d.submit(demoWork(text, 0))
		readings = append(readings, reading{id, job, text})
		prompt += demoPrompt(text)
	}
	if dimensions <= 0 || dimensions > demoDimensions {
		dimensions = demoDimensions
	}
	vectors := make([][]float32, 0, len(texts))
	for _, r := range readings {
		if err := d.follow(ctx, r.job, func(progress) error { return nil }); err != nil {
			return nil, 0, err
		}
		vectors = append(vectors, demoVector(r.text, dimensions))
	}
	return vectors, prompt, nil
}

// demoWork is what a prompt costs. Prompts that begin alike share their
// beginning, as the turns of one conversation do.
func demoWork(prompt string, output int) sim.Job {
	const shared = 1024 // bytes
	j := sim.Job{Prompt: demoPrompt(prompt), Output: output}
	if len(prompt) >= shared {
		j.Prefix, j.PrefixTokens = demoHash(1, prompt[:shared]), shared/4
	}
	return j
}

// demoPrompt is the length of a prompt in tokens.
func demoPrompt(prompt string) int { return max(1, len(prompt)/4) }

func demoKnows(model string) bool { return model == DemoModel || model == DemoModel+":latest" }

func demoNotFound(model string) string { return fmt.Sprintf("model '%s' not found", model) }

// number reads an option that may have come as any JSON or Go number.
func number(v any) int {
	switch n := v.(type) {
	case int:
		return n
	case float64:
		return int(n)
	}
	return 0
}

func normalize(v []float32) []float32 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		v[0] = 1
		return v
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

// readJSON decodes a request's body and answers 400 itself if it cannot.
func readJSON(w http.ResponseWriter, r *http.Request, fail func(int, string) any, into any) bool {
	err := json.NewDecoder(r.Body).Decode(into) // what follows the value is ignored, as Ollama does
	if err == nil {
		return true
	}
	message := err.Error()
	if errors.Is(err, io.EOF) {
		message = "missing request body"
	}
	writeJSON(w, http.StatusBadRequest, fail(http.StatusBadRequest, message))
	return false
}

// writeJSON answers in one piece. An error here means that the client has gone.
func writeJSON(w http.ResponseWriter, status int, body any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// writeData writes one server-sent event without a name.
func writeData(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "data: %s\n\n", b)
	return err
}

// writeEvent writes one server-sent event with a name.
func writeEvent(w io.Writer, name string, v any) error {
	if _, err := fmt.Fprintf(w, "event: %s\n", name); err != nil {
		return err
	}
	return writeData(w, v)
}
