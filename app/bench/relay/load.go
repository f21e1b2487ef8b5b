package relay

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// prompt is what a short chat has: some 100 tokens.
const prompt = "You are a helpful assistant on a desktop. Answer in one short sentence and do not repeat the question. " +
	"A user has written a letter to the town hall and asks whether it is polite enough: Dear Sir or Madam, on Monday the " +
	"street light before my house went out, and since then children cross the street in the dark. Please have it mended soon."

const chatPath, ollamaPath, embedPath = "/v1/chat/completions", "/api/chat", "/api/embed"

func openAIChat(model string, stream bool, tokens int) string {
	return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}],"stream":%t,"max_tokens":%d}`, model, prompt, stream, tokens)
}

func ollamaChat(model string, tokens int) string {
	return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}],"stream":true,"options":{"num_predict":%d}}`, model, prompt, tokens)
}

// crew are the connections of a load.
type crew []*client

// board opens n connections.
func board(ctx context.Context, address string, n int) (crew, error) {
	all := make(crew, n)
	opening, ctx := errgroup.WithContext(ctx)
	const atOnce = 64
	opening.SetLimit(atOnce)
	for i := range all {
		opening.Go(func() (err error) {
			all[i], err = dial(ctx, address)
			return err
		})
	}
	if err := opening.Wait(); err != nil {
		all.leave()
		return nil, err
	}
	return all, nil
}

func (all crew) leave() {
	for _, c := range all {
		if c != nil {
			c.close()
		}
	}
}

// each has every connection work until all have ended, one has failed, or ctx ends.
func (all crew) each(ctx context.Context, work func(ctx context.Context, c *client) error) error {
	var working sync.WaitGroup
	var first error
	var once sync.Once
	stop := context.AfterFunc(ctx, all.leave)
	defer stop()
	for _, c := range all {
		working.Go(func() {
			if err := work(ctx, c); err != nil {
				once.Do(func() { first = err })
				all.leave() // what one cannot do ends it for all
			}
		})
	}
	working.Wait()
	return first
}

// latencies gathers times from many goroutines.
type latencies struct {
	mu  sync.Mutex
	all []time.Duration
}

func (l *latencies) add(more ...time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, more...)
}

// quantile is the time that a part of all stay below; 0 if there are none.
func (l *latencies) quantile(part float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == 0 {
		return 0
	}
	slices.Sort(l.all)
	return l.all[min(len(l.all)-1, int(part*float64(len(l.all))))]
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
