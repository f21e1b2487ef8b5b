package relay

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestPlay(t *testing.T) {
	gives := func(name string, got sample, err error) scenario {
		return scenario{name: name, rounds: 3, targets: []string{carpool}, figures: []figure{{name: "rate"}},
			run: func(context.Context, *stage, *target) (sample, error) { return got, err }}
	}
	s := &stage{targets: []*target{{name: carpool}}}

	t.Run("OneThatFailsTakesNothingFromTheOthers", func(t *testing.T) {
		sections, err := s.play(t.Context(), []scenario{
			gives("first", sample{"rate": 1}, nil), gives("broken", nil, errors.New("cut off")), gives("last", sample{"rate": 2}, nil),
		}, nil)
		if err == nil || !strings.Contains(err.Error(), "broken: carpool: cut off") {
			t.Errorf("error %v", err)
		}
		if len(sections) != 2 || sections[0].Name != "first" || sections[1].Figures[0].Median[carpool] != 2 {
			t.Errorf("%+v", sections)
		}
	})

	t.Run("EndsWithItsContext", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		last := gives("last", nil, nil)
		last.run = func(context.Context, *stage, *target) (sample, error) { t.Error("goes on"); return nil, nil }
		first := gives("first", nil, nil)
		first.run = func(context.Context, *stage, *target) (sample, error) { cancel(); return nil, ctx.Err() }
		if _, err := s.play(ctx, []scenario{first, last}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}
