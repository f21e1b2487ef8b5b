package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"time"

	"carpool/batching"
)

const (
	// maxAppName bounds an app's name, in bytes.
	maxAppName = 64
	// peerWait is the longest that a request waits for its program's name.
	peerWait = time.Millisecond
)

// Peer is the program at the other end of a connection.
type Peer interface {
	Done() <-chan struct{} // closed when the program is known, or known not to be found
	Name() string          // "" = not found; called after Done
}

type peerKey struct{}

// ConnContext is http.Server's: it begins to look for the program at the other
// end of c, once for all requests of the connection, or knows c to be the network's.
func (g *Gateway) ConnContext(ctx context.Context, c net.Conn) context.Context {
	if _, ok := c.(networkConn); ok {
		return context.WithValue(ctx, networkKey{}, true)
	}
	if h, ok := c.(holder); ok {
		ctx = context.WithValue(ctx, holderKey{}, h)
	}
	if g.peer == nil {
		return ctx
	}
	client, okClient := c.RemoteAddr().(*net.TCPAddr)
	server, okServer := c.LocalAddr().(*net.TCPAddr)
	if !okClient || !okServer {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, g.peer(client.AddrPort(), server.AddrPort()))
}

// identities is what the settings say of apps, prepared once for all requests.
type identities struct {
	keys       []namedKey
	priorities map[string]batching.Priority
}

// namedKey is the hash of a key, so that comparing takes the same time for all.
type namedKey struct {
	sum [sha256.Size]byte
	app string
}

func newIdentities(l Limits) identities {
	ids := identities{priorities: l.Priorities}
	for key, app := range l.Keys {
		ids.keys = append(ids.keys, namedKey{sha256.Sum256([]byte(key)), appName(app)})
	}
	return ids
}

// appOf names the app behind a request, for fairness and for people: what it
// says of itself, else the app of a key in the settings, else the program that
// holds the connection, else its User-Agent's product, else its address. What
// another computer says of itself nobody can check, so it is its address.
func (ids identities) appOf(r *http.Request) string {
	if fromNetwork(r.Context()) {
		return address(r)
	}
	if name := appName(r.Header.Get("X-Carpool-App")); name != "" {
		return name
	}
	if name := ids.appOfKey(r.Header); name != "" {
		return name
	}
	if name := appName(peerName(r.Context())); name != "" {
		return name
	}
	if name := appName(product(r.UserAgent())); name != "" {
		return name
	}
	return address(r)
}

func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	return host
}

// appOfKey is the app of a listed key; "" = none. All other keys say nothing:
// local apps share dummies such as "ollama" or "sk-xxx".
func (ids identities) appOfKey(h http.Header) string {
	if len(ids.keys) == 0 {
		return ""
	}
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	for _, key := range []string{strings.TrimSpace(token), h.Get("X-Api-Key")} {
		if name := ids.find(key); name != "" {
			return name
		}
	}
	return ""
}

// find compares key with every listed one, whichever it is.
func (ids identities) find(key string) (app string) {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(key))
	for _, k := range ids.keys {
		if subtle.ConstantTimeCompare(sum[:], k.sum[:]) == 1 {
			app = k.app
		}
	}
	return app
}

// peerName is the name of the program at the other end; "" = not known, or not
// in time. A later request of the connection may get it.
func peerName(ctx context.Context) string {
	p, ok := ctx.Value(peerKey{}).(Peer)
	if !ok {
		return ""
	}
	select {
	case <-p.Done():
		return p.Name()
	default:
	}
	late := time.NewTimer(peerWait)
	defer late.Stop()
	select {
	case <-p.Done():
		return p.Name()
	case <-late.C:
	case <-ctx.Done():
	}
	return ""
}

// appName makes s fit to be shown: plain text of one line, not too long.
func appName(s string) string {
	s = strings.TrimSpace(plainText(s))
	if len(s) > maxAppName {
		s = strings.TrimSpace(strings.ToValidUTF8(s[:maxAppName], ""))
	}
	return s
}

// engines of browsers, which tell nothing of the app around them.
var browserTokens = map[string]bool{"Mozilla": true, "AppleWebKit": true, "Gecko": true, "Version": true,
	"Mobile": true, "Safari": true, "Chrome": true, "Electron": true}

// product is the first product of a User-Agent that tells its app. Desktop apps
// built on a browser put their name between the browser's own.
func product(userAgent string) string {
	fallback := ""
	depth := 0
	for word := range strings.FieldsSeq(userAgent) {
		inside := depth > 0 || strings.HasPrefix(word, "(")
		depth += strings.Count(word, "(") - strings.Count(word, ")")
		if inside {
			continue
		}
		name, _, _ := strings.Cut(word, "/")
		if !browserTokens[name] {
			return name
		}
		if fallback == "" || name == "Chrome" {
			fallback = name
		}
	}
	return fallback
}

// priorityOf reads X-Carpool-Priority, and without it the app's default. What it
// does not know counts as normal.
func (ids identities) priorityOf(r *http.Request, app string) batching.Priority {
	switch strings.ToLower(strings.TrimSpace(r.Header.Get("X-Carpool-Priority"))) {
	case "":
		return ids.priorities[app]
	case "urgent", "high":
		return batching.Urgent
	case "background", "low":
		return batching.Background
	}
	return batching.Normal
}
