package gateway

import (
	"net/http"
	"slices"
	"strings"

	"carpool/backends"
)

// own are the inference routes that engines of one kind have for themselves. They
// fail in OpenAI's shape, but for KoboldCpp's.
var own = map[backends.Kind]map[string]route{
	backends.KindLlamaCPP: {
		"/completion":       {scheduled: true, own: true, seeds: true},
		"/completions":      {scheduled: true, own: true, seeds: true},
		"/infill":           {scheduled: true, own: true, seeds: true},
		"/chat/completions": {scheduled: true, own: true, seeds: true},
		"/responses":        {scheduled: true, own: true},
		"/embedding":        {scheduled: true, own: true, embedding: true},
		"/embeddings":       {scheduled: true, own: true, embedding: true},
		"/rerank":           {scheduled: true, own: true, embedding: true},
		"/reranking":        {scheduled: true, own: true, embedding: true},
		"/v1/rerank":        {scheduled: true, own: true, embedding: true},
		"/v1/reranking":     {scheduled: true, own: true, embedding: true},
	},
	backends.KindLMStudio: {
		"/api/v0/chat/completions": {scheduled: true, own: true, seeds: true},
		"/api/v0/completions":      {scheduled: true, own: true, seeds: true},
		"/api/v0/embeddings":       {scheduled: true, own: true, embedding: true},
		"/api/v1/chat":             {scheduled: true, own: true, stateful: true},
	},
	backends.KindKoboldCPP: {
		"/api/v1/generate":           {scheduled: true, own: true},
		"/api/latest/generate":       {scheduled: true, own: true},
		"/api/extra/generate/stream": {scheduled: true, own: true, streams: true},
		"/api/extra/embeddings":      {scheduled: true, own: true, embedding: true},
	},
	backends.KindOpenAI: {
		"/rerank":    {scheduled: true, own: true, embedding: true},
		"/v1/rerank": {scheduled: true, own: true, embedding: true},
		"/v2/rerank": {scheduled: true, own: true, embedding: true},
		"/score":     {scheduled: true, own: true, embedding: true},
		"/v1/score":  {scheduled: true, own: true, embedding: true},
		"/pooling":   {scheduled: true, own: true, embedding: true},
		"/classify":  {scheduled: true, own: true, embedding: true},
	},
}

// straight is what else may be asked of those kinds; a name that ends in "/"
// stands for all below it. Not among it: what reads files, runs programs, fetches
// addresses or changes the server for everybody (llama.cpp's /tools, /cors-proxy
// and /lora-adapters, vLLM's /sleep and its like, KoboldCpp's /api/admin, saved stories,
// web search and whatever makes pictures, speech or music).
var straight = map[backends.Kind][]string{
	backends.KindLlamaCPP: {
		"/health", "/v1/health", "/models", "/v1/models", "/v1/models/", "/models/load", "/models/unload",
		"/tokenize", "/detokenize", "/apply-template",
		"/v1/messages/count_tokens", "/v1/audio/transcriptions",
	},
	backends.KindLMStudio: {"/v1/models", "/v1/models/", "/api/v0/", "/api/v1/"},
	backends.KindKoboldCPP: {
		"/v1/models", "/.well-known/serviceinfo", "/api/v1/model", "/api/latest/model", "/api/v1/info/version", "/api/latest/info/version",
		"/api/v1/config/max_length", "/api/latest/config/max_length",
		"/api/v1/config/max_context_length", "/api/latest/config/max_context_length",
		"/api/v1/config/soft_prompt", "/api/v1/config/soft_prompts_list",
		"/api/extra/version", "/api/extra/true_max_context_length", "/api/extra/perf",
		"/api/extra/tokencount", "/api/extra/tokenize", "/api/extra/detokenize", "/api/extra/json_to_grammar",
		"/api/extra/abort", "/api/extra/generate/check", "/api/extra/last_logprobs", // with a genkey alone: koboldcpp.go
	},
	backends.KindOpenAI: {
		"/health", "/version", "/v1/models", "/v1/models/", "/tokenize", "/detokenize",
		"/v1/messages/count_tokens", "/v1/responses/", "/v1/audio/transcriptions", "/v1/audio/translations",
	},
}

// passesUnknown reports whether an engine of this kind gets paths that we do
// not know: only those whose every route may be reached from outside.
func passesUnknown(k backends.Kind) bool {
	return k == backends.KindOllama || k == backends.KindDemo
}

// reaches reports whether a call without a turn may reach a path of an engine of
// this kind.
func reaches(k backends.Kind, path string) bool {
	if passesUnknown(k) {
		return true
	}
	// An engine may read an inference route under another spelling, too.
	plain := strings.ToLower(strings.TrimRight(path, "/"))
	if routes[plain].scheduled || own[k][plain].scheduled {
		return false
	}
	return slices.ContainsFunc(straight[k], func(s string) bool {
		return s == path || strings.HasSuffix(s, "/") && strings.HasPrefix(path, s)
	})
}

// isOwn reports whether a path is one that only some kind of engine has, beside
// what is under /v1.
func isOwn(path string) bool {
	for kind := range own {
		if own[kind][path].scheduled || reaches(kind, path) {
			return true
		}
	}
	return false
}

// serveOwn serves what only an engine can: the one that the path names, else the
// preferred one.
func (c *call) serveOwn() {
	target, err := c.preferred()
	if err != nil {
		c.client.refuse(c.dialect, faultOfResolve(err))
		return
	}
	r, ok := own[target.Kind][c.in.URL.Path]
	switch {
	case ok && c.in.Method == http.MethodPost:
		c.pinned, c.route = target.Name, r
		c.schedule()
	case target.Kind == backends.KindKoboldCPP && koboldKeyed[c.in.URL.Path]:
		c.pinned = target.Name
		c.serveKeyed()
	case reaches(target.Kind, c.in.URL.Path):
		c.pinned = target.Name
		c.serveStraight()
	default:
		c.client.refuse(c.dialect, newFault(notFound, "404 page not found"))
	}
}
