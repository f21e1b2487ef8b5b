package app

import (
	"testing"
	"time"

	"carpool/app/config"
	"carpool/storage"
)

func TestCounterAddsUpToTheTotal(t *testing.T) {
	var c counter
	var sum int64
	for _, total := range []uint64{0, 7, 7, 30, 26, 28, 41} { // an estimate was 4 too high
		grew := c.since(total)
		if grew < 0 {
			t.Errorf("%d tokens were written", grew)
		}
		sum += grew
	}
	if sum != 41 {
		t.Errorf("the seconds add up to %d of 41", sum)
	}
}

func TestFeedHasOneSecondForEachTick(t *testing.T) {
	var f feed
	start := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		tick time.Duration
		want int
	}{
		{10003 * time.Millisecond, 10},
		{10999 * time.Millisecond, 11}, // early
		{12001 * time.Millisecond, 12},
		{14500 * time.Millisecond, 14}, // one was missed: there is nothing to tell of its second
		{15500 * time.Millisecond, 15},
	} {
		if got := f.place(start.Add(tt.tick)); !got.Equal(start.Add(time.Duration(tt.want) * time.Second)) {
			t.Errorf("the tick at %v went to %v, want second %d", tt.tick, got, tt.want)
		}
	}
}

func TestRetentionFollowsTheSettings(t *testing.T) {
	c := config.Default().History
	const day = 24 * time.Hour
	if got, want := retention(c), (storage.Retention{Rows: 90 * day, Samples: 7 * day, Minutes: 90 * day, Bytes: 900 << 20}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	c.RetentionDays, c.MaxMiB = 0, 0
	if got := retention(c); got.Rows != 0 || got.Bytes != 0 {
		t.Errorf("0 is a bound: %+v", got)
	}
}
