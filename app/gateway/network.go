package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"time"
)

// Network marks what l accepts as coming from other computers. Such a request
// needs the token of SetToken, may read and infer but not manage, and counts for
// its address. The server needs the gateway's ConnContext; l's other wrappers go
// inside.
func Network(l net.Listener) net.Listener { return networkListener{l} }

type networkListener struct{ net.Listener }

// Accept implements net.Listener.
func (l networkListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return networkConn{c}, nil
}

type networkConn struct{ net.Conn }

// CloseWrite tells the client of the end before the connection is closed, as net/http
// does where a body was not read.
func (c networkConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

type networkKey struct{}

func fromNetwork(ctx context.Context) bool {
	from, _ := ctx.Value(networkKey{}).(bool)
	return from
}

// gate is what lets requests from the network in. It holds the token's hash, so
// that comparing takes the same time for all.
type gate struct {
	sum  [sha256.Size]byte
	open bool
}

// SetToken sets the token that requests from the network need; while open is false
// none comes in. Whoever sends it as a bearer's Authorization or as x-api-key, it never
// goes on to an engine. It may be called at any time; requests that were let in go on.
func (g *Gateway) SetToken(token string, open bool) {
	if token == "" {
		g.gate.Store(nil)
		return
	}
	g.gate.Store(&gate{sha256.Sum256([]byte(token)), open})
}

// take takes the token out of a request's headers, and reports whether it was there.
func (g *gate) take(h http.Header) (found bool) {
	if g == nil {
		return false
	}
	for _, name := range []string{"Authorization", "X-Api-Key"} {
		for _, value := range h[name] {
			sum := sha256.Sum256([]byte(bearer(value)))
			if subtle.ConstantTimeCompare(sum[:], g.sum[:]) == 1 {
				found = true
				h.Del(name)
			}
		}
	}
	return found
}

// bearer is the key in a header's value, with its scheme or without.
func bearer(value string) string {
	value = strings.TrimSpace(value)
	if scheme, key, ok := strings.Cut(value, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(key)
	}
	return value
}

// check refuses a request from the network that does not hold the token.
func (g *gate) check(held bool) *fault {
	switch {
	case g == nil || !g.open:
		return newFault(localOnly, "Carpool is not open to the network; its user can open it with: carpool lan on")
	case !held:
		return newFault(invalidKey, "other computers need Carpool's token: send it as \"Authorization: Bearer …\" or as x-api-key; "+
			"\"carpool lan token\" shows it on the computer that Carpool runs on")
	}
	return nil
}

// computes are calls without a turn that change nothing, though they are posted.
var computes = map[string]bool{
	"/api/show": true, "/tokenize": true, "/detokenize": true, "/apply-template": true,
	"/v1/messages/count_tokens": true, "/v1/audio/transcriptions": true, "/v1/audio/translations": true,
	"/api/extra/tokencount": true, "/api/extra/tokenize": true, "/api/extra/detokenize": true, "/api/extra/json_to_grammar": true,
}

// servesNetwork reports whether other computers may make the call: what reads or
// infers. All else is closed to them, also what engines will have tomorrow.
func (c *call) servesNetwork() bool {
	path := c.in.URL.Path
	switch c.in.Method {
	case http.MethodGet, http.MethodHead:
		return !isManagement(path)
	case http.MethodPost:
		if routes[path].scheduled || computes[path] {
			return true
		}
		for _, all := range own {
			if all[path].scheduled {
				return true
			}
		}
	}
	return false
}

// The times for which other computers may have a model stay loaded. Shorter ones
// would unload it under those who use it here, longer ones keep the GPU's memory.
const leastKeep, mostKeep = time.Minute, 24 * time.Hour

// moves reports whether a body would unload a model or keep it loaded for ever, or may,
// as it is not read.
func (s *sketch) moves() bool {
	return s.packed || s.keep.given && (s.keep.d < leastKeep || s.keep.d > mostKeep)
}

// notFromNetwork is the fault of a call that is for programs of this computer.
func notFromNetwork() *fault {
	return newFault(localOnly, "other computers may not change models and engines here: do it on the computer that Carpool runs on")
}
