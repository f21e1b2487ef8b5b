package gateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"unicode/utf8"

	"carpool/backends"
)

// koboldKeyed are the routes of KoboldCpp's that are about one request, which it
// knows by the genkey that its client gave it. Without one they are about whatever
// runs without a key: they would end, or show, the request of another app
// (koboldcpp.py 1.120, do_POST).
var koboldKeyed = map[string]bool{
	"/api/extra/abort":          true,
	"/api/extra/generate/check": true,
	"/api/extra/last_logprobs":  true,
}

// serveKeyed passes on what is about one request, if it says about which.
func (c *call) serveKeyed() {
	body, held, f := readBody(c.client, c.in, &c.memory, smallBody)
	defer c.memory.give(held)
	if f != nil {
		c.client.refuse(c.dialect, f)
		return
	}
	key := koboldKey(body)
	if key == "" || c.in.Method != http.MethodPost {
		f := newFault(invalidRequest, "without a genkey this would be about whatever runs, of any app: post the genkey of your request")
		f.param = "genkey"
		c.client.refuse(c.dialect, f)
		return
	}
	// Written anew: what KoboldCpp cannot read it takes for no key at all.
	c.body, _ = json.Marshal(map[string]string{"genkey": key}) // never fails
	c.serveStraight()
}

// koboldKey is the genkey of a body, by its exact name; "" = it has none.
func koboldKey(body []byte) (key string) {
	var fields map[string]json.RawMessage
	if utf8.Valid(body) && json.Unmarshal(body, &fields) == nil {
		_ = json.Unmarshal(fields["genkey"], &key) // what is no text is no key
	}
	return key
}

// isKobold reports whether a path is one of KoboldCpp's own, beside what is under /v1.
func isKobold(path string) bool {
	return own[backends.KindKoboldCPP][path].scheduled || path != "/v1/models" && slices.Contains(straight[backends.KindKoboldCPP], path)
}

// koboldDetail is KoboldCpp's error: {"detail": {"msg": …, "type": …}}.
type koboldDetail struct {
	Message string `json:"msg"`
	Type    string `json:"type"`
}
