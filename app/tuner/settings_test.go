package tuner_test

import (
	"reflect"
	"testing"
	"time"

	"carpool/app/config"
	"carpool/app/tuner"
	"carpool/batching"
)

func TestSettings(t *testing.T) {
	wait := 50 * time.Millisecond
	tests := []struct {
		name string
		set  func(*config.Config)
		want batching.Limits
	}{
		{"AdaptiveBeginsAtTheStart", func(*config.Config) {},
			batching.Limits{Mode: batching.Fixed, Size: 4, Wait: wait, Parallel: 1, Reason: "adaptive: begins at 4"}},
		{"AdaptiveKeepsItsCeiling", func(c *config.Config) { c.Adaptive.Start, c.Adaptive.Max = "9", 6 },
			batching.Limits{Mode: batching.Fixed, Size: 6, Wait: wait, Parallel: 1, Reason: "adaptive: begins at 6"}},
		{"OfALeastAboveTheMostTheMostCounts", func(c *config.Config) { c.Adaptive.Min, c.Adaptive.Max = 9, 6 },
			batching.Limits{Mode: batching.Fixed, Size: 6, Wait: wait, Parallel: 1, Reason: "adaptive: begins at 6"}},
		{"Fixed", func(c *config.Config) { c.Batching.Mode, c.Batching.MaxBatchSize = "fixed", 3 },
			batching.Limits{Mode: batching.Fixed, Size: 3, Wait: wait, Parallel: 1, Reason: "fixed at 3"}},
		{"Static", func(c *config.Config) { c.Batching.Mode, c.Batching.MaxParallelBatches = "static", 2 },
			batching.Limits{Mode: batching.Static, Size: 8, Wait: wait, Parallel: 2, Reason: "static: batches of 8, or after 50 ms"}},
		{"OffIsSerial", func(c *config.Config) { c.Batching.Enabled = false },
			batching.Limits{Mode: batching.Serial, Reason: "batching is off: one request at a time"}},
		{"OffMayBePassthrough", func(c *config.Config) { c.Batching.Enabled, c.Batching.OffMode = false, "passthrough" },
			batching.Limits{Mode: batching.Passthrough, Reason: "batching is off: straight to the engine"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := config.Default()
			tt.set(&c)
			if got := tuner.Settings(c).Limits; got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestSettingsCarryTheQueuesRules(t *testing.T) {
	c := config.Default()
	for key, value := range map[string]string{
		"queue.order": "arrival", "queue.reserved_urgent": "2", "queue.guard_s": "30", "queue.prefix_credit": "100",
		"queue.shortest_first": "on", "models.pinned": "m:latest", "models.max_wait_s": "9", "apps.weights": "Editor=2",
	} {
		var err error
		if c, err = c.With(key, value); err != nil {
			t.Fatal(err)
		}
	}
	got := tuner.Settings(c)
	want := batching.Settings{Limits: got.Limits, MaxWaiting: 512, ReservedOthers: 64, CancelGrace: 2 * time.Second,
		Order: batching.Arrival, Weights: map[string]float64{"Editor": 2}, ReservedUrgent: 2, Guard: 30 * time.Second,
		MergeTexts: 64, PrefixCredit: 100, ShortestFirst: true, Pinned: map[string]bool{"m:latest": true}, ModelMaxWait: 9 * time.Second}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
	if d := tuner.Settings(config.Default()); d.Order != batching.Fair || d.Guard != time.Minute || d.PrefixCredit != 4000 || d.ModelMaxWait != 30*time.Second {
		t.Fatalf("defaults %+v", d)
	}
}

func TestSizeKeyIsTheOneTheModeUses(t *testing.T) {
	c := config.Default()
	if got := tuner.SizeKey(c); got != "adaptive.max" {
		t.Errorf("adaptive: %s", got)
	}
	c.Batching.Mode = "static"
	if got := tuner.SizeKey(c); got != "batching.max_batch_size" {
		t.Errorf("static: %s", got)
	}
}
