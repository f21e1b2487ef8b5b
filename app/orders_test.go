package app_test

import (
	"net/http"
	"strings"
	"testing"

	"carpool/app"
)

func TestOrders(t *testing.T) {
	t.Run("CancelsWhatRunsAndWhatWaits", func(t *testing.T) {
		o, _ := stalled(t)
		a := start(t, o)
		const slow = `{"model":"tiny","prompt":"hi"}`
		if err := a.Set(t.Context(), "batching.mode", "fixed"); err != nil {
			t.Fatal(err)
		}
		if err := a.Set(t.Context(), "batching.max_batch_size", "1"); err != nil {
			t.Fatal(err)
		}
		running := call(t.Context(), t, a, "/api/generate", slow)
		answer := make(chan *http.Response, 2)
		for range 2 {
			go func() { answer <- call(t.Context(), t, a, "/api/generate", slow) }()
		}
		s := until(t, a, "two wait", func(s app.Snapshot) bool { return s.Batching.QueueDepth == 2 && len(s.Queues[0].Running) == 1 })
		first, last, runs := s.Queues[0].Waiting[0].Ticket, s.Queues[0].Waiting[1].Ticket, s.Queues[0].Running[0].Ticket
		if err := a.MoveToFront(last); err != nil {
			t.Fatal(err)
		}
		s = until(t, a, "the last one is next", func(s app.Snapshot) bool { return s.Queues[0].Waiting[0].Ticket == last })
		if why := s.Queues[0].Waiting[0].Why; why != "next: moved to the front" {
			t.Errorf("it waits because %q", why)
		}
		for _, ticket := range []uint64{first, last, runs} {
			if err := a.CancelRequest(ticket); err != nil {
				t.Error(err)
			}
		}
		for range 2 {
			if res := <-answer; res.StatusCode != http.StatusConflict || !strings.Contains(text(t, res), "cancelled in Carpool") {
				t.Errorf("status %d", res.StatusCode)
			}
		}
		if got := text(t, running); !strings.Contains(got, "cancelled in Carpool") {
			t.Errorf("the running one got %q", got[max(0, len(got)-100):])
		}
		if err := a.CancelRequest(first); err == nil || !strings.Contains(err.Error(), "there is no such request any more") {
			t.Errorf("cancelled twice: %v", err)
		}
		for _, r := range history(t, a, 3) {
			if r.Outcome != "cancelled" || r.ErrorKind != "cancelled" {
				t.Errorf("row %+v", r)
			}
		}
	})
}
