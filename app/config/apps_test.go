package config_test

import (
	"maps"
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

func TestAppsAreChecked(t *testing.T) {
	for key, bad := range map[string]string{
		"apps.keys": "Editor", "apps.weights": "Editor=20", "apps.priorities": "Editor=high",
		"apps.supersede": "a=b", "models.pinned": "two words", "adaptive.start": "65",
	} {
		if _, err := config.Default().With(key, bad); err == nil {
			t.Errorf("%s took %q", key, bad)
		}
	}
}
