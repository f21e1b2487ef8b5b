package relay_test

import (
	"os"
	"testing"

	"carpool/app/bench/relay"
)

func TestMeasureServes(t *testing.T) {
	t.Setenv(program, "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := relay.Measure(t.Context(), relay.Options{Program: self, Version: "1.2.3", Quick: true, Only: []string{"vllm32"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Sections {
		got := map[string]float64{}
		for _, f := range s.Figures {
			got[f.Name] = f.Median["carpool"]
		}
		if got["failed"] != 0 || got["served"] < 3*24 {
			t.Errorf("%s: %v served, %v failed of 24 clients in three turns", s.Name, got["served"], got["failed"])
		}
		for _, name := range []string{"direct", "fixed", "adaptive", "memory"} {
			if got[name] <= 0 {
				t.Errorf("%s: %s is %v", s.Name, name, got[name])
			}
		}
		if got["limit"] < 4 || got["limit"] > 1024 {
			t.Errorf("%s: limit %v", s.Name, got["limit"])
		}
	}
}
