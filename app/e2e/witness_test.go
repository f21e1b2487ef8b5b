//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/ssestream"
)

// witness is a call of a client library, made to see how it ends.
type witness struct {
	library  string // "go openai"
	call     string // "chat"; "whole" is the one that is not streamed
	streamed bool
	make     func(ctx context.Context, q question, piece func()) fate
}

func (w witness) String() string { return w.library + " " + w.call }

// question is what a witness asks for.
type question struct {
	model  string
	prompt string
	tokens int
}

// fate is how a call ended.
type fate struct {
	pieces int
	ended  bool     // as a good answer does
	raised []string // classes of the error that the library raised, from the nearest on; nil = none
	status int      // that the error tells; 0 = none
	words  string   // of the error
	took   time.Duration
}

// raises are the classes of errors by which a library tells of an answer of status 500
// and more, of one of 404, and of one that broke off.
var raises = map[string]struct{ failed, missing, broken string }{
	"go ollama":     {"api.StatusError", "api.StatusError", "error"},
	"go openai":     {"openai.Error", "openai.Error", "ssestream.StreamError"},
	"go anthropic":  {"anthropic.Error", "anthropic.Error", "anthropic.Error"},
	"npm ollama":    {"ResponseError", "ResponseError", "Error"},
	"npm openai":    {"InternalServerError", "NotFoundError", "APIError"},
	"npm anthropic": {"InternalServerError", "NotFoundError", "APIError"},
}

// refused tells what is wrong with a fate that should be an error answer of one of
// these statuses.
func (w witness) refused(f fate, statuses ...int) error {
	class := raises[w.library].failed
	if f.status == http.StatusNotFound {
		class = raises[w.library].missing
	}
	switch {
	case f.ended || len(f.raised) == 0:
		return fmt.Errorf("%v: no error was raised: %+v", w, f)
	case !slices.Contains(statuses, f.status) || !slices.Contains(f.raised, class) || f.pieces > 0:
		return fmt.Errorf("%v: %+v, want %s of status %d", w, f, class, statuses)
	}
	return nil
}

// broken tells what is wrong with a fate that should be a stream that had begun and
// broke off, with words about it.
func (w witness) broken(f fate, words string) error {
	switch {
	case f.ended || len(f.raised) == 0:
		return fmt.Errorf("%v: no error was raised: %+v", w, f)
	case !slices.Contains(f.raised, raises[w.library].broken) || f.pieces == 0 || !strings.Contains(f.words, words):
		return fmt.Errorf("%v: %+v, want %s with %q", w, f, raises[w.library].broken, words)
	}
	return nil
}

// served tells what is wrong with a fate that should be a good answer.
func (w witness) served(f fate) error {
	if !f.ended || len(f.raised) > 0 || w.streamed && f.pieces == 0 {
		return fmt.Errorf("%v: %+v, want a good answer", w, f)
	}
	return nil
}

// judge is the fate of a call whose library raised err.
func judge(pieces int, err error) fate {
	f := fate{pieces: pieces, ended: err == nil}
	if err == nil || errors.Is(err, errNoMark) { // the library found nothing wrong
		return f
	}
	f.words = err.Error()
	if e, ok := errors.AsType[*openai.Error](err); ok {
		f.raised, f.status = []string{"openai.Error"}, e.StatusCode
	} else if e, ok := errors.AsType[*anthropic.Error](err); ok {
		f.raised, f.status = []string{"anthropic.Error"}, e.StatusCode
	} else if e, ok := errors.AsType[api.StatusError](err); ok {
		f.raised, f.status = []string{"api.StatusError"}, e.StatusCode
	} else if _, ok := errors.AsType[*ssestream.StreamError](err); ok {
		f.raised = []string{"ssestream.StreamError"}
	} else {
		f.raised = []string{"error"}
	}
	return f
}

// errNoMark is ours for what a library took for a good answer.
var errNoMark = errors.New("the answer has no end mark")

// orNoMark is err, or errNoMark if an answer without an error has not ended.
func orNoMark(err error, ended bool) error {
	if err == nil && !ended {
		return errNoMark
	}
	return err
}

// various is a temperature: Ollama breaks off an answer that repeats itself.
const various = 1.5

// goWitnesses are the Go libraries' calls to base.
func goWitnesses(base string, via http.RoundTripper) []witness {
	native, compatible, claude := ollamaClient(base, via), openaiClient(base, via), anthropicClient(base, via)
	asksOllama := func(streamed bool) func(context.Context, question, func()) fate {
		return func(ctx context.Context, q question, piece func()) fate {
			pieces, ended := 0, false
			err := native.Generate(ctx, &api.GenerateRequest{Model: q.model, Prompt: q.prompt, Stream: &streamed, Options: map[string]any{"num_predict": q.tokens, "temperature": various}},
				func(r api.GenerateResponse) error {
					if ended = r.Done; !ended {
						pieces++
						piece()
					}
					return nil
				})
			return judge(pieces, orNoMark(err, ended))
		}
	}
	chat := func(q question) openai.ChatCompletionNewParams {
		return openai.ChatCompletionNewParams{
			Model: q.model, MaxTokens: openai.Int(int64(q.tokens)), Temperature: openai.Float(various),
			Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(q.prompt)},
		}
	}
	message := func(q question) anthropic.MessageNewParams {
		return anthropic.MessageNewParams{
			Model: q.model, MaxTokens: int64(q.tokens), Temperature: anthropic.Float(various),
			Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(q.prompt))},
		}
	}
	return []witness{
		{"go ollama", "generate", true, asksOllama(true)},
		{"go ollama", "whole", false, asksOllama(false)},
		{"go openai", "chat", true, func(ctx context.Context, q question, piece func()) fate {
			pieces, ended := 0, false
			s := compatible.Chat.Completions.NewStreaming(ctx, chat(q))
			for s.Next() {
				for _, c := range s.Current().Choices {
					ended = ended || c.FinishReason != ""
				}
				pieces++
				piece()
			}
			return judge(pieces, orNoMark(s.Err(), ended))
		}},
		{"go openai", "whole", false, func(ctx context.Context, q question, _ func()) fate {
			got, err := compatible.Chat.Completions.New(ctx, chat(q))
			return judge(0, orNoMark(err, err == nil && len(got.Choices) == 1 && got.Choices[0].FinishReason != ""))
		}},
		{"go anthropic", "messages", true, func(ctx context.Context, q question, piece func()) fate {
			pieces, last := 0, ""
			s := claude.Messages.NewStreaming(ctx, message(q))
			for s.Next() {
				if last = s.Current().Type; last == "content_block_delta" {
					pieces++
					piece()
				}
			}
			return judge(pieces, orNoMark(s.Err(), last == "message_stop"))
		}},
		{"go anthropic", "whole", false, func(ctx context.Context, q question, _ func()) fate {
			got, err := claude.Messages.New(ctx, message(q))
			return judge(0, orNoMark(err, err == nil && got.StopReason != ""))
		}},
	}
}

// nodeProcess asks by the libraries for Node.js, in a process of its own.
type nodeProcess struct {
	in io.WriteCloser

	mu    sync.Mutex
	asked []*pending // by id
}

// pending is a call that a nodeProcess was told to make.
type pending struct {
	piece func()
	ended chan fate
}

// nodeWitnesses are the calls of the libraries for Node.js to base, made by one
// process that ends with the test, or when close is called.
func nodeWitnesses(t *testing.T, base string) (all []witness, stop func()) {
	t.Helper()
	cmd := exec.Command("node", filepath.Join(scripts(t), "witness.mjs"), base, "{}")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	cmd.Stderr = os.Stderr
	n := &nodeProcess{}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if n.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var listener sync.WaitGroup
	listener.Go(func() { n.listen(out) })
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill() // its connections may be open
		listener.Wait()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	for _, name := range []string{
		"ollama generate", "ollama whole", "openai chat", "openai responses", "openai whole", "anthropic messages", "anthropic helper", "anthropic whole",
	} {
		library, call, _ := strings.Cut(name, " ")
		all = append(all, witness{"npm " + library, call, call != "whole", func(ctx context.Context, q question, piece func()) fate {
			return n.ask(ctx, name, q, piece)
		}})
	}
	return all, stop
}

func (n *nodeProcess) ask(ctx context.Context, call string, q question, piece func()) fate {
	a := &pending{piece, make(chan fate, 1)}
	n.mu.Lock()
	id := len(n.asked)
	n.asked = append(n.asked, a)
	line, err := json.Marshal(map[string]any{"id": id, "call": call, "model": q.model, "prompt": q.prompt, "tokens": q.tokens})
	if err == nil {
		_, err = n.in.Write(append(line, '\n'))
	}
	n.mu.Unlock()
	if err != nil {
		return fate{words: err.Error()}
	}
	select {
	case f := <-a.ended:
		return f
	case <-ctx.Done():
		return fate{words: ctx.Err().Error()}
	}
}

// listen hands on what the process says, to its end.
func (n *nodeProcess) listen(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var said struct {
			ID      int
			Began   bool
			Pieces  int
			Ended   bool
			Classes []string
			Status  int
			Words   string
		}
		if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
			continue // its call has no end then
		}
		n.mu.Lock()
		a := n.asked[said.ID]
		n.mu.Unlock()
		if said.Began {
			a.piece()
			continue
		}
		a.ended <- fate{pieces: said.Pieces, ended: said.Ended, raised: said.Classes, status: said.Status, words: said.Words}
	}
}

// hearing are calls that have been made.
type hearing struct {
	began map[int]chan struct{} // of the streamed ones
	fates map[int]chan fate
	all   []witness
}

// hear has each witness ask the same, at once. None may wait longer than a fault
// and its recovery can take.
func hear(t *testing.T, all []witness, q question) *hearing {
	t.Helper()
	h := &hearing{map[int]chan struct{}{}, map[int]chan fate{}, all}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	for i, w := range all {
		began, ended := make(chan struct{}), make(chan fate, 1)
		h.fates[i] = ended
		if w.streamed {
			h.began[i] = began
		}
		q := q
		q.prompt = fmt.Sprintf("%s %d", q.prompt, i)
		asked := time.Now()
		go func() {
			begin := sync.OnceFunc(func() { close(began) })
			f := w.make(ctx, q, begin)
			f.took = time.Since(asked)
			ended <- f
		}()
	}
	return h
}

// patience is for what a fault and its recovery can take on a busy machine.
const patience = 3 * time.Minute

// underWay waits until every stream has begun.
func (h *hearing) underWay(t *testing.T) {
	t.Helper()
	late := time.After(time.Minute)
	for i, began := range h.began {
		select {
		case <-began:
		case f := <-h.fates[i]:
			t.Fatalf("%v ended before it began: %+v", h.all[i], f)
		case <-late:
			t.Fatalf("%v has not begun", h.all[i])
		}
	}
}

// verdict waits for the end of each call and has it judged.
func (h *hearing) verdict(t *testing.T, judged func(w witness, f fate) error) {
	t.Helper()
	for i, w := range h.all {
		f := <-h.fates[i]
		if err := judged(w, f); err != nil {
			t.Error(err)
		} else {
			t.Logf("%v: %v %d after %d pieces, %v: %.100s", w, f.raised, f.status, f.pieces, f.took.Round(time.Millisecond), f.words)
		}
	}
}
