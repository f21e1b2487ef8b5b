package config_test

import (
	"reflect"
	"strings"
	"testing"

	"carpool/app/config"
)

func TestEngines(t *testing.T) {
	e := config.Engines{
		List:   []string{"box=openai https://box.lan:8000/v1", "old=http://10.0.0.1:1", "old=10.0.0.2", "old=ollama http://10.0.0.3:11434"},
		Keys:   []string{"first=box", "sk-=a==box", "$BOX_KEY=one", "$BOX_KEY=two"},
		Groups: []string{"ollama=0", "box=1"},
	}
	if got, want := e.Items(), []config.EngineItem{{"box", "openai", "https://box.lan:8000/v1"}, {"old", "ollama", "http://10.0.0.3:11434"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("engines %+v, want %+v", got, want)
	}
	for range 20 { // engines of one key, and keys of one engine, in whatever order a map has
		if got, want := e.ByName(), map[string]string{"box": "sk-=a=", "one": "$BOX_KEY", "two": "$BOX_KEY"}; !reflect.DeepEqual(got, want) {
			t.Fatalf("keys %v, want %v", got, want)
		}
	}
	if got, want := e.GroupOf(), map[string]string{"ollama": "0", "box": "1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("groups %v, want %v", got, want)
	}
}

func TestEnginesAreChecked(t *testing.T) {
	for item, good := range map[string]bool{
		"box=http://10.0.0.1:8000":          true,
		"box=lmstudio http://10.0.0.1:1234": true,
		"my.box_2=https://[::1]:1/base":     true,
		"http://10.0.0.1:8000":              false,
		"box=":                              false,
		"box=demo":                          false,
		"demo=http://10.0.0.1":              false,
		"..=http://10.0.0.1":                false,
		"a/b=http://10.0.0.1":               false,
		"box =http://10.0.0.1":              false,
		"box=vllm http://10.0.0.1":          false,
		"box=openai http://a http://b":      false,
		"box=http://a, b=openai http://a":   false,
		"box=http://a, b=openai http://b":   true,
		"box=ftp://10.0.0.1":                false,
		"box=http://":                       false,
		"box=http://10.0.0.1?key=s3cret":    false,
		"box=http://me:s3cret@10.0.0.1":     false,
		"box=http://me:s3cret%zz@10.0.0.1":  false,
		"my box=http://me:s3cret@10.0.0.1":  false,
		"box=vllm http://me:s3cret@box.lan": false,
	} {
		_, err := config.Default().With("engines.list", item)
		if (err == nil) != good {
			t.Errorf("%q: %v", item, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: the error shows a password: %v", item, err)
		}
	}
}

func TestAKeyIsNotTakenForItsEngine(t *testing.T) {
	c, err := config.Default().With("engines.list", "box=http://10.0.0.1:8000")
	if err != nil {
		t.Fatal(err)
	}
	for item, good := range map[string]bool{"s3cret=box": true, "s3cret=lmstudio": true, "$KEY=ollama-2": true, "box=s3cret": false, "s3cret=other": false, "s3cret=": false} {
		_, err := c.With("engines.keys", item)
		if (err == nil) != good || err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", item, err)
		}
	}
}
