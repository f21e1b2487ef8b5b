package backends

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// koboldcpp is KoboldCpp. What it does is from koboldcpp.py of LostRuins/koboldcpp
// at version 1.120: do_GET, do_POST, get_capabilities, generate.
var koboldcpp = maker{
	kind:         KindKoboldCPP,
	label:        "KoboldCpp",
	places:       func() []string { return []string{"http://127.0.0.1:5001", defaultOllama} }, // its own, and where it stands in for Ollama
	probe:        probeKoboldCPP,
	advice:       "start it with `koboldcpp --model MODEL`",
	preallocated: true,
	parallelHint: "start it with --parallelrequests N",
}

// koboldName is how it names itself in the lists in which it imitates others.
const koboldName = "koboldcpp"

// koboldAPIs are the families that are asked of it. It also imitates Ollama, the
// Responses and the Anthropic API, without times, tool calls in streams of the
// second and the prompt's tokens in those of the third: these are translated. They
// cannot be studied either, as it answers an empty request with up to 2,048 tokens.
var koboldAPIs = []API{OpenAIAPI}

// koboldVersion is what we read of GET /api/extra/version, which no other engine has.
type koboldVersion struct {
	Result    string `json:"result"` // "KoboldCpp"
	Version   string `json:"version"`
	Protected bool   `json:"protected"` // it wants its password
	Text      *bool  `json:"llm"`       // it has a model of text; nil = an old version, which always has
	Vision    bool   `json:"vision"`
	Router    bool   `json:"router"` // it swaps models as they are asked for
}

// koboldHidden is the name of the model for who brings no password.
const koboldHidden = "koboldcpp/protected-model"

// probeKoboldCPP reads version, context and list. No page tells how many requests
// it runs at once: /props always says 1, whatever --parallelrequests is.
func probeKoboldCPP(ctx context.Context, c *http.Client, base *url.URL) (report, error) {
	v, err := askKobold(ctx, c, base)
	if err != nil {
		return report{}, err
	}
	if v.Protected {
		var model struct {
			Name string `json:"result"`
		}
		if err := getJSON(ctx, c, base.JoinPath("api", "v1", "model"), "KoboldCpp", &model); err != nil {
			return report{}, fmt.Errorf("model: %w", err)
		}
		if model.Name == koboldHidden {
			return report{}, &unexpected{what: wantsKey, key: true, sure: true} // its lists are open to all
		}
	}
	var size struct {
		Tokens int `json:"value"`
	}
	if err := getJSON(ctx, c, base.JoinPath("api", "extra", "true_max_context_length"), "KoboldCpp", &size); err != nil {
		return report{}, fmt.Errorf("context: %w", err)
	}
	var list openaiModels
	if err := getJSON(ctx, c, base.JoinPath("v1", "models"), "KoboldCpp", &list); err != nil {
		return report{}, fmt.Errorf("list of models: %w", err)
	}
	// All that run at once share the context (resolve_batched_benchmark_workload).
	r := report{version: v.Version, apis: koboldAPIs, kvTokens: max(size.Tokens, 0)}
	for i, m := range list.Data {
		current := i == 0 // of a router's models, which all say "loaded"
		if current && v.Text != nil && !*v.Text {
			continue // the name is "inactive" then
		}
		r.models = append(r.models, Model{Name: m.ID, Loaded: current, Context: r.kvTokens, Vision: current && v.Vision})
	}
	return r, nil
}

// askKobold asks what only KoboldCpp answers, without a password too.
func askKobold(ctx context.Context, c *http.Client, base *url.URL) (koboldVersion, error) {
	var v koboldVersion
	if err := getJSON(ctx, c, base.JoinPath("api", "extra", "version"), "KoboldCpp", &v); err != nil {
		return v, fmt.Errorf("version: %w", err)
	}
	if v.Result != "KoboldCpp" {
		return v, &unexpected{what: "not as KoboldCpp does"}
	}
	return v, nil
}
