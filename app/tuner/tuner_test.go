package tuner_test

import (
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
		set  func(*config.Batching)
		want batching.Limits
	}{
		{"AdaptiveSaysThatItRunsAsFixed", func(*config.Batching) {},
			batching.Limits{Mode: batching.Fixed, Size: 8, Wait: wait, Parallel: 1, Reason: "adaptive, for now fixed at 8"}},
		{"AdaptiveKeepsItsCeiling", func(b *config.Batching) { b.MaxBatchSize = 40 },
			batching.Limits{Mode: batching.Fixed, Size: 32, Wait: wait, Parallel: 1, Reason: "adaptive, for now fixed at 32"}},
		{"Fixed", func(b *config.Batching) { b.Mode, b.MaxBatchSize = "fixed", 3 },
			batching.Limits{Mode: batching.Fixed, Size: 3, Wait: wait, Parallel: 1, Reason: "fixed at 3"}},
		{"Static", func(b *config.Batching) { b.Mode, b.MaxParallelBatches = "static", 2 },
			batching.Limits{Mode: batching.Static, Size: 8, Wait: wait, Parallel: 2, Reason: "static: batches of 8, or after 50 ms"}},
		{"OffIsSerial", func(b *config.Batching) { b.Enabled = false },
			batching.Limits{Mode: batching.Serial, Reason: "batching is off: one request at a time"}},
		{"OffMayBePassthrough", func(b *config.Batching) { b.Enabled, b.OffMode = false, "passthrough" },
			batching.Limits{Mode: batching.Passthrough, Reason: "batching is off: straight to the engine"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := config.Default()
			tt.set(&c.Batching)
			if got := tuner.Settings(c).Limits; got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestSettingsCarryTheQueuesBounds(t *testing.T) {
	got := tuner.Settings(config.Default())
	if got.MaxWaiting != 512 || got.ReservedOthers != 64 || got.MaxWait != 0 || got.CancelGrace != 2*time.Second {
		t.Fatalf("%+v", got)
	}
}
