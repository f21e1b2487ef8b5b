//go:build e2e

package e2e

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"carpool/backends/backendstest"
)

// column is an engine of the contract, with a Carpool before it alone.
type column struct {
	described
	name string // in the table
	pool *pool
	// scripted is the engine, or stands in for it where the engine has to
	// misbehave; then behind is the Carpool before it.
	scripted *backendstest.Engine
	behind   *pool
	model    string // that scripted answers as
}

// plainRoutes are all that an engine needs to be called OpenAI-compatible.
var plainRoutes = []string{"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models"}

// columns starts the engines of the contract. The real Ollama is there twice, once
// as if it spoke nothing but OpenAI's dialect: its own answers then judge Carpool's
// translation.
func columns(t *testing.T) []*column {
	t.Helper()
	server := opened(t, "contract", 4, "OLLAMA_MAX_LOADED_MODELS=8")
	inPlace := backendstest.New(t)
	lmstudio, llamacpp, vllm := backendstest.NewLMStudio(t), backendstest.NewLlamaServer(t), backendstest.NewVLLM(t)
	koboldcpp := backendstest.NewKoboldCPP(t)
	llamacpp.SetEmbeddings(true)
	vllm.SetModels(backendstest.VLLMModels[0], "BAAI/bge-embed")
	for _, e := range []*backendstest.Engine{lmstudio, llamacpp, koboldcpp, vllm} {
		e.Choose(leisurely)
	}

	return []*column{
		{
			name: "Ollama", described: ollamas, pool: server,
			scripted: inPlace, behind: before(t, "ollama", inPlace.URL), model: "tiny",
		},
		{
			name: "Ollama as OpenAI", described: ollamas, pool: before(t, "openai", server.engine.url, plainRoutes...),
			scripted: inPlace, behind: before(t, "openai", inPlace.URL, plainRoutes...), model: "tiny:latest",
		},
		scriptedColumn(t, "LM Studio", "lmstudio", lmstudio, described{
			Chat: backendstest.LMStudioModels[0], Vision: backendstest.LMStudioModels[1], Embed: backendstest.LMStudioModels[2],
			LMStudio: "/engine/lmstudio", Lacks: []string{"json_object", "embedding counts"},
		}),
		scriptedColumn(t, "llama.cpp", "llamacpp", llamacpp, described{
			Chat: backendstest.LlamaServerModels[0], Vision: backendstest.LlamaServerModels[0], Embed: backendstest.LlamaServerModels[0],
			Lacks: []string{"unknown models"}, // it answers whatever name with its one model
		}),
		scriptedColumn(t, "KoboldCpp", "koboldcpp", koboldcpp, described{
			Chat: backendstest.KoboldModels[0], Vision: backendstest.KoboldModels[0], Embed: backendstest.KoboldModels[0],
			Lacks: []string{"unknown models", "refusals of long prompts", "words for failures"},
		}),
		scriptedColumn(t, "vLLM", "openai", vllm, described{
			Chat: backendstest.VLLMModels[0], Vision: backendstest.VLLMModels[0], Embed: "BAAI/bge-embed",
		}),
	}
}

// scriptedColumn is an engine that goes by the words of a prompt.
func scriptedColumn(t *testing.T, name, kind string, e *backendstest.Engine, d described) *column {
	t.Helper()
	d.Slow, d.Schema = d.Chat, d.Chat
	d.Tools = &prompt{d.Chat, "call:get_weather will it rain"}
	d.Thinking = &prompt{d.Chat, "think about two and two"}
	p := before(t, kind, e.URL)
	return &column{name: name, described: d, pool: p, scripted: e, behind: p, model: d.Chat}
}

// manyTokens is what a client asks for that will leave in the middle, and no other.
const manyTokens = 1500

// leisurely gives who will leave the time to do so.
func leisurely(q backendstest.Request) backendstest.Script {
	switch {
	case q.Limit != manyTokens:
		return backendstest.Script{}
	case q.Stream:
		return backendstest.Script{Every: 10 * time.Millisecond, Tokens: manyTokens}
	}
	return backendstest.Script{Delay: 10 * time.Second}
}

// before starts a Carpool before the engine at url, for one test. The engine is of
// a kind, and if routes are named it has no others.
func before(t *testing.T, kind, url string, routes ...string) *pool {
	t.Helper()
	own, err := os.MkdirTemp(dir, kind+"-")
	if err != nil {
		t.Fatal(err)
	}
	p, err := startBefore(context.Background(), binary, own, kind, url, routes...)
	if err != nil {
		t.Fatal(err)
	}
	p.closeAfter(t)
	return p
}

// lacks reports whether the engine has not what a check needs.
func (e described) lacks(what string) bool { return slices.Contains(e.Lacks, what) }
