package trust

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"carpool/backends/backendstest"
)

func TestCarpoolUnderTest(t *testing.T) {
	engine := backendstest.New(t)
	c := begin(t, engine, "batching.mode=fixed", "batching.max_batch_size=2")
	resp, err := http.Post(c.url+"/api/generate", "application/json", strings.NewReader(`{"model":"tiny","prompt":"nonce:first"}`))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "first") {
		t.Fatalf("%s, %v: %s", resp.Status, err, body)
	}
	c.stop()
	if rows := c.rows(); len(rows) != 1 || rows[0].Outcome != "ok" {
		t.Errorf("rows %+v", rows)
	}
}
