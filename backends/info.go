package backends

import (
	"slices"
	"strings"
	"time"
)

// Info is a copy of what is known of an engine. It may be stale.
type Info struct {
	Name      string `json:"name"` // unique; Key.Engine and X-Carpool-Engine
	Kind      Kind   `json:"kind"`
	Label     string `json:"label"`   // for people: "Ollama", "Demo engine (simulated)"
	URL       string `json:"url"`     // "" for the demo engine
	Version   string `json:"version"` // "" for the demo engine
	Health    Health `json:"health"`
	Problem   string `json:"problem,omitempty"` // in words, when not Up
	Simulated bool   `json:"simulated"`
	Active    bool   `json:"active"` // requests go here
	Slots     int    `json:"slots"`  // requests it says it runs at once; 0 = not told

	// KVTokens is how many tokens all requests in it may hold together; 0 = not
	// told. Where it is told, more than that ends requests.
	KVTokens     int  `json:"kv_tokens"`
	Preallocated bool `json:"preallocated"` // its memory does not grow with the requests in it

	ParallelHint string `json:"parallel_hint,omitempty"` // what to change for more slots: "set OLLAMA_NUM_PARALLEL"

	// Epoch grows when the engine comes up, again or at first, and when it came
	// back as another version or with other slots: what was learned of it may no
	// longer hold.
	Epoch uint64 `json:"epoch"`

	APIs  []API  `json:"apis"`            // what it serves by itself
	Group string `json:"group,omitempty"` // engines of one group share a GPU and its limit; "" = its own

	Models []Model   `json:"models"`
	Seen   time.Time `json:"seen,omitzero"` // last good probe
}

// Serves reports whether the engine serves an API by itself.
func (i Info) Serves(a API) bool { return slices.Contains(i.APIs, a) }

// Local reports whether the engine runs on this machine, and so on its GPU. The
// demo engine runs on none.
func (i Info) Local() bool { return i.URL != "" && parsePlace(i.URL).local() }

// find returns the engine's own name of a model: the same, or the same with
// ":latest". Ollama, which knows more spellings, is asked by those, too.
func (i Info) find(model string) (name string, ok bool) {
	for _, m := range i.Models {
		if m.Name == model || m.Name == model+":latest" {
			return m.Name, true
		}
	}
	if i.Kind != KindOllama {
		return "", false
	}
	short := strings.TrimPrefix(strings.TrimPrefix(model, "registry.ollama.ai/"), "library/")
	for _, m := range i.Models {
		if strings.EqualFold(m.Name, short) || strings.EqualFold(m.Name, short+":latest") {
			return m.Name, true
		}
	}
	return "", false
}

// has returns whether the engine's list holds a model.
func (i Info) has(model string) bool {
	_, ok := i.find(model)
	return ok
}

// loaded reports whether a model of the engine is.
func (i Info) loaded(name string) bool {
	return slices.ContainsFunc(i.Models, func(m Model) bool { return m.Name == name && m.Loaded })
}

// AnswersAnyName reports whether the engine answers with the one model that it
// has whatever name it is asked for, as llama-server and KoboldCpp do.
func (i Info) AnswersAnyName() bool {
	return (i.Kind == KindLlamaCPP || i.Kind == KindKoboldCPP) && len(i.Models) == 1
}
