package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carpool/batching"
)

func TestApp(t *testing.T) {
	tests := []struct {
		header, agent, want string
	}{
		{"Editor", "curl/8", "Editor"},
		{"  Edi\tto\x00r ", "", "Editor"},
		{strings.Repeat("ä", 40), "", strings.Repeat("ä", 32)},
		{"", "curl/8.5.0", "curl"},
		{"", "OpenAI/Python 1.99.0", "OpenAI"},
		{"", "ollama-python/0.4 (x86_64 linux) Python/3.12", "ollama-python"},
		{"", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) obsidian/1.5.3 Chrome/120.0 Electron/28.0 Safari/537.36", "obsidian"},
		{"", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36", "Chrome"},
		{"", "Mozilla/5.0 (X11; rv:1.2) Gecko/20100101 Firefox/120.0", "Firefox"},
		{"", "", "192.0.2.1"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("X-Carpool-App", tt.header)
		r.Header.Set("User-Agent", tt.agent)
		if got := (identities{}).appOf(r); got != tt.want {
			t.Errorf("%q %q: %q, want %q", tt.header, tt.agent, got, tt.want)
		}
	}
}

func TestPriority(t *testing.T) {
	for header, want := range map[string]batching.Priority{
		"urgent": batching.Urgent, "High": batching.Urgent, "normal": batching.Normal, "": batching.Normal, "x": batching.Normal,
		"background": batching.Background, "low": batching.Background,
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("X-Carpool-Priority", header)
		if got := (identities{}).priorityOf(r, "Editor"); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}

func TestTheAppsDefaultPriority(t *testing.T) {
	ids := newIdentities(Limits{Priorities: map[string]batching.Priority{"Indexer": batching.Background}})
	for header, want := range map[string]batching.Priority{"": batching.Background, "normal": batching.Normal, "urgent": batching.Urgent} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("X-Carpool-Priority", header)
		if got := ids.priorityOf(r, "Indexer"); got != want {
			t.Errorf("%q: %v", header, got)
		}
		if got := ids.priorityOf(r, "Editor"); header == "" && got != batching.Normal {
			t.Errorf("of another app: %v", got)
		}
	}
}

func TestKeysNameApps(t *testing.T) {
	ids := newIdentities(Limits{Keys: map[string]string{"sk-1": "Editor", "sk-2": "Indexer", "sk-ant": "Agent"}})
	for _, tt := range []struct{ header, value, want string }{
		{"Authorization", "Bearer sk-1", "Editor"},
		{"Authorization", "bearer  sk-2", "Indexer"},
		{"X-Api-Key", "sk-ant", "Agent"},
		{"Authorization", "Bearer sk-12", "curl"},
		{"Authorization", "Bearer ollama", "curl"},
		{"Authorization", "Bearer ", "curl"},
		{"Authorization", "Basic sk-1", "curl"},
		{"Authorization", "sk-1", "curl"},
		{"X-Api-Key", "", "curl"},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("User-Agent", "curl/8")
		r.Header.Set(tt.header, tt.value)
		if got := ids.appOf(r); got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.header, tt.value, got, tt.want)
		}
		r.Header.Set("X-Carpool-App", "Named")
		if got := ids.appOf(r); got != "Named" {
			t.Errorf("%s %q: %q goes before what the app says", tt.header, tt.value, got)
		}
	}
}

// aPeer is known after a time.
type aPeer struct {
	known chan struct{}
	name  string
}

func (p *aPeer) Done() <-chan struct{} { return p.known }
func (p *aPeer) Name() string          { return p.name }

func knownAfter(d time.Duration, name string) *aPeer {
	p := &aPeer{make(chan struct{}), name}
	time.AfterFunc(d, func() { close(p.known) })
	return p
}

func from(p Peer) *http.Request {
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("User-Agent", "curl/8")
	return r.WithContext(context.WithValue(r.Context(), peerKey{}, p))
}

func TestPeer(t *testing.T) {
	ids := newIdentities(Limits{Keys: map[string]string{"sk-1": "Editor"}})
	for _, tt := range []struct {
		about  string
		after  time.Duration
		name   string
		header [2]string
		want   string
		waits  time.Duration
	}{
		{"KnownAtOnce", 0, "indexer.py", [2]string{}, "indexer.py", 0},
		{"KnownInTime", 900 * time.Microsecond, "indexer.py", [2]string{}, "indexer.py", 900 * time.Microsecond},
		{"NeverWaitsLonger", time.Hour, "indexer.py", [2]string{}, "curl", time.Millisecond},
		{"NotFound", 0, "", [2]string{}, "curl", 0},
		{"MadeFitToBeShown", 0, strings.Repeat("x", 100) + "\n", [2]string{}, strings.Repeat("x", maxAppName), 0},
		{"AfterTheHeader", time.Hour, "indexer.py", [2]string{"X-Carpool-App", "Named"}, "Named", 0},
		{"AfterTheKey", time.Hour, "indexer.py", [2]string{"Authorization", "Bearer sk-1"}, "Editor", 0},
	} {
		t.Run(tt.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := from(knownAfter(tt.after, tt.name))
				if tt.header[0] != "" {
					r.Header.Set(tt.header[0], tt.header[1])
				}
				if tt.after == 0 {
					synctest.Wait()
				}
				began := time.Now()
				if got := ids.appOf(r); got != tt.want {
					t.Errorf("%q, want %q", got, tt.want)
				}
				if took := time.Since(began); took != tt.waits {
					t.Errorf("waited %v, want %v", took, tt.waits)
				}
			})
		})
	}
	t.Run("LaterRequestsOfTheConnectionGetIt", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := from(knownAfter(20*time.Millisecond, "indexer.py"))
			if got := ids.appOf(r); got != "curl" {
				t.Errorf("first: %q", got)
			}
			time.Sleep(20 * time.Millisecond)
			synctest.Wait()
			if got := ids.appOf(r); got != "indexer.py" {
				t.Errorf("later: %q", got)
			}
		})
	})
	t.Run("DoesNotOutliveItsClient", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := from(&aPeer{known: make(chan struct{})})
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			began := time.Now()
			ids.appOf(r.WithContext(ctx))
			if time.Since(began) != 0 {
				t.Error("it waited")
			}
		})
	})
}
