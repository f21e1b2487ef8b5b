package trust

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"carpool/app/control"
	"carpool/backends/backendstest"
	"carpool/storage"
)

// integrity is SQLite's own verdict on a history.
func integrity(t testing.TB, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=query_only(1)&_pragma=busy_timeout(5000)"}).String())
	if err != nil {
		t.Fatal(err)
	}
	var verdict string
	err = db.QueryRow("PRAGMA integrity_check").Scan(&verdict)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return verdict
}

// load keeps clients asking until stop; what they are told does not matter.
func (c *carpool) load(clients int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			d := streamedIn[i%len(streamedIn)]
			for ctx.Err() == nil {
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+d.path, strings.NewReader(d.body))
				if err != nil {
					return
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					time.Sleep(time.Millisecond) // nobody listens for a while
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
		http.DefaultClient.CloseIdleConnections()
	}
}

// acks are the ids that were read from the history's file: those are committed.
type acks struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (a *acks) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ids)
}

// read goes on reading until stop.
func (a *acks) read(c *carpool) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	client := control.Dial(c.stateDir())
	done.Go(func() {
		for ctx.Err() == nil {
			rows, err := client.Requests(ctx, storage.Query{Limit: 1000})
			if err != nil {
				time.Sleep(time.Millisecond) // it starts, or was killed
			}
			a.mu.Lock()
			for _, r := range rows {
				a.ids[r.ID] = true
			}
			a.mu.Unlock()
		}
	})
	return func() { cancel(); done.Wait() }
}

func Test20_Kill(t *testing.T) {
	t.Run("NoRowOnFileIsLost", func(t *testing.T) {
		kills := 5
		if isFull() {
			kills = 100
		}
		c := begin(t, backendstest.New(t), "queue.share_identical=false")
		seen := acks{ids: map[string]bool{}}
		began := time.Now()
		for i := range kills {
			before := seen.count()
			stopReading, stopLoad := seen.read(c), c.load(8)
			c.await("there is something to lose", func() error {
				if seen.count() == before {
					return errors.New("no new row")
				}
				return nil
			})
			time.Sleep(time.Duration(50+rand.IntN(450)) * time.Millisecond) // the moment
			c.signal(syscall.SIGKILL)
			_ = c.wait(time.Minute)
			stopReading()
			stopLoad()
			c.start() // needs lock and socket
			c.awaitEngine()
			if verdict := integrity(t, c.historyFile()); verdict != "ok" {
				t.Fatalf("after kill %d: %s", i+1, verdict)
			}
			if all, err := c.problems(); err != nil || len(all) > 0 {
				t.Fatalf("after kill %d: %v, %q", i+1, err, all)
			}
			if r := <-c.askAll(1); r.status != http.StatusOK {
				t.Fatalf("after kill %d: %d %q, %v", i+1, r.status, r.text, r.err)
			}
		}
		c.stop()
		rows := c.rows()
		onFile := map[string]bool{}
		for _, r := range rows {
			onFile[r.ID] = true
			switch r.Outcome {
			case "ok", "error", "cancelled", "rejected", "interrupted":
			default:
				t.Errorf("%s is %q", r.ID, r.Outcome)
			}
		}
		lost := 0
		for id := range seen.ids {
			if !onFile[id] {
				lost++
			}
		}
		if lost > 0 || len(onFile) != len(rows) {
			t.Errorf("%d of %d rows are lost; %d ids in %d rows", lost, len(seen.ids), len(onFile), len(rows))
		}
		if len(seen.ids) < kills {
			t.Errorf("only %d rows were seen before the kills", len(seen.ids))
		}
		figure(t, 20, fmt.Sprintf("%d × kill -9 under load, 50–500 ms after rows were on file", kills),
			fmt.Sprintf("%d rows read before a kill, %d lost; %d rows, integrity ok each time; %.0f s", len(seen.ids), lost, len(rows), time.Since(began).Seconds()))
	})
}
