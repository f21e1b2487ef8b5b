package gateway

import (
	"encoding/json"
	"net/http"
	"slices"

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
	var about struct {
		Key string `json:"genkey"`
	}
	_ = json.Unmarshal(body, &about) // what is no JSON has no key
	if about.Key == "" || c.in.Method != http.MethodPost {
		f := newFault(invalidRequest, "without a genkey this would be about whatever runs, of any app: post the genkey of your request")
		f.param = "genkey"
		c.client.refuse(c.dialect, f)
		return
	}
	c.body = body
	c.serveStraight()
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
