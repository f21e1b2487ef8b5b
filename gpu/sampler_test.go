package gpu_test

import (
	"context"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"carpool/gpu"
	"carpool/gpu/gputest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sample runs a sampler in the bubble; stop ends it and gives what Run returned.
func sample(t *testing.T, r gpu.Reader, every time.Duration) (s *gpu.Sampler, stop func() error) {
	t.Helper()
	s = gpu.NewSampler(r, every)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	synctest.Wait()
	return s, func() error {
		cancel()
		return <-ended
	}
}

func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func requireUsed(t *testing.T, s *gpu.Sampler, want uint64) {
	t.Helper()
	if r := s.Last()[0]; !r.Available || r.MemoryUsed == nil || *r.MemoryUsed != want {
		t.Fatalf("last reading %+v, want %d used", r, want)
	}
}

func requireReads(t *testing.T, r *gputest.Reader, want int) {
	t.Helper()
	if got := r.Reads(); got != want {
		t.Fatalf("%d reads, want %d", got, want)
	}
}

func TestSampler(t *testing.T) {
	run := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}

	run("SaysThatItHasNotReadYet", func(t *testing.T) {
		r := gputest.NewReader(gputest.Busy(1, 10, 0))
		if last := gpu.NewSampler(r, time.Second).Last()[0]; last.Available || last.Reason != "GPU not read yet" {
			t.Fatalf("last reading %+v", last)
		}
	})

	run("ReadsAtOnceAndAtItsInterval", func(t *testing.T) {
		r := gputest.NewReader(gputest.Busy(1, 10, 0), gputest.Busy(2, 10, 0), gputest.Busy(3, 10, 0))
		s, stop := sample(t, r, time.Second)
		requireUsed(t, s, 1)
		wait(time.Second - 1)
		requireUsed(t, s, 1)
		wait(1)
		requireUsed(t, s, 2)
		wait(10 * time.Second)
		requireUsed(t, s, 3)
		requireReads(t, r, 12)
		if err := stop(); err != nil || r.Closes() != 1 {
			t.Fatalf("run: %v, closed %d times", err, r.Closes())
		}
		requireUsed(t, s, 3)
	})

	run("TakesANewIntervalAtOnce", func(t *testing.T) {
		r := gputest.NewReader(gputest.Busy(1, 10, 0))
		s, stop := sample(t, r, time.Hour)
		s.SetInterval(time.Second)
		wait(3 * time.Second)
		requireReads(t, r, 4)
		s.SetInterval(0) // as short as can be
		wait(time.Second)
		requireReads(t, r, 14)
		s.SetInterval(time.Hour)
		wait(59 * time.Minute)
		requireReads(t, r, 14)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})

	run("GivesUpAHangingReadAndNeverRepeatsIt", func(t *testing.T) {
		r := gputest.NewReader(gputest.Busy(1, 10, 0))
		s, stop := sample(t, r, time.Second)
		release := r.Hang()
		wait(time.Second)
		wait(2*time.Second - 1)
		requireUsed(t, s, 1)
		wait(1)
		if last := s.Last()[0]; last.Available || last.Reason != "GPU driver does not answer" || !last.At.Equal(time.Now()) {
			t.Fatalf("last reading %+v", last)
		}
		wait(time.Hour)
		requireReads(t, r, 2)

		release()
		wait(time.Second)
		requireUsed(t, s, 1)
		requireReads(t, r, 3)
		if err := stop(); err != nil || r.Closes() != 1 {
			t.Fatalf("run: %v, closed %d times", err, r.Closes())
		}
	})

	run("KeepsTheNamesOfGPUsThatDoNotAnswer", func(t *testing.T) {
		r := gputest.Machine(gputest.Busy(1, 10, 0), gputest.Busy(2, 10, 0))
		s, stop := sample(t, r, time.Second)
		began := time.Now()
		release := r.Hang()
		wait(3 * time.Second)
		for i, got := range s.Last() {
			want := gpu.Reading{At: began.Add(3 * time.Second), Reason: "GPU driver does not answer", Index: i, Name: "Test GPU", Driver: "1.0"}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		wait(7 * time.Second)
		release()
		synctest.Wait()
		if last := s.Last(); len(last) != 2 || !last[0].Available || !last[1].Available || !last[1].At.Equal(time.Now()) {
			t.Errorf("last readings %+v", last)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})

	run("SleepsWhileThereIsNothingToRead", func(t *testing.T) {
		r := gputest.NewReader()
		r.SetIdle(time.Now().Add(5 * time.Minute))
		s, stop := sample(t, r, time.Second)
		wait(5*time.Minute - 1)
		requireReads(t, r, 1)
		r.SetIdle(time.Time{})
		r.Then(gputest.Busy(1, 10, 0))
		wait(1)
		requireUsed(t, s, 1)
		wait(10 * time.Second)
		requireReads(t, r, 12)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})

	run("GivesUpAFirstReadThatHangs", func(t *testing.T) {
		r := gputest.NewReader(gputest.Busy(1, 10, 0))
		release := r.Hang()
		s, stop := sample(t, r, time.Second)
		wait(2 * time.Second)
		if last := s.Last()[0]; last.Reason != "GPU driver does not answer" {
			t.Fatalf("last reading %+v", last)
		}
		release()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})

	run("EndsThoughAReadHangsAndClosesTheReaderLater", func(t *testing.T) {
		r := gputest.NewReader(gputest.Busy(1, 10, 0))
		release := r.Hang()
		_, stop := sample(t, r, time.Second)
		began := time.Now()
		if err := stop(); err == nil {
			t.Error("run says that the reader was closed")
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("run ended after %v", took)
		}
		if r.Closes() != 0 {
			t.Error("the reader was closed while it read")
		}
		release()
		synctest.Wait()
		if r.Closes() != 1 {
			t.Error("the reader was not closed")
		}
	})
}
