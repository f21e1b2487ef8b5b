package trust

import (
	"fmt"
	"os"
	"testing"
)

// isFull says that a test is to take its full form: as many requests, kills and
// minutes as docs/reliability.md tells of.
func isFull() bool { return os.Getenv("CARPOOL_TRUST") == "full" }

// figure notes what a run has measured: a row of the table in docs/reliability.md,
// under the number of its test, with what was done and what came of it.
func figure(t testing.TB, number int, did, found string) {
	t.Helper()
	t.Logf("%d: %s: %s", number, did, found)
	name := os.Getenv("CARPOOL_FIGURES")
	if name == "" || t.Failed() {
		return
	}
	const mode = 0o600
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, mode)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(f, "%02d\t%s\t%s\n", number, did, found); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
