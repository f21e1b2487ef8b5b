package gpu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// script is a reader that gives what it is told to.
type script struct {
	readings []Reading
	gate     chan struct{} // not nil: reads hang until it is closed
	reads    int
	closed   error
	closes   int
}

func (s *script) Read(context.Context) []Reading {
	s.reads++
	if s.gate != nil {
		<-s.gate
	}
	return s.readings
}

func (s *script) Close() error {
	s.closes++
	return s.closed
}

func (s *script) says(readings ...Reading) { s.readings = readings }

func graphics(name string) Reading {
	return Reading{Available: true, Index: 9, UUID: "id " + name, Name: name}
}

func because(reason string) Reading { return Reading{Reason: reason} }

// inOneLine is all readings in one line.
func inOneLine(all []Reading) string {
	var s []string
	for _, r := range all {
		if r.Available {
			s = append(s, fmt.Sprintf("%d %s", r.Index, r.Name))
		} else {
			s = append(s, fmt.Sprintf("%d %s(%s)", r.Index, r.Name, r.Reason))
		}
	}
	return strings.Join(s, ", ")
}

func requireSame(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("%s\n got %s\nwant %s", what, got, want)
	}
}

func TestSeveral(t *testing.T) {
	why := func(reasons []string) string { return "none: " + strings.Join(reasons, " and ") }
	two := func() (first, second *script, s *several) {
		first, second = &script{}, &script{}
		return first, second, newSeveral(why, first, second)
	}
	gives := func(t *testing.T, s *several, want string) {
		t.Helper()
		requireSame(t, "readings", inOneLine(s.Read(t.Context())), want)
	}

	t.Run("GivesAllGPUsOneAfterTheOther", func(t *testing.T) {
		first, second, s := two()
		first.says(graphics("A"), graphics("B"))
		second.says(graphics("C"))
		gives(t, s, "0 A, 1 B, 2 C")
		if first.readings[0].Index != 9 {
			t.Error("what a reader gave was changed")
		}
		if err := s.Close(); err != nil || first.closes != 1 || second.closes != 1 {
			t.Errorf("close: %v, %d and %d times", err, first.closes, second.closes)
		}
	})

	t.Run("HearsWhoFindsNoneOnlyWhereNothingElseIs", func(t *testing.T) {
		first, second, s := two()
		first.says(because("no NVIDIA GPU"))
		second.says(graphics("C"))
		gives(t, s, "0 C")
		first.says(because("NVIDIA driver not loaded")) // of a GPU that nobody knows
		gives(t, s, "0 C")
		second.says(because(noAMD))
		gives(t, s, "0 (none: NVIDIA driver not loaded and no AMD GPU)")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})

	t.Run("KeepsThePlaceOfAGPUInTrouble", func(t *testing.T) {
		first, second, s := two()
		first.says(graphics("A"))
		sleeping := because("asleep")
		sleeping.Name = "C"
		second.says(sleeping, graphics("D"))
		gives(t, s, "0 A, 1 C(asleep), 2 D")
		first.says(because(gpuLost.String()))
		gives(t, s, "0 A("+gpuLost.String()+"), 1 C(asleep), 2 D")
		first.says(graphics("A"))
		gives(t, s, "0 A, 1 C(asleep), 2 D")
		second.says(because(noAMD)) // taken out
		gives(t, s, "0 A")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})

	t.Run("IsNotHeldUpByAReaderThatHangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			first, second, s := two()
			first.says(graphics("A"))
			second.says(graphics("C"))
			gives(t, s, "0 A, 1 C")
			gate := make(chan struct{})
			first.gate = gate
			for i, want := range []time.Duration{1500 * time.Millisecond, 0, 0} {
				began := time.Now()
				gives(t, s, "0 A(GPU driver does not answer), 1 C")
				if took := time.Since(began); took != want {
					t.Errorf("read %d took %v", i, took)
				}
			}
			synctest.Wait()
			if first.reads != 2 || second.reads != 4 {
				t.Errorf("%d and %d reads", first.reads, second.reads)
			}

			first.gate = nil
			close(gate)
			synctest.Wait()
			first.says(graphics("B")) // the late answer is not told
			gives(t, s, "0 B, 1 C")
			if err := s.Close(); err != nil || first.reads != 3 {
				t.Errorf("close: %v, %d reads", err, first.reads)
			}
		})
	})

	t.Run("SaysThatADriverNeverAnswered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			first, second, s := two()
			gate := make(chan struct{})
			first.gate = gate
			first.says(graphics("A"))
			second.says(because(noAMD))
			gives(t, s, "0 (none: GPU driver does not answer and no AMD GPU)")

			closed := make(chan error)
			go func() { closed <- s.Close() }()
			synctest.Wait()
			if first.closes != 0 || second.closes != 1 {
				t.Errorf("closed %d and %d times", first.closes, second.closes)
			}
			close(gate)
			if err := <-closed; err != nil || first.closes != 1 {
				t.Errorf("close: %v, %d times", err, first.closes)
			}
		})
	})

	t.Run("IsSeenByTheSamplerThoughOneHangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			first, second, s := two()
			gate := make(chan struct{})
			first.gate = gate
			second.says(graphics("C"))
			sampler := NewSampler(s, time.Second)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- sampler.Run(ctx) }()
			time.Sleep(time.Minute)
			synctest.Wait()
			requireSame(t, "last", inOneLine(sampler.Last()), "0 C")
			cancel()
			if err := <-ended; err == nil {
				t.Error("run says that the readers were closed")
			}
			close(gate)
			synctest.Wait()
			if first.closes != 1 || second.closes != 1 {
				t.Errorf("closed %d and %d times", first.closes, second.closes)
			}
		})
	})

	t.Run("ClosesEachThoughItNeverRead", func(t *testing.T) {
		first, second, s := two()
		first.closed = errors.New("release GPU driver")
		if err := s.Close(); !errors.Is(err, first.closed) || first.closes != 1 || second.closes != 1 {
			t.Errorf("close: %v, %d and %d times", err, first.closes, second.closes)
		}
	})
}

func TestWhyNoGPUIsRead(t *testing.T) {
	const noNVIDIA = "no NVIDIA GPU"
	for name, c := range map[string]struct {
		adapters []vendor
		reasons  []string
		want     string
	}{
		"NoneAtAll":       {nil, []string{noNVIDIA, noAMD}, "no NVIDIA GPU, no AMD GPU"},
		"NoneWithoutCgo":  {nil, []string{withoutCgo, noAMD}, withoutCgo + ", no AMD GPU"},
		"NVIDIANoCgo":     {[]vendor{nv}, []string{withoutCgo, noAMD}, withoutCgo},
		"NVIDIANoDriver":  {[]vendor{intel, nv}, []string{noNVIDIA, noAMD}, "the NVIDIA GPU cannot be read: install NVIDIA's driver"},
		"AMDNoDriver":     {[]vendor{amd}, []string{noNVIDIA, noAMD}, "the AMD GPU cannot be read: its driver amdgpu is not loaded"},
		"IntelOnly":       {[]vendor{intel}, []string{noNVIDIA, noAMD}, "the only GPU is Intel's, and those cannot be read"},
		"IntelNoCgo":      {[]vendor{intel}, []string{withoutCgo, noAMD}, "the only GPU is Intel's, and those cannot be read"},
		"OtherVendor":     {[]vendor{"0x1a03"}, []string{noNVIDIA, noAMD}, "no NVIDIA GPU, no AMD GPU"},
		"DriverInTrouble": {[]vendor{intel, nv}, []string{driverNotLoaded.String(), noAMD}, "NVIDIA driver not loaded"},
		"TwoInTrouble":    {nil, []string{hung, "broken"}, "GPU driver does not answer; broken"},
	} {
		t.Run(name, func(t *testing.T) {
			requireSame(t, "reason", whyNone(c.adapters, c.reasons), c.want)
		})
	}
}
