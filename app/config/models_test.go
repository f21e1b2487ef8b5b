package config_test

import (
	"maps"
	"testing"

	"carpool/app/config"
)

func TestNumCtxOf(t *testing.T) {
	c, err := config.Default().With("models.num_ctx", "Llama3.2:latest=4096, qwen3:8b=default, llama3.2=8192, hf.co/a/B:Q4=1048576")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"llama3.2": 8192, "qwen3:8b": 0, "hf.co/a/b:q4": 1 << 20}
	if got := c.Models.NumCtxOf(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range []string{"m", "m=", "=4096", "m=255", "m=1048577", "m=-1", "m=04096", "m=4096.0", "m=own", "two words=4096"} {
		if _, err := c.With("models.num_ctx", bad); err == nil {
			t.Errorf("it took %q", bad)
		}
	}
}
