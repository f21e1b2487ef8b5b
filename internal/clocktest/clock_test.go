package clocktest

import (
	"testing"
	"time"
)

func TestSet(t *testing.T) {
	now := time.Now()
	for _, by := range []time.Duration{0, time.Second, 3 * time.Hour, -3 * time.Hour, 12 * 365 * 24 * time.Hour} {
		set := Set(now, by)
		if later := now.Add(time.Minute); later.Sub(set) != time.Minute || !set.Before(later) {
			t.Errorf("set by %v, a minute takes %v", by, later.Sub(set))
		}
		if got := set.Unix() - now.Unix(); got != int64(by/time.Second) {
			t.Errorf("set by %v, the clock moved %d s", by, got)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a time without the monotonic clock was set")
		}
	}()
	Set(now.Round(0), time.Hour)
}
