package backends

import (
	"crypto/x509"
	"os"
	"slices"
	"strings"
	"time"
)

// Settings say where engines are and which go first. They may change at any time
// through Registry.Configure; requests in flight finish where they are.
type Settings struct {
	URL         string            // the only engine beside Engines, of any kind; "" = discover; "demo" = the demo engine
	Demo        string            // "auto": until a real engine was ever seen; "always"; "never"; "" = auto
	Engines     []Source          // engines with a name of their own
	NoDiscovery bool              // look nowhere but at URL and Engines
	Order       []string          // names or kinds of engines, the preferred first; all others follow as they are found
	Keys        map[string]string // bearer tokens by engine name or kind; "$NAME" is read from the environment
	Groups      map[string]string // by engine name or kind: engines of one group share a GPU
	Connect     time.Duration     // to reach an engine; 0 = 2 s
	Self        []string          // addresses that are Carpool's own beside Options.Self
	Authorities *x509.CertPool    // who vouches for https engines; nil = whom the system trusts
}

// Source is an engine that the settings name.
type Source struct {
	Name string // unique; "" = by its kind
	URL  string // as Ollama reads OLLAMA_HOST: host, host:port or a URL
	Kind Kind   // "" = any: it is asked what it is
}

// key is the bearer token for an engine by its name, else by its kind; "" = none.
func (s *Settings) key(name string, k Kind) string {
	key := s.Keys[name]
	if key == "" {
		key = s.Keys[string(k)]
	}
	if variable, ok := strings.CutPrefix(key, "$"); ok {
		return os.Getenv(variable)
	}
	return key
}

// group is the GPU that an engine shares, "" = none.
func (s *Settings) group(name string, k Kind) string {
	if g := s.Groups[name]; g != "" {
		return g
	}
	return s.Groups[string(k)]
}

// rank is an engine's place in Order; those not listed come last.
func (s *Settings) rank(name string, k Kind) int {
	i := slices.Index(s.Order, name)
	if i < 0 {
		i = slices.Index(s.Order, string(k))
	}
	if i < 0 {
		i = len(s.Order)
	}
	return i
}
