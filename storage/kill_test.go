package storage

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// killed names the file of a child process that is killed while it writes.
const killed = "CARPOOL_TEST_KILLED"

func init() {
	path := os.Getenv(killed)
	if path == "" {
		return
	}
	s, err := Open(context.Background(), Options{Path: path})
	for i := uint64(1); err == nil; i++ {
		s.AddBatch(Batch{ID: i, Started: noon})
		s.AddRequest(Request{Batch: &i, Started: noon})
		s.AddDecision(Decision{At: noon})
		s.AddSample(Sample{At: noon.Add(time.Duration(i) * time.Second)})
		err = s.Flush(context.Background())
		fmt.Println(i)
	}
	panic(err)
}

func TestRowsOnDiskSurviveAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), killed+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var told uint64
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, err := fmt.Sscan(lines.Text(), &told); err != nil {
			t.Fatal(err)
		}
		if told == 200 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // it was killed

	s := openStore(t, Options{Path: path})
	if st := s.State(); !st.OK || st.Problem != "" {
		t.Errorf("state %+v", st)
	}
	last, err := s.LastBatch(t.Context())
	if err != nil || told < 200 || last < told {
		t.Errorf("last batch %d %v, the child was told of %d", last, err, told)
	}
	sum, err := s.Summary(t.Context(), Query{})
	if got := len(decisions(t, s, Query{})); uint64(got) != last {
		t.Errorf("%d decisions, last batch %d", got, last)
	}
	if err != nil || sum.Requests != sum.Batches || uint64(sum.Batches) != last {
		t.Errorf("%+v %v, last batch %d", sum, err, last)
	}
	use, err := s.AppUse(t.Context(), Query{})
	if err != nil || len(use) != 1 || use[0].Requests != sum.Requests {
		t.Errorf("use %+v, %v, of %d requests", use, err, sum.Requests)
	}
	points, err := s.Points(t.Context(), Query{}, 2)
	var seconds int64
	for _, p := range points.Points {
		seconds += int64(p.Seconds)
	}
	if err != nil || points.Step < time.Minute || seconds != sum.Requests {
		t.Errorf("%d seconds in steps of %v, %v, of %d samples", seconds, points.Step, err, sum.Requests)
	}
}
