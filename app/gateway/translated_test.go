package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"carpool/backends"
)

func TestRenamedIsTheSameWhenItIsSentAgain(t *testing.T) {
	c := &call{body: []byte(`{"model":"box/tiny"}`), target: backends.Target{Model: "tiny", Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		again, err := r.GetBody() // as net/http does where an idle connection was closed
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(again); string(got) != `{"model":"tiny"}` || int64(len(got)) != r.ContentLength {
			t.Errorf("%d bytes: %s", r.ContentLength, got)
		}
		return nil, io.EOF
	})}}
	req, err := http.NewRequest(http.MethodPost, "http://engine/api/show", strings.NewReader(string(c.body)))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.roundTripRenamed(req)
}

func TestRenamed(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"box/tiny","prompt":"x"}`:             `{"model":"tiny","prompt":"x"}`,
		"{ \"prompt\" : \"model\",\n\"MODEL\" : \"a\"}": "{ \"prompt\" : \"model\",\n\"MODEL\" : \"tiny\"}",
		`{"model":"box/tiny","name":"x"}`:               `{"model":"tiny","name":"x"}`,
		`{"name":"x","model":"box/tiny"}`:               `{"name":"x","model":"tiny"}`,
		`{"name":"box/tiny","verbose":true}`:            `{"name":"tiny","verbose":true}`,
		`{"options":{"model":"other"},"model":null}`:    `{"options":{"model":"other"},"model":"tiny"}`,
		`{"prompt":"x"}`:                                `{"prompt":"x"}`,
		`{"model":`:                                     `{"model":`,
	} {
		if got := string(renamed([]byte(body), "tiny")); got != want {
			t.Errorf("%s became %s, want %s", body, got, want)
		}
	}
}

// FuzzRenamed changes the model's name in whatever peek lets through, and nothing
// else.
func FuzzRenamed(f *testing.F) {
	for _, body := range []string{`{"model":"a/b"}`, `{"a":[{"model":1}],"model":"x","stream":true}`, `{"mOdEl":"\u0061/b","x":{}}`, `{}`, `{"name":"n","model":"x"}`, `{"model":"x","NAME":"n"}`} {
		f.Add([]byte(body), "tiny:latest")
	}
	f.Fuzz(func(t *testing.T, body []byte, model string) {
		before, fault := peek(body, OpenAI, routes["/v1/chat/completions"])
		if fault != nil || before.model == "" || !isPlainJSON(model) {
			return
		}
		got := renamed(body, model)
		after, fault := peek(got, OpenAI, routes["/v1/chat/completions"])
		if fault != nil {
			t.Fatalf("%q became %q: %v", body, got, fault)
		}
		if after.model != model {
			t.Fatalf("%q asks for %q, want %q", got, after.model, model)
		}
		if !reflect.DeepEqual(butModel(t, body), butModel(t, got)) {
			t.Fatalf("%q became %q", body, got)
		}
	})
}

// isPlainJSON reports whether a name comes out of JSON as it went in.
func isPlainJSON(name string) bool {
	var back string
	return json.Unmarshal(mustJSON(name), &back) == nil && back == name
}

// butModel are the members of a body but for its model.
func butModel(t *testing.T, body []byte) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	for name := range all {
		if is([]byte(name), "model") {
			delete(all, name)
		}
	}
	return all
}
