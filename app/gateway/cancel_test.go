package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"carpool/backends/backendstest"
	"carpool/batching"
)

// running and waiting are the tickets of the one key, in the order that people see.
func (r *rig) running() (all []uint64) {
	for _, q := range r.scheduler.Snapshot() {
		for _, x := range q.Running {
			all = append(all, x.Ticket)
		}
	}
	return all
}

func (r *rig) waiting() (all []uint64) {
	for _, q := range r.scheduler.Snapshot() {
		for _, w := range q.Waiting {
			all = append(all, w.Ticket)
		}
	}
	return all
}

func (r *rig) cancel(ticket uint64) {
	r.t.Helper()
	if err := r.scheduler.Cancel(ticket); err != nil {
		r.t.Fatal(err)
	}
}

// isCancelled checks the record of a request that the user has cancelled.
func isCancelled(t *testing.T, rec Record, status int) {
	t.Helper()
	if rec.Outcome != Canceled || rec.ErrorKind != "cancelled" || rec.Status != status {
		t.Errorf("record %+v", rec)
	}
}

func TestCancelByTheUser(t *testing.T) {
	const words = "cancelled in Carpool"
	one := batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}}

	t.Run("TellsAWaitingClientInItsDialect", func(t *testing.T) {
		for path, shape := range map[string]string{
			"/api/chat":            `{"error":"` + words + `"}`,
			"/v1/chat/completions": `"message":"` + words + `","type":"conflict_error","param":null,"code":"cancelled"`,
			"/v1/messages":         `"type":"cancelled","message":"` + words,
		} {
			r, engine := scripted(t, Limits{}, one)
			engine.Hold()
			first := r.asks("/api/generate", `{"model":"tiny","prompt":"nonce:first"}`)
			held := engine.Next()
			answer := r.asks(path, `{"model":"tiny","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"nonce:x"}]}`)
			eventually(t, "it waits", func() bool { return len(r.waiting()) == 1 })
			r.cancel(r.waiting()[0])
			res := <-answer
			if got := text(t, res); res.StatusCode != 409 || !strings.Contains(got, shape) || res.Header.Get("X-Should-Retry") != "false" {
				t.Errorf("%s: %d %v %s", path, res.StatusCode, res.Header, got)
			}
			rec := r.recorded()
			isCancelled(t, rec, 409)
			if rec.Batch != 0 || engine.Hits() != 1 {
				t.Errorf("batch %d, the engine was asked %d times", rec.Batch, engine.Hits())
			}
			held.Release()
			if got := text(t, <-first); !endsWell(got) {
				t.Errorf("the other one got %q", got)
			}
			r.recorded()
			r.ended()
			r.noMore()
		}
	})

	t.Run("EndsARunningStreamInItsForm", func(t *testing.T) {
		for _, q := range inference[:6] {
			r, engine := scripted(t, Limits{}, batching.Settings{})
			engine.Always(backendstest.Script{Tokens: 3, End: backendstest.Stall, At: 3, Every: time.Millisecond})
			res := <-r.asks(q.path, q.stream)
			eventually(t, "tokens flow", func() bool { return r.scheduler.Totals().Tokens >= 3 })
			r.cancel(r.running()[0])
			got, broke := read(res)
			if !strings.Contains(got, words) || endsWell(got) || broke == (dialectOf(q.path) == Ollama) {
				t.Errorf("%s: broken off %v, %q", q.path, broke, got)
			}
			isCancelled(t, r.recorded(), 200)
			eventually(t, "the engine hears of it", func() bool { return engine.Running() == 0 })
			if r.engines.failures() != 0 || r.engines.troubles() != 0 {
				t.Errorf("the engine is blamed: %d failures, %d troubles", r.engines.failures(), r.engines.troubles())
			}
			r.ended()
			r.noMore()
		}
	})

	t.Run("TellsItByTheStatusWhereNothingWasSaidYet", func(t *testing.T) {
		r, engine := scripted(t, Limits{}, one)
		engine.Hold()
		answer := r.asks("/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":"nonce:x"}]}`)
		engine.Next()
		r.cancel(r.running()[0])
		res := <-answer
		if got := text(t, res); res.StatusCode != 409 || !strings.Contains(got, words) {
			t.Errorf("%d %s", res.StatusCode, got)
		}
		isCancelled(t, r.recorded(), 409)
		engine.Release()
	})

	t.Run("EndsARunForAllWhoShareIt", func(t *testing.T) {
		for _, waits := range []bool{true, false} {
			r, engine := scripted(t, Limits{Share: true}, one)
			engine.Hold()
			ahead := r.asks("/api/generate", `{"model":"tiny","prompt":"nonce:ahead"}`)
			held := engine.Next()
			const body = `{"model":"tiny","prompt":"nonce:x","options":{"temperature":0}}`
			both := []<-chan *http.Response{r.asks("/api/generate", body), r.asks("/api/generate", body)}
			r.sharers(1)
			eventually(t, "their run waits", func() bool { return len(r.waiting()) == 1 })
			ticket := r.waiting()[0]
			records := 2
			if !waits {
				held.Release()
				text(t, <-ahead)
				engine.Next()
				records++
			}
			r.cancel(ticket)
			for _, answer := range both {
				if got := text(t, <-answer); !strings.Contains(got, words) {
					t.Errorf("waiting %v: got %q", waits, got)
				}
			}
			engine.Release()
			if waits {
				held.Release()
				text(t, <-ahead)
				records++
			}
			told := 0
			for range records {
				if rec := r.recorded(); rec.ErrorKind == "cancelled" && rec.Outcome == Canceled {
					told++
				}
			}
			if told != 2 {
				t.Errorf("waiting %v: %d records say so", waits, told)
			}
			r.ended()
			r.noMore()
			r.settled()
		}
	})

	t.Run("LeavesTheOthersOfAMergedCall", func(t *testing.T) {
		r, engine := mergeRig(t)
		asks := []ask{native("first"), native("one"), native("two"), native("three")}
		first, replies := r.flock(engine, asks...)
		tickets := r.waiting()
		first.Release()
		merged := engine.Next()
		r.cancel(tickets[1])
		eventually(t, "its record is there", func() bool { return len(r.records) == 2 })
		merged.Release()
		engine.Release()
		for i, got := range replies() {
			if i == 2 {
				if got.status != 409 || !strings.Contains(got.body, words) {
					t.Errorf("got %d %s", got.status, got.body)
				}
				continue
			}
			asks[i].wants(t, got)
		}
		outcomes := map[Outcome]int{}
		for range asks {
			outcomes[r.recorded().Outcome]++
		}
		if outcomes[OK] != 3 || outcomes[Canceled] != 1 {
			t.Errorf("%v", outcomes)
		}
	})
}

func TestMoveToFront(t *testing.T) {
	r, engine := scripted(t, Limits{}, batching.Settings{Limits: batching.Limits{Mode: batching.Fixed, Size: 1}})
	engine.Hold()
	answers := []<-chan *http.Response{r.asks("/api/generate", `{"model":"tiny","prompt":"nonce:0"}`)}
	held := engine.Next()
	for i := 1; i < 4; i++ {
		answers = append(answers, r.asks("/api/generate", fmt.Sprintf(`{"model":"tiny","prompt":"nonce:%d"}`, i)))
		eventually(t, "it waits", func() bool { return len(r.waiting()) == i })
	}
	last := r.waiting()[2]
	if err := r.scheduler.MoveToFront(last); err != nil {
		t.Fatal(err)
	}
	if got := r.waiting(); got[0] != last {
		t.Errorf("the order is %v, not %d first", got, last)
	}
	order := ""
	for range answers {
		order += string(held.Request.Body[len(`{"model":"tiny","prompt":"nonce:`)])
		held.Release()
		if len(order) < len(answers) {
			held = engine.Next()
		}
	}
	if order != "0312" {
		t.Errorf("the engine was asked in the order %s", order)
	}
	for _, answer := range answers {
		_, _ = io.Copy(io.Discard, (<-answer).Body)
	}
}
