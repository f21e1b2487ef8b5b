package trust

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

func Test23_LockedHistory(t *testing.T) {
	t.Run("RequestsAreAnsweredAndTheirRowsComeLater", func(t *testing.T) {
		held, during := 2*time.Second, 40
		if isFull() {
			held, during = 30*time.Second, 300 // with their batches fewer rows than wait in memory at most
		}
		c := begin(t, backendstest.New(t))
		usual := c.answered(during)
		c.awaitRows(during)

		db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: c.historyFile(), RawQuery: "_txlock=exclusive&_pragma=busy_timeout(5000)"}).String())
		if err != nil {
			t.Fatal(err)
		}
		lock, err := db.BeginTx(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		locked := c.answered(during)
		if isFull() {
			c.awaitProblem("history paused: its file is locked by another program", true)
		}
		time.Sleep(held - time.Since(began)) // for so long it is locked at least
		var onFile int
		err = lock.QueryRow("SELECT count(*) FROM request").Scan(&onFile)
		if err := errors.Join(err, lock.Rollback(), db.Close()); err != nil {
			t.Fatal(err)
		}
		if onFile != during {
			t.Errorf("%d rows came to a locked file", onFile-during)
		}
		c.awaitRows(2 * during)
		c.awaitProblem("history", false)
		c.stop()
		if rows := c.rows(); len(rows) != 2*during {
			t.Errorf("%d rows, want %d", len(rows), 2*during)
		}
		figure(t, 23, fmt.Sprintf("another program locks the history for %.0f s, %d requests", held.Seconds(), during),
			fmt.Sprintf("every request 200, the slowest %d ms, %d ms before; every row on file after it", locked.Milliseconds(), usual.Milliseconds()))
	})
}
