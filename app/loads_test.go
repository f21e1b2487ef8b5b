package app

import (
	"fmt"
	"testing"
	"time"

	"carpool/batching"
)

func TestLoadsOfEndlessNames(t *testing.T) {
	told := 0
	l := newLoads(deaf{}, func(batching.Key, time.Duration) { told++ })
	now := time.Now()
	const names = 10 * mostLoads
	for i := range names {
		k := batching.Key{Engine: "ollama", Model: fmt.Sprint("model-", i)}
		l.Released(now, batching.Request{Key: k}).Ended(now.Add(time.Second), batching.Served, batching.Report{Load: time.Second})
		if len(l.ended) > mostLoads {
			t.Fatalf("%d loads are kept", len(l.ended))
		}
	}
	if told != names {
		t.Errorf("%d loads were told of %d", told, names)
	}
}
