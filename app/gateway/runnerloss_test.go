package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carpool/batching"
)

// TestLostRunner has the process of a model end under several answers, of which the
// engine tells one and forgets the others, as Ollama 0.17.4 does.
func TestLostRunner(t *testing.T) {
	const words = "an error was encountered while running the model: unexpected EOF"
	const piece = `{"model":"m","response":"a","done":false}` + "\n"
	for _, tt := range []struct {
		name string
		tell func(w http.ResponseWriter)
	}{
		{"ToldInAStream", func(w http.ResponseWriter) { _, _ = fmt.Fprintf(w, `{"error":%q}`+"\n", words) }},
		{"ToldByStatus", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = fmt.Fprintf(w, `{"error":%q}`, words)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dead, arrived, goOn := make(chan struct{}), make(chan string, 8), make(chan struct{})
			engine := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				asks := func(s string) bool { return strings.Contains(string(body), s) }
				w.Header().Set("Content-Type", typeNDJSON)
				if asks("streamed") || asks("told") && tt.name == "ToldInAStream" {
					_, _ = io.WriteString(w, piece)
					w.(http.Flusher).Flush()
				}
				arrived <- string(body)
				if asks("told") {
					<-dead
					tt.tell(w)
					return
				}
				if asks("another") {
					<-goOn
					_, _ = io.WriteString(w, `{"done":true}`+"\n")
					return
				}
				<-r.Context().Done()
			})
			r := newRig(t, engine, Limits{}, batching.Settings{})
			r.gateway.lossGrace = 10 * time.Millisecond
			ask := func(model, prompt string, stream bool) <-chan *http.Response {
				answer := r.asks("/api/generate", fmt.Sprintf(`{"model":%q,"prompt":%q,"stream":%v}`, model, prompt, stream))
				<-arrived
				return answer
			}
			streamed, whole := ask("m", "streamed", true), ask("m", "whole", false)
			told := ask("m", "told", true)
			other := ask("another", "streamed", true)
			first := <-streamed // its head is through before the process ends
			another := <-other

			close(dead)
			if got, _ := read(<-told); !strings.Contains(got, words) {
				t.Errorf("the one that was told has %q", got)
			}
			if got, broke := read(first); !strings.Contains(got, piece) || !strings.Contains(got, `{"error":"the engine's process for this model has ended"}`) || broke {
				t.Errorf("the stream ends with %q", got)
			}
			if res := <-whole; res.StatusCode != http.StatusBadGateway || !strings.Contains(text(t, res), "has ended") {
				t.Errorf("the whole one was answered %d", res.StatusCode)
			}
			kinds := map[string]int{}
			for range 3 {
				kinds[r.recorded().ErrorKind]++
			}
			if kinds["backend_disconnected"] != 2 || kinds["backend_error"] != 1 {
				t.Errorf("recorded %v", kinds)
			}
			close(goOn)
			if got, broke := read(another); !strings.HasSuffix(got, `{"done":true}`+"\n") || broke {
				t.Errorf("the other model's stream ends with %q", got)
			}
		})
	}
	t.Run("NotWhoWasAskedForLater", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			key := batching.Key{Engine: "ollama", Model: "m"}
			r := runners{calls: map[*call]answering{}}
			asks := func() *call {
				c := &call{}
				c.ctx, c.cancel = context.WithCancelCause(t.Context())
				r.calls[c] = answering{key, time.Now()}
				return c
			}
			before := asks()
			time.Sleep(time.Minute)
			first := r.breaks(key, lossGrace)
			time.Sleep(lossGrace / 2)
			after := asks() // in the place of the one that broke off
			time.Sleep(lossGrace / 4)
			if again := r.breaks(key, lossGrace); !again.Equal(first) {
				t.Errorf("the second is a loss of its own, %v later", again.Sub(first))
			}
			if n := r.lose(key, first); n != 1 || before.ctx.Err() == nil || after.ctx.Err() != nil {
				t.Errorf("%d lost: %v, %v", n, context.Cause(before.ctx), context.Cause(after.ctx))
			}
			r.lives(after) // on a process that may end as soon
			if next := r.breaks(key, lossGrace); !next.After(first) || r.lose(key, next) != 2 || after.ctx.Err() == nil {
				t.Errorf("the next process ended %v later: %v", next.Sub(first), context.Cause(after.ctx))
			}
			time.Sleep(lossGrace)
			if next := r.breaks(key, lossGrace); next.Equal(first) {
				t.Error("a loss has no end")
			}
		})
	})
	t.Run("NotByOtherErrors", func(t *testing.T) {
		arrived, goOn := make(chan struct{}, 2), make(chan struct{})
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			body, _ := io.ReadAll(q.Body)
			if strings.Contains(string(body), "wrong") {
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = io.WriteString(w, `{"error":"invalid option"}`)
				return
			}
			says(typeNDJSON, piece)(w, q)
			arrived <- struct{}{}
			<-goOn
			_, _ = io.WriteString(w, `{"done":true}`+"\n")
		}), Limits{}, batching.Settings{})
		r.gateway.lossGrace = 0
		good := r.asks("/api/generate", `{"model":"m","prompt":"good"}`)
		<-arrived
		res := <-good
		if got := text(t, r.post("/api/generate", `{"model":"m","prompt":"wrong"}`)); !strings.Contains(got, "invalid option") {
			t.Errorf("%q", got)
		}
		close(goOn)
		if got, broke := read(res); !strings.HasSuffix(got, `{"done":true}`+"\n") || broke {
			t.Errorf("another one's error ended it: %q", got)
		}
	})
}
