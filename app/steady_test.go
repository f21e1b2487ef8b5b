package app

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"carpool/batching"
	"carpool/storage"
)

func TestSteady(t *testing.T) {
	start := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	tiny := batching.Key{Engine: "ollama", Model: "tiny"}
	stream := batching.Request{Key: tiny, Streams: true}

	// lines are what second after second had to tell.
	lines := func(found []storage.CurveSecond) (all []string) {
		for _, c := range found {
			all = append(all, fmt.Sprintf("%s %d running %d tokens", c.Model, c.Running, c.Tokens))
		}
		return all
	}
	for _, tt := range []struct {
		name string
		plot func(s *steady) []storage.CurveSecond // looks at 1 s and at 2 s
		want []string
	}{
		{"CountsASecondThatIsWholly", func(s *steady) []storage.CurveSecond {
			a, b := s.Released(at(100), stream), s.Released(at(100), stream)
			a.Tokens(at(300), 1)
			b.Tokens(at(300), 1)
			s.second(at(1000))
			a.Tokens(at(1200), 30)
			b.Tokens(at(1900), 31)
			return s.second(at(2000))
		}, []string{"tiny 2 running 61 tokens"}},
		{"LeavesOutTheSecondInWhichTheNumberChanged", func(s *steady) []storage.CurveSecond {
			a := s.Released(at(100), stream)
			a.Tokens(at(200), 1)
			s.second(at(1000))
			s.Released(at(1500), stream).Tokens(at(1501), 1)
			return s.second(at(2000))
		}, nil},
		{"ForgivesAPlaceThatIsFilledAgainAtOnce", func(s *steady) []storage.CurveSecond {
			a, b := s.Released(at(0), stream), s.Released(at(0), stream)
			a.Tokens(at(10), 1)
			b.Tokens(at(10), 1)
			s.second(at(1000))
			a.Ended(at(1500), batching.Served, batching.Report{OutputTokens: 900})
			c := s.Released(at(1520), stream)
			c.Tokens(at(1560), 7)
			return s.second(at(2000))
		}, []string{"tiny 2 running 7 tokens"}},
		{"LeavesOutTheReadingOfPrompts", func(s *steady) []storage.CurveSecond {
			s.Released(at(0), stream).Tokens(at(10), 1)
			_ = s.Released(at(0), stream)
			s.second(at(1000))
			return s.second(at(2000))
		}, nil},
		{"LeavesOutWhatIsToldAtTheEndOnly", func(s *steady) []storage.CurveSecond {
			for range 19 { // among so many a silent one would be forgiven
				s.Released(at(0), stream).Tokens(at(10), 1)
			}
			_ = s.Released(at(0), batching.Request{Key: tiny})
			s.second(at(1000))
			return s.second(at(2000))
		}, nil},
		{"TellsModelsApart", func(s *steady) []storage.CurveSecond {
			large := stream
			large.Model = "large"
			s.Released(at(0), stream).Tokens(at(10), 1)
			s.Released(at(0), large).Tokens(at(10), 1)
			s.second(at(1000))
			return s.second(at(2000))
		}, []string{"large 1 running 0 tokens", "tiny 1 running 0 tokens"}},
		{"BelievesNoSecondThatTookLonger", func(s *steady) []storage.CurveSecond {
			s.Released(at(0), stream).Tokens(at(10), 1)
			s.second(at(1000))
			return s.second(at(2400))
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSteady(nobody{})
			s.second(at(0))
			got := lines(tt.plot(s))
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	t.Run("ForgetsAModelThatHasNothingToDo", func(t *testing.T) {
		s := newSteady(nobody{})
		s.Released(at(0), stream).Ended(at(10), batching.Canceled, batching.Untold())
		s.second(at(1000))
		if len(s.crowds) != 0 {
			t.Errorf("%d are kept", len(s.crowds))
		}
	})
}

func BenchmarkSteadyToken(b *testing.B) {
	s := newSteady(nobody{})
	stream := s.Released(time.Now(), batching.Request{Streams: true})
	now := time.Now()
	for b.Loop() {
		stream.Tokens(now, 1)
	}
}
