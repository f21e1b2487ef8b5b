//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"

	"carpool/app/gateway"
	"carpool/storage"
)

// audit stops p and checks its history against what /health, the clients and the
// engine have seen: a row for each request, a row for each batch, equal sums.
func (p *pool) audit(ctx context.Context) error {
	h, err := p.idle(ctx)
	if err != nil {
		return err
	}
	last, err := p.status(ctx)
	if err != nil {
		return err
	}
	if !last.History.OK || last.History.Path == "" {
		return fmt.Errorf("history is %+v", last.History)
	}
	if err := p.stop(); err != nil {
		return err
	}
	store, err := storage.Open(ctx, storage.Options{Path: last.History.Path})
	if err != nil {
		return err
	}
	all := storage.Query{Limit: 1_000_000}
	requests, err1 := store.Requests(ctx, all)
	batches, err2 := store.Batches(ctx, all)
	sums, err3 := store.Summary(ctx, all)
	if err := errors.Join(err1, err2, err3, store.Close(ctx)); err != nil {
		return err
	}
	fmt.Printf("history of %s: %d requests in %d batches, %d and %d by /health, outcomes %v\n",
		p.url, len(requests), len(batches), h.Batching.Requests, h.Batching.Batches, sums.Outcomes)
	return errors.Join(
		checkHealth(h, sums),
		checkRows(requests, batches, sums),
		p.checkSeen(requests, last.Gateway),
		p.checkLeft(requests),
	)
}

func checkHealth(h health, sums storage.Summary) error {
	var errs []error
	if !h.History.OK || h.History.Dropped > 0 {
		errs = append(errs, fmt.Errorf("history in /health: %+v", h.History))
	}
	if int64(h.Batching.Requests) != sums.Released {
		errs = append(errs, fmt.Errorf("/health released %d requests, history %d", h.Batching.Requests, sums.Released))
	}
	if int64(h.Batching.Batches) != sums.Batches {
		errs = append(errs, fmt.Errorf("/health has %d batches, history %d", h.Batching.Batches, sums.Batches))
	}
	if sums.Batches > 0 {
		mean := float64(sums.Released) / float64(sums.Batches)
		if math.Abs(mean-h.Batching.AvgBatchSize) > 1e-9 {
			errs = append(errs, fmt.Errorf("/health has a mean batch size of %v, history %v", h.Batching.AvgBatchSize, mean))
		}
	}
	return errors.Join(errs...)
}

// checkRows holds the history against itself.
func checkRows(requests []storage.Request, batches []storage.Batch, sums storage.Summary) error {
	var errs []error
	ids := map[string]bool{}
	members := map[uint64]int{}
	tokens := map[uint64]int64{}
	released := 0
	for _, r := range requests {
		if ids[r.ID] {
			errs = append(errs, fmt.Errorf("request %s has two rows", r.ID))
		}
		ids[r.ID] = true
		switch r.Outcome {
		case "ok", "error", "cancelled", "rejected", "interrupted":
		default:
			errs = append(errs, fmt.Errorf("request %s has outcome %q", r.ID, r.Outcome))
		}
		nowhere := r.Engine == "" && (r.ErrorKind != "model_not_found" || r.Batch != nil)
		if r.Simulated || r.Model == "" || nowhere || r.Route == "" {
			errs = append(errs, fmt.Errorf("request %s does not say what it was: %+v", r.ID, r))
		}
		if r.Batch != nil {
			released++
			members[*r.Batch]++
			if r.OutputTokens != nil {
				tokens[*r.Batch] += *r.OutputTokens
			}
		}
	}
	seen := map[uint64]bool{}
	for _, b := range batches {
		if seen[b.ID] {
			errs = append(errs, fmt.Errorf("batch %d has two rows", b.ID))
		}
		seen[b.ID] = true
		if members[b.ID] != b.Released {
			errs = append(errs, fmt.Errorf("batch %d released %d, history has %d of them", b.ID, b.Released, members[b.ID]))
		}
	}
	for id := range members {
		if !seen[id] {
			errs = append(errs, fmt.Errorf("batch %d has requests and no row", id))
		}
	}
	if int(sums.Requests) != len(requests) || int(sums.Batches) != len(batches) || int(sums.Released) != released {
		errs = append(errs, fmt.Errorf("summary %+v of %d requests, %d released, in %d batches", sums, len(requests), released, len(batches)))
	}
	return errors.Join(errs...)
}

// checkSeen holds the history against what the clients and the engine saw, and
// what the engine was spared against what Carpool says of that.
func (p *pool) checkSeen(requests []storage.Request, spared gateway.Stats) error {
	var errs []error
	batch := map[string]string{}
	released := map[string]int{}
	for _, r := range requests {
		if r.Batch != nil {
			released[r.Route]++
			batch[r.ID] = strconv.FormatUint(*r.Batch, 10)
		}
	}
	all, shared := p.ledger.all()
	if shared != spared.Shared {
		errs = append(errs, fmt.Errorf("%d answers were shared, Carpool counts %d", shared, spared.Shared))
	}
	for id, told := range all {
		if batch[id] != told {
			errs = append(errs, fmt.Errorf("request %s was told batch %s, history has %q", id, told, batch[id]))
		}
	}
	if p.kind != "ollama" || p.meter == nil {
		return errors.Join(errs...) // translated, and asked again while it loads: the routes are others
	}
	got := p.meter.routes()
	embedded := 0
	for _, path := range []string{"/api/embed", "/v1/embeddings"} {
		embedded += released[path] - got[path]
		delete(released, path)
		delete(got, path)
	}
	if embedded != int(spared.Merge.Saved) {
		errs = append(errs, fmt.Errorf("the engine got %d embedding calls fewer than history has released, merging says %d", embedded, spared.Merge.Saved))
	}
	if !maps.Equal(got, released) {
		errs = append(errs, fmt.Errorf("the engine got %v, history has released %v", got, released))
	}
	return errors.Join(errs...)
}

// checkLeft finds clients that count as gone and were not: some close the
// connection as soon as they have read the end mark.
func (p *pool) checkLeft(requests []storage.Request) error {
	n := 0
	var last string
	for _, r := range requests {
		if r.Outcome == "cancelled" {
			n++
			last = fmt.Sprintf("%s by %s, %d bytes", r.Route, r.App, r.AnswerBytes)
		}
	}
	if n != p.left {
		return fmt.Errorf("%d requests were abandoned, history has %d cancelled, the last %s", p.left, n, last)
	}
	return nil
}
