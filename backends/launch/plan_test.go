package launch

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestNewPlan(t *testing.T) {
	ollama := Program{Ollama, "Ollama", "/usr/bin/ollama"}
	server := Program{LlamaCPP, "llama.cpp", "/usr/bin/llama-server"}
	lms := Program{LMStudio, "LM Studio", "/home/me/.lmstudio/bin/lms"}
	gpu := func(free, total uint64) Memory { return Memory{Free: free << 30, Total: total << 30} }
	env := []string{"HOME=/home/me", "OLLAMA_HOST=127.0.0.1:11435", "OLLAMA_MODELS=/big/models", "OLLAMA_DEBUG=1"}
	for _, tt := range []struct {
		name  string
		given Given
		args  string
		env   []string // that must be there, and nothing else of a name that is
		slots int
		why   string
	}{
		{"OllamaKeepsTheUsersModelsButNotTheAddress", Given{Program: ollama, Environ: env}, "serve",
			[]string{"HOME=/home/me", "OLLAMA_MODELS=/big/models", "OLLAMA_HOST=127.0.0.1:11434", "OLLAMA_NUM_PARALLEL=4"}, 4, "4 slots, since the GPU's memory is not known"},
		{"OllamaAsAskedFor", Given{Program: ollama, Wanted: Wanted{Slots: 6, Context: 8192, Port: 5000}, Environ: append(env, "OLLAMA_NUM_PARALLEL=2")}, "serve",
			[]string{"OLLAMA_HOST=127.0.0.1:5000", "OLLAMA_NUM_PARALLEL=6", "OLLAMA_CONTEXT_LENGTH=8192"}, 6, "6 slots, as asked for"},
		{"OllamaAsItsOwnVariableSays", Given{Program: ollama, Memory: gpu(22, 24), Environ: append(env, "OLLAMA_NUM_PARALLEL=9", "OLLAMA_NUM_PARALLEL=3")}, "serve",
			[]string{"OLLAMA_NUM_PARALLEL=3"}, 3, "3 slots, as OLLAMA_NUM_PARALLEL says in Carpool's environment"},
		{"OllamaOnASmallGPU", Given{Program: ollama, Memory: gpu(7, 8), Environ: env}, "serve",
			[]string{"OLLAMA_NUM_PARALLEL=6"}, 6, "6 slots of 4096 tokens: about 0.5 GiB each, and 7.0 GiB of the GPU's 8.0 are free, half of it for the model"},
		{"OllamaOnAMiddleOneGivesLongContexts", Given{Program: ollama, Memory: gpu(23, 24), Environ: env}, "serve",
			[]string{"OLLAMA_NUM_PARALLEL=2"}, 2, "2 slots of 32768 tokens: about 4.0 GiB each, and 23.0 GiB of the GPU's 24.0 are free, half of it for the model"},
		{"OllamaWithAShorterContextOfItsOwn", Given{Program: ollama, Memory: gpu(23, 24), Environ: append(env, "OLLAMA_CONTEXT_LENGTH=8192")}, "serve",
			[]string{"OLLAMA_NUM_PARALLEL=11", "OLLAMA_CONTEXT_LENGTH=8192"}, 11, ""},
		{"OllamaOnALargeOne", Given{Program: ollama, Wanted: Wanted{Context: 8192}, Memory: gpu(80, 80), Environ: env}, "serve",
			[]string{"OLLAMA_NUM_PARALLEL=16"}, 16, ""},
		{"OllamaOnAFullGPU", Given{Program: ollama, Memory: gpu(1, 24), Environ: env}, "serve",
			[]string{"OLLAMA_NUM_PARALLEL=1"}, 1, "1 slot of 32768 tokens: about 4.0 GiB each, and 1.0 GiB of the GPU's 24.0 are free, half of it for the model"},
		{"LlamaServerWithAFile", Given{Program: server, Wanted: Wanted{Model: "/m/llama.gguf", Context: 4096}, Memory: gpu(11, 12), ModelBytes: 5 << 30},
			"--model /m/llama.gguf --host 127.0.0.1 --port 8080 --parallel 9 --ctx-size 36864", nil, 9, ""},
		{"LlamaServerWithAFileThatTellsWhatATokenTakes", Given{Program: server, Wanted: Wanted{Model: "/m/llama.gguf", Context: 4096}, Memory: gpu(11, 12), ModelBytes: 5 << 30, TokenBytes: 512 << 10},
			"--model /m/llama.gguf --host 127.0.0.1 --port 8080 --parallel 2 --ctx-size 8192", nil, 2, "2 slots of 4096 tokens: about 2.0 GiB each, and 11.0 GiB of the GPU's 12.0 are free, less the model's"},
		{"LlamaServerWithARepository", Given{Program: server, Wanted: Wanted{Model: "ggml-org/gemma-3-4b-it-GGUF:Q4_K_M", Slots: 2, Port: 9000}},
			"--hf-repo ggml-org/gemma-3-4b-it-GGUF:Q4_K_M --host 127.0.0.1 --port 9000 --parallel 2", nil, 2, "2 slots, as asked for"},
		{"LlamaServerAsRouter", Given{Program: server, Router: true, Environ: []string{"LLAMA_ARG_LOG_VERBOSITY=5", "LLAMA_CACHE=/c"}},
			"--host 127.0.0.1 --port 8080 --parallel 4", []string{"LLAMA_CACHE=/c"}, 4, "4 slots, which share the model's own context"},
		{"LMStudio", Given{Program: lms, Wanted: Wanted{Slots: 8, Context: 4096}}, "server start --port 1234", nil, 0,
			"LM Studio takes its slots for each model as it is loaded, 4 by default; for 8: lms load MODEL --parallel 8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.given.Wanted.Kind = tt.given.Program.Kind
			before := slices.Clone(tt.given.Environ)
			p, err := NewPlan(tt.given)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(p.Args, " "); got != tt.args || p.Slots != tt.slots || tt.why != "" && p.Why != tt.why {
				t.Errorf("%q, %d slots: %s", got, p.Slots, p.Why)
			}
			for _, kv := range tt.env {
				name, _, _ := strings.Cut(kv, "=")
				same := slices.DeleteFunc(slices.Clone(p.Env), func(have string) bool { return !strings.HasPrefix(have, name+"=") })
				if !slices.Equal(same, []string{kv}) {
					t.Errorf("%s in the environment: %v", kv, same)
				}
			}
			for _, never := range []string{"OLLAMA_DEBUG", "LLAMA_ARG_LOG_VERBOSITY"} {
				if v, ok := variable(p.Env, never); ok {
					t.Errorf("%s=%s would have prompts in the log", never, v)
				}
			}
			if !slices.Equal(before, tt.given.Environ) {
				t.Error("the environment given was changed")
			}
		})
	}
	t.Run("LlamaServerNeedsAModel", func(t *testing.T) {
		if _, err := NewPlan(Given{Program: server}); !errors.Is(err, ErrNoModel) || !strings.Contains(err.Error(), "--model FILE.gguf") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("OnlyKindsThatCanBeStarted", func(t *testing.T) {
		if _, err := NewPlan(Given{Program: Program{Kind: VLLM}}); !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v", err)
		}
	})
}

func TestModelIsFileOrRepository(t *testing.T) {
	for model, file := range map[string]bool{
		"/m/a.gguf": true, "a.gguf": true, "./dir/model": true, "dir/a.GGUF": true, "/m/model": true, "model": true, "a/b/c": true,
		"ggml-org/gemma": false, "ggml-org/gemma:Q8_0": false,
	} {
		if isFile(model) != file {
			t.Errorf("%s: file %t", model, !file)
		}
	}
}
