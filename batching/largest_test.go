package batching_test

import (
	"errors"
	"testing"

	"carpool/batching"
)

func TestLargest(t *testing.T) {
	set := fixed(2)
	set.Largest = 1000
	t.Run("RefusesAtArrivalWhatCanNeverFit", func(t *testing.T) {
		c := batching.NewCore(set, batching.Options{})
		_, err := c.Arrive(at(0), batching.Request{Key: key, PromptLeast: 1001})
		var size batching.TooLargeError
		if !errors.Is(err, batching.ErrTooLarge) || !errors.As(err, &size) || size.Need != 1001 || size.Room != 1000 {
			t.Fatalf("err %v", err)
		}
		if st := c.Snapshot(at(0)); len(st) != 0 || c.Totals().QueueDepth != 0 {
			t.Fatalf("it left %+v behind", st)
		}
	})
	t.Run("TakesWhatMayFit", func(t *testing.T) {
		for name, r := range map[string]batching.Request{
			"as large as the room":           {PromptLeast: 1000},
			"an estimate":                    {PromptTokens: 5000},
			"one that asks for more":         {PromptLeast: 900, MaxTokens: 8192},
			"nothing is known of its prompt": {},
		} {
			c := batching.NewCore(set, batching.Options{})
			r.Key = key
			arrive(t, c, at(0), 1, r)
			if got := c.Step(at(0)).Released; len(got) != 1 {
				t.Errorf("%s: released %d", name, len(got))
			}
		}
	})
	t.Run("IsOfOneKey", func(t *testing.T) {
		c := batching.NewCore(fixed(2), batching.Options{})
		c.SetLimits(key, batching.Limits{Size: 2, Largest: 10})
		arrive(t, c, at(0), 1, batching.Request{Key: other, PromptLeast: 1000})
		if _, err := c.Arrive(at(0), batching.Request{Key: key, PromptLeast: 1000}); !errors.Is(err, batching.ErrTooLarge) {
			t.Errorf("err %v", err)
		}
	})
	t.Run("LeavesWhoWaitsAlready", func(t *testing.T) {
		c := batching.NewCore(fixed(1), batching.Options{})
		running := arrive(t, c, at(0), 1, batching.Request{Key: key})
		c.Step(at(0))
		arrive(t, c, at(1), 1, batching.Request{Key: key, PromptLeast: 1000})
		c.SetLimits(key, batching.Limits{Size: 1, Largest: 10})
		if got := end(c, at(2), running...); len(got) != 1 {
			t.Errorf("released %d", len(got))
		}
	})
}
