package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carpool/app/config"
)

func TestApps(t *testing.T) {
	a := config.Apps{
		Keys:       []string{"c2VjcmV0==Editor"},
		Weights:    []string{"Editor=2", "Indexer=0.5", "Editor=3"},
		Priorities: []string{"Indexer=background"},
	}
	if got := a.ByKey(); !maps.Equal(got, map[string]string{"c2VjcmV0=": "Editor"}) {
		t.Errorf("keys %v", got)
	}
	if got := a.WeightOf(); !maps.Equal(got, map[string]float64{"Editor": 3, "Indexer": 0.5}) {
		t.Errorf("weights %v", got)
	}
	if got := a.PriorityOf(); !maps.Equal(got, map[string]string{"Indexer": "background"}) {
		t.Errorf("priorities %v", got)
	}
}

func TestKeysAreMasked(t *testing.T) {
	c, err := config.Default().With("apps.keys", "c2VjcmV0==Editor, sk-1=Indexer")
	if err != nil {
		t.Fatal(err)
	}
	masked := c.Masked()
	if got, _ := masked.Get("apps.keys"); got != "***=Editor, ***=Indexer" {
		t.Errorf("masked %q", got)
	}
	if got, _ := c.Get("apps.keys"); got != "c2VjcmV0==Editor, sk-1=Indexer" {
		t.Errorf("masking changed its source: %q", got)
	}
	masked.Apps.Keys = c.Apps.Keys
	if !masked.Equal(c) {
		t.Error("masking changed other settings")
	}
}

func TestErrorsNeverQuoteAKey(t *testing.T) {
	for _, bad := range []string{"sk-secret", "sk-secret=", "sk-secret=a=", "ok=Editor, sk-secret", "sk-secret\xff=Editor", "***=Editor"} {
		_, err := config.Default().With("apps.keys", bad)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	file := filepath.Join(t.TempDir(), "carpool.toml")
	for _, bad := range []string{`["sk-secret"]`, `"sk-secret=Editor"`, `["sk-secret=Editor", 1]`, `["sk-secret=Editor]`} {
		if err := os.WriteFile(file, []byte("[apps]\nkeys = "+bad+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := config.Load(file); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestAppsAreChecked(t *testing.T) {
	for key, bad := range map[string]string{
		"apps.keys": "Editor", "apps.weights": "Editor=20", "apps.priorities": "Editor=high",
		"apps.supersede": "a=b", "models.pinned": "two words", "models.num_ctx": "m=255", "adaptive.start": "65",
	} {
		if _, err := config.Default().With(key, bad); err == nil {
			t.Errorf("%s took %q", key, bad)
		}
	}
}
